"""The campaign's options, its one cluster, and the table that it ends with."""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncIterator, Iterator
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

    def check(self, point: str, problems: object = None) -> None:
        """One point: passed if there are no problems."""
        if problems:
            self.failed.append(f"{point}: {problems}")
        else:
            self.passed += 1

    @contextmanager
    def point(self, name: str) -> Iterator[None]:
        """One point: passed if nothing in it fails."""
        try:
            yield
        except AssertionError as error:
            self.failed.append(f"{name}: {error}")
        else:
            self.passed += 1


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
def campaign_cluster(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of a control plane with all its controllers, and what the subject needs beside it."""
    if given := os.environ.get("PILEUS_TEST_CAMPAIGN"):
        yield Path(given)
        return
    cluster = LocalCluster(
        tmp_path_factory.mktemp("campaign"), profile="control-plane", with_=subject.cluster
    )
    cluster.up()
    try:
        yield cluster.kubeconfig
    finally:
        cluster.down()


@pytest.fixture(scope="session", params=SUBJECTS, ids=lambda subject: subject.kind.name)
def subject(request: pytest.FixtureRequest) -> Subject:
    """Each kind in turn."""
    found: Subject = request.param
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(
    campaign_cluster: Path, subject: Subject, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    """The subject's ground, for the whole session."""
    async with Ground.open(campaign_cluster, subject, tmp_path_factory.mktemp("ground")) as found:
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


@pytest.fixture
def points(request: pytest.FixtureRequest, seed: int) -> Iterator[Points]:
    """Counts what the test proves, and fails it if a point failed."""
    name = request.node.name.removeprefix("test_").partition("[")[0]
    found = Points(name, seed)
    request.config.stash.setdefault(TABLE, []).append(found)
    started = time.monotonic()
    yield found
    found.seconds = time.monotonic() - started
    if found.failed and (terminal := request.config.pluginmanager.get_plugin("terminalreporter")):
        terminal.write_line("")  # at once: a full run goes on for an hour
        for line in found.failed:
            terminal.write_line(line[:1000])
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
