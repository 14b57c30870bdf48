"""The campaign's options, its one cluster, and the table that it ends with."""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from pileus.local import LocalCluster
from tests.campaign.ground import Ground
from tests.campaign.subject import Subject
from tests.campaign.subjects import SUBJECTS


@dataclass
class Points:
    """What one test proved, point by point; `seed` is what its dice were thrown with."""

    test: str
    seed: int
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    seeds: list[int] = field(default_factory=list)
    tell: Callable[[str], None] = print

    def check(self, point: str, problems: object = None) -> None:
        """One point: passed if there are no problems."""
        if problems:
            self._failed(f"{point}: {problems}")
        else:
            self.passed += 1

    @contextmanager
    def point(self, name: str) -> Iterator[None]:
        """One point: passed if nothing in it fails."""
        try:
            yield
        except AssertionError as error:
            self._failed(f"{name}: {error}")
        else:
            self.passed += 1

    def _failed(self, line: str) -> None:
        """Told at once: a full run goes on for hours."""
        self.failed.append(line)
        self.tell(line[:1000])


TABLE = pytest.StashKey[list[Points]]()
REPORT = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need what a subject has not are left out; and of the small run those marked `full`."""
    full = config.getoption("--campaign") == "full"
    left_out = [item for item in items if not (_applies(item) and (full or _is_small(item)))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _subject(item: pytest.Item) -> Subject | None:
    """The subject of a test that stands on the ground; tests of tables are quick, and always run."""
    call = getattr(item, "callspec", None)
    found: Subject | None = call.params.get("subject") if call else None
    return found if "ground" in getattr(item, "fixturenames", ()) else None


def _applies(item: pytest.Item) -> bool:
    subject, needs = _subject(item), item.get_closest_marker("needs")
    return subject is None or needs is None or all(getattr(subject, field) for field in needs.args)


def _is_small(item: pytest.Item) -> bool:
    subject = _subject(item)
    if item.get_closest_marker("full"):
        return False
    if subject is None or subject.small is None:
        return True
    return any(item.name.startswith(f"test_{name}") for name in subject.small)


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether all of it runs."""
    return bool(request.config.getoption("--campaign") == "full")


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """What all dice of this run are thrown with."""
    given = request.config.getoption("--seed")
    return random.randrange(2**31) if given is None else int(given)


@pytest.fixture
def dice(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """The same throws in every run with this seed, whatever other tests run."""
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture(scope="session")
def campaign_cluster(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A control plane with all its controllers, and what the subject needs beside it.

    PILEUS_TEST_CAMPAIGN names the directory of one that is used, and left running, instead of an own one.
    """
    given = os.environ.get("PILEUS_TEST_CAMPAIGN")
    directory = Path(given) if given else tmp_path_factory.mktemp("campaign")
    cluster = LocalCluster(directory, profile="control-plane", with_=subject.cluster)
    try:
        yield cluster.up()
    finally:
        if not given:
            cluster.down()


@pytest.fixture(scope="session", params=SUBJECTS, ids=lambda subject: subject.kind.name)
def subject(request: pytest.FixtureRequest) -> Subject:
    """Each kind in turn."""
    found: Subject = request.param
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(
    campaign_cluster: LocalCluster, subject: Subject, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    """The subject's ground, for the whole session."""
    directory = tmp_path_factory.mktemp("ground")
    cluster, stores = campaign_cluster, campaign_cluster.stores if "s3" in subject.cluster else {}
    async with Ground.open(cluster.kubeconfig, subject, directory, stores) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def ground(stage: Ground) -> AsyncIterator[Ground]:
    """The ground, cleared, with the operator running; no test leaves a traceback in its log."""
    await stage.clear()
    await stage.start()
    yield stage
    trouble = stage.trouble()
    await stage.clear()
    assert not trouble, f"the operator's log tells of a defect: {trouble[:5]}"


def _teller(plugins: pytest.PytestPluginManager) -> Callable[[str], None]:
    """What shows a line at once, though output is captured while a test runs."""
    terminal, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")

    def tell(line: str) -> None:
        if terminal and capture:
            with capture.global_and_fixture_disabled():
                terminal.write_line(f"\n{line}")

    return tell


@pytest.fixture
def points(request: pytest.FixtureRequest, seed: int) -> Iterator[Points]:
    """Counts what the test proves, and fails it if a point failed."""
    name = request.node.name.removeprefix("test_").partition("[")[0]
    found = Points(name, seed, tell=_teller(request.config.pluginmanager))
    request.config.stash.setdefault(TABLE, []).append(found)
    started = time.monotonic()
    yield found
    found.seconds = time.monotonic() - started
    assert not found.failed, f"seed {seed}:\n" + "\n".join(found.failed)
    assert found.passed, "nothing was proved"


@pytest.fixture
def report(request: pytest.FixtureRequest) -> list[str]:
    """Lines that are printed after the campaign's table."""
    return request.config.stash.setdefault(REPORT, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(TABLE, [])
    if not rows:
        return
    write = terminalreporter.write_line
    terminalreporter.section("the campaign")
    write(f"{'test':44} {'points':>7} {'passed':>7} {'seconds':>8}  seeds of failures")
    for row in rows:
        total = row.passed + len(row.failed)
        seeds = ", ".join(map(str, row.seeds or ([row.seed] if row.failed else [])))
        write(f"{row.test:44} {total:7} {row.passed:7} {row.seconds:8.0f}  {seeds}")
    for text in config.stash.get(REPORT, []):
        write(text)
