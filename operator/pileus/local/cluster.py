"""One local cluster: up, down, and what tests and people do with it in between.

`up` brings the machine from any state to a working cluster and is a quick no-op where there is one:
each step looks at what is there. A lock per directory serializes `up` and `down`; clusters of different
directories share nothing but the cache. If `up` dies, the cluster goes on by itself, and the next `up`
continues or `down` removes it.

It must not know how parts are configured (`controlplane`, `node`) nor what runs in pods (`addons`).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from pileus.local import addons, cgroups, engines, host, images, kubevirt, launch, node, plan, provided, s3
from pileus.local.addons import AddonError
from pileus.local.engines import EngineError
from pileus.local.foreign import ForeignError
from pileus.local.growth import Growth, GrowthError
from pileus.local.host import HostError
from pileus.local.images import ImageError
from pileus.local.kubectl import Kubectl, KubectlError
from pileus.local.kubevirt.objects import ObjectsError
from pileus.local.launch import LaunchError
from pileus.local.paths import CHECKOUT, Layout
from pileus.local.plan import Profile, Record
from pileus.local.ports import PortsError, claim, listen
from pileus.local.provided import ProvidedError
from pileus.local.report import Report, Silent
from pileus.local.s3 import stores as s3_stores
from pileus.local.s3.ceph import CephError
from pileus.local.s3.stores import Store

_NODE_WAIT = 120


class ClusterError(Exception):
    """The cluster cannot do what was asked; the message says why and what to do."""


class LocalCluster:
    """The cluster whose files are in one directory, whether it runs or not."""

    def __init__(
        self,
        directory: Path | None = None,
        *,
        profile: str | None = None,
        with_: Iterable[str] = (),
        report: Report | None = None,
    ) -> None:
        """`directory`: where it keeps its files, by default `.local` of the checkout.

        `profile`: node, control-plane, apiserver, kind or existing; by default what runs there already, or
        the most that this machine can run.
        `with_`: kwok, kubevirt, those of `s3.ADDONS`, and add-ons of `addons.optional()`.
        """
        self.layout = Layout((directory or CHECKOUT / ".local").resolve())
        self._profile = Profile(profile) if profile else None
        self._with = tuple(sorted(set(with_)))
        self._report = report or Silent()
        known = (plan.KWOK, kubevirt.NAME, *s3.ADDONS, *addons.optional())
        if unknown := [name for name in self._with if name not in known]:
            raise ClusterError(f"There is no add-on {', '.join(unknown)}; there are {', '.join(known)}.")

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig: good on the host and inside."""
        return self.layout.kubeconfig

    @property
    def kubectl(self) -> Path:
        """The built kubectl."""
        return self._build(["kubectl"])["kubectl"]

    @property
    def record(self) -> Record | None:
        """What is known about the cluster, or None where there is none."""
        return Record.read(self.layout.record)

    @property
    def stores(self) -> dict[str, Store]:
        """Its object stores by engine, with the keys of their root users; none without such an add-on."""
        return s3_stores.read(self.layout)

    def running(self) -> bool:
        """Whether the cluster is up and complete; of a provided one, whether it answers."""
        record = self.record
        if record is None or not record.complete:
            return False
        if record.profile.provided:
            with suppress(KubectlError):
                client = Kubectl(self.kubectl, self.kubeconfig)
                return client.run("get", "--raw=/readyz", "--request-timeout=5s") == "ok"
            return False
        return launch.find(self.layout) is not None and self.progress().get("phase") == "ready"

    def up(self) -> Self:
        """Bring the cluster up, or find that it is. Raises ClusterError."""
        with self._locked(), _translated():
            record = self.record
            if record and not record.profile.provided and launch.find(self.layout) is None:
                self._report.line(
                    f"The cluster in {self.layout.root} is not running any more: starting anew."
                )
                self._clean()
                record = None
            profile = self._check_profile(record)
            wanted = tuple(sorted({*self._with, *(record.with_ if record else ())}))
            if record and record.complete and wanted == record.with_:
                self._report.line(f"The cluster in {self.layout.root} is already running.")
                return self
            if kubevirt.NAME in wanted and profile not in (Profile.NODE, Profile.CONTROL_PLANE):
                raise ClusterError(
                    f"The add-on {kubevirt.NAME} is for clusters whose control plane runs here; in profile "
                    f"{profile}, install KubeVirt as its users do."
                )
            if (storing := s3.asked(wanted)) and profile.provided:
                raise ClusterError(
                    f"The add-on {storing[0]} is for clusters that run here; in profile {profile}, install "
                    "an object store as its users do."
                )
            start = time.monotonic()
            # A killed `up` said nothing of parts that work, but a complete one did.
            before = self.progress()["parts"] if record and record.complete else ()
            programs = self._build(plan.programs(profile, wanted))
            growth = Growth(self.layout, profile, programs, self._report, self.nsenter)
            try:
                if profile.provided:
                    self._provide(profile, record, programs)
                elif record is None:
                    self._start(profile, wanted, programs)
                elif plan.KWOK in wanted and plan.KWOK not in record.with_:
                    growth.simulate(record)
                if not profile.provided:
                    growth.wait(before)
                had = record.with_ if record and record.complete else ()
                if kubevirt.NAME in wanted and kubevirt.NAME not in had:
                    growth.virtualize(self._known)
                for addon in storing:
                    if addon not in had:
                        growth.store_objects(self._known, addon)
                self._complete(profile, wanted)
            except BaseException as error:
                if not isinstance(error, KeyboardInterrupt) and record is None:
                    self._stop(keep_logs=True)
                raise
            self._report.line(f"The cluster is up after {time.monotonic() - start:.1f} s.")
            return self

    def down(self) -> bool:
        """End the cluster and remove all that it left; whether there was one. Raises ClusterError."""
        if not self.layout.root.exists():
            return False
        with self._locked(), _translated():
            there = self.layout.state.exists() or launch.find(self.layout) is not None
            self._stop(keep_logs=False)
            return there

    def progress(self) -> dict[str, Any]:
        """What the first process says: phase, and per part pid, state, restarts, seconds."""
        return launch.progress(self.layout)

    def nsenter(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` inside the cluster's namespaces, where it has any."""
        settings = [f"{name}={value}" for name, value in self.environment().items()]
        if (record := self.record) and record.profile.provided:
            return ["env", *settings, *argv]
        found = launch.find(self.layout)
        if found is None:
            raise ClusterError(
                f"The cluster in {self.layout.root} does not run; `pileus local up` starts it."
            )
        settings = [f"{name}={value}" for name, value in self.environment().items()]
        return launch.inside(found, ["env", *settings, *argv])

    def environment(self) -> dict[str, str]:
        """KUBECONFIG and PATH for programs that use the cluster."""
        path = os.pathsep.join((str(self.layout.bin), host.SEARCHED))
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": path, "CONTAINERD_NAMESPACE": "k8s.io"}

    def import_image(self, archive: Path) -> None:
        """Give the node an image. Raises ClusterError; does nothing where pods are only simulated."""
        record = self.record
        if record is not None and record.profile is Profile.KIND:
            with _translated():
                provided.load_into_kind(self.layout, archive)
            return
        if record is not None and record.profile is Profile.EXISTING:
            raise ClusterError(
                f"{archive} cannot be imported into a cluster of yours: push it to its registry."
            )
        if record is None or record.profile is not Profile.NODE:
            return
        # From standard input: the archive may lie where the node's own mounts cover it.
        argv = self.nsenter(["ctr", "-n", "k8s.io", "images", "import", "-"])
        with archive.open("rb") as content:
            done = subprocess.run(argv, stdin=content, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(f"{archive} cannot be imported: {done.stderr.strip()[-500:]}")

    @property
    def _known(self) -> Record:
        record = self.record
        assert record is not None  # `up` has begun
        return record

    def _check_profile(self, record: Record | None) -> Profile:
        if record is not None:
            if self._profile not in (None, record.profile):
                raise ClusterError(
                    f"The cluster in {self.layout.root} runs in profile {record.profile}; end it with "
                    f"`pileus local down` first, or give another --dir."
                )
            return record.profile
        profile, simulated = plan.choose(self._profile, lambda: host.lacks(self._report))
        if simulated:
            self._report.line(simulated)
            if self._profile is None:
                self._with = tuple(sorted({*self._with, plan.KWOK}))
        return profile

    def _build(self, names: Iterable[str]) -> dict[str, Path]:
        with _translated():
            return engines.build(names, report=self._report)

    def _start(self, profile: Profile, wanted: tuple[str, ...], programs: dict[str, Path]) -> None:
        if covered := node.covering(self.layout.root) if profile is Profile.NODE else "":
            raise ClusterError(
                f"{self.layout.root} lies in {covered}, which the node covers; choose another --dir."
            )
        self._clean()
        for directory in (self.layout.logs, self.layout.etc, self.layout.data, self.layout.bin):
            directory.mkdir(parents=True, exist_ok=True)
        for name, path in programs.items():
            (self.layout.bin / name).symlink_to(path)
        namespaces = profile is Profile.NODE
        guard, port = claim()
        with guard, ExitStack() as held:
            listens = held.enter_context(listen(port)).fileno() if namespaces else None
            site = plan.site(self.layout, profile, programs, port)
            record = Record(profile, wanted, port, complete=False, versions=dict(site.versions))
            record.write(self.layout.record)
            pause = images.ref("pause")
            spec = plan.prepare(site, profile, wanted, pause_image=pause, listens=listens)
            if namespaces:
                cgroups.create(self.layout.name)
            inherit = [guard.fileno(), *([] if listens is None else [listens])]
            launch.start(self.layout, spec, namespaces=namespaces, inherit=inherit)

    def _provide(self, profile: Profile, record: Record | None, programs: dict[str, Path]) -> None:
        self.layout.bin.mkdir(parents=True, exist_ok=True)
        for name, path in programs.items():
            with suppress(FileExistsError):
                (self.layout.bin / name).symlink_to(path)
        if profile is Profile.KIND:
            provided.create_kind(self.layout, self._report)
        else:
            provided.adopt(self.layout, programs["kubectl"])
        if record is None:
            Record(profile, (), 0, complete=False, versions={}).write(self.layout.record)

    def _complete(self, profile: Profile, wanted: tuple[str, ...]) -> None:
        client = Kubectl(self.kubectl, self.kubeconfig)
        if not (profile.provided or profile is Profile.APISERVER):
            with self._report.step("default ServiceAccount there"):
                waiting = ("wait", "--for=create", "serviceaccount/default", f"--timeout={_NODE_WAIT}s")
                client.run(*waiting)
        if profile is Profile.NODE:
            with self._report.step("node Ready"):
                client.wait("Ready", f"node/{plan.NODE}", seconds=_NODE_WAIT)
            with self._report.step("pause image imported"):
                self.import_image(images.ensure("pause"))
        if plan.KWOK in wanted:
            client.apply(plan.fake_nodes(profile))
        extra = [name for name in wanted if name not in (plan.KWOK, kubevirt.NAME, *s3.ADDONS)]
        base = addons.BASE if profile is Profile.NODE else ()
        if extra or base:
            with self._report.step("add-ons work"):
                addons.install(
                    kubeconfig=self.kubeconfig,
                    kubectl=self.kubectl,
                    import_image=self.import_image,
                    with_=extra,
                    say=self._report.progress,
                    volumes=self.layout.volumes,
                    base=base,
                )
        self._known.changed(complete=True, with_=wanted).write(self.layout.record)

    def _stop(self, *, keep_logs: bool) -> None:
        if (record := self.record) and record.profile is Profile.KIND:
            provided.delete_kind(self.layout)
        launch.end(self.layout)
        self._clean(keep_logs=keep_logs)

    def _clean(self, *, keep_logs: bool = False) -> None:
        """Remove what a cluster that has ended left behind."""
        if left := cgroups.remove(self.layout.name):
            raise ClusterError(f"Control groups are still in use: {', '.join(map(str, left))}.")
        self.kubeconfig.unlink(missing_ok=True)
        if self.layout.state.exists():
            for path in self.layout.state.iterdir():
                if not (keep_logs and path == self.layout.logs):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not keep_logs:
            with suppress(FileNotFoundError):
                self.layout.state.rmdir()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.layout.root.mkdir(parents=True, exist_ok=True)
        with self.layout.lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._report.line(f"Waiting for another command on the cluster in {self.layout.root}.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextmanager
def _translated() -> Iterator[None]:
    """One kind of error for callers."""
    try:
        yield
    except (
        AddonError,
        CephError,
        EngineError,
        ForeignError,
        GrowthError,
        HostError,
        ImageError,
        KubectlError,
        LaunchError,
        PortsError,
        ObjectsError,
        ProvidedError,
    ) as error:
        raise ClusterError(str(error)) from error
