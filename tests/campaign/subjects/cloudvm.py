"""CloudVM in the campaign: KubeVirt's and CDI's own controllers, on played nodes."""

from __future__ import annotations

from collections.abc import Callable

import yaml

from pileus.engine.plan import Manifest, ObjectKind
from pileus.kinds.cloudvm import CLOUD_VM as KIND
from pileus.objects.catalog import PERSISTENT_VOLUME_CLAIM, VIRTUAL_MACHINE_INSTANCE
from pileus.objects.reading import at, items
from tests.campaign.subject import Scenario, Spec, Step, Subject
from tests.campaign.subjects.cloudvm_deputies import DEPUTIES, NAMELESS
from tests.campaign.subjects.cloudvm_edits import EDITS, NAMED, STRANGERS
from tests.campaign.subjects.cloudvm_effects import BOOKKEEPING, EFFECTS, INVISIBLE, STILL
from tests.campaign.subjects.cloudvm_seen import LOTS, OVER, drawn, seen, settled
from tests.campaign.subjects.cloudvm_specs import AUTOMATIC, IMAGE, LAN, LARGE, PODS, SSH, disk, vm
from tests.campaign.subjects.cloudvm_wrong import WRONG
from tests.cluster.machines import network

CANARIES = (
    "canary-us3rdata-2b41",
    "canary-n3tdata-91cc",
    "canary-sysprep-0d7e",
    "canary-sshk3ys-5f18",
    "canary-dl-s3cr3t-66aa",
    "canary-c3rtauth-77d0",
)

GONE = Step("delete", None)


def moved(token: str) -> Callable[[Manifest], bool]:
    """Whether the migration that a token asked for has ended."""

    def matches(live: Manifest) -> bool:
        told = at(live, "status", "migration") or {}
        return told.get("token") == token and told.get("phase") in OVER

    return matches


def snapshots(*names: str) -> Callable[[Manifest], bool]:
    """Whether these snapshots are there, and no others."""
    return lambda live: {entry["name"] for entry in items(live, "status", "snapshots")} == set(names)


SCENARIOS = (
    Scenario(
        "life",
        "made with an image and an empty disk, grown, deleted: one disk is kept and one goes",
        (
            Step("create", vm(disks=[disk(source=IMAGE), disk("data", retain="Retain")], expose=[SSH])),
            Step("grow", vm(disks=[disk(source=IMAGE), disk("data", retain="Retain", size="2Gi")])),
            GONE,
        ),
        smoke=True,
    ),
    Scenario(
        "power",
        "every way of stopping and going on",
        (
            Step("create", vm()),
            Step("stop", vm(power="Stopped")),
            Step("start", vm()),
            Step("pause", vm(power="Paused")),
            Step("resume", vm()),
            Step("restart", vm(restart={"token": "one"})),
        ),
    ),
    Scenario(
        "resize",
        "more while it runs, less with a restart that nobody has to ask for",
        (
            Step("small", vm(restart=AUTOMATIC)),
            Step("larger", vm(restart=AUTOMATIC, size=LARGE)),
            Step("small again", vm(restart=AUTOMATIC)),
        ),
    ),
    Scenario(
        "plug",
        "a disk and an interface come and go while it runs",
        (
            Step("create", vm()),
            Step("plug", vm(disks=[disk(), disk("extra")], networks=[PODS, LAN])),
            Step("unplug", vm(networks=[PODS])),
        ),
    ),
    Scenario(
        "move",
        "each token moves it once",
        (
            Step("create", vm()),
            Step("one", vm(migrate={"token": "one"}), until=moved("one")),
            Step("two", vm(migrate={"token": "two"}), until=moved("two")),
        ),
    ),
    Scenario(
        "back",
        "a snapshot is taken and gone back to, for which the machine is stopped",
        (
            Step("create", vm()),
            Step("take", vm(snapshots={"take": "first"}), until=snapshots("app-first")),
            Step(
                "restore",
                vm(snapshots={"take": "first", "restore": "app-first", "stopToRestore": True}),
                rest=4.0,
            ),
        ),
    ),
    Scenario(
        "class",
        "from numbers to a class and back, each by one apply",
        (
            Step("numbers", vm(restart=AUTOMATIC)),
            Step("a class", vm(restart=AUTOMATIC, size={"class": "u1.small"})),
            Step("numbers again", vm(restart=AUTOMATIC)),
        ),
    ),
)


BY_THE_CLOCK = (
    Scenario(
        "nightly",
        "a schedule takes a snapshot, which goes with it",
        (
            Step(
                "each minute",
                vm(power="Stopped", snapshots={"schedules": [{"cron": "* * * * *", "keep": 1}]}),
                until=lambda live: bool(items(live, "status", "snapshots")),
            ),
            Step("no more", vm(power="Stopped"), until=snapshots()),
        ),
    ),
)


def _secret(name: str, **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


AROUND: tuple[Manifest, ...] = (
    _secret("user", userdata=f"#cloud-config\n# {CANARIES[0]}\n"),
    _secret("net", networkdata=f"# {CANARIES[1]}\nversion: 2\n"),
    _secret("answers", **{"autounattend.xml": f"<!-- {CANARIES[2]} -->"}),
    _secret("keys", key=f"ssh-ed25519 AAAA {CANARIES[3]}"),
    _secret("login", accessKeyId="me", secretKey=CANARIES[4]),
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "authority"},
        "data": {"ca.pem": CANARIES[5]},
    },
)
SECRET_IMAGE: Spec = {**IMAGE, "credentials": "login", "certificates": "authority"}

EVERYTHING: tuple[Spec, ...] = (
    vm(
        disks=[disk(source=SECRET_IMAGE), disk("data", retain="Retain")],
        networks=[PODS, LAN],
        expose=[SSH],
        snapshots={"take": "first"},
        access={"userData": {"secret": "user"}},
    ),
    vm(power="Stopped", expose=[SSH | {"type": "LoadBalancer"}]),
)
"""Every kind of child but the migration, which only a token that comes later makes: scenario `move`."""

SECRETIVE: tuple[Spec, ...] = (
    vm(
        disks=[disk(source=SECRET_IMAGE)],
        access={
            "userData": {"secret": "user"},
            "networkData": {"secret": "net"},
            "sysprep": {"secret": "answers"},
            "sshSecret": {"secret": "keys"},
        },
    ),
    vm(
        disks=[disk("other", source={"registry": "quay.io/x/y:1", "credentials": "login"})],
        power="Stopped",
        access={"sshSecret": {"secret": "keys"}},
    ),
)
"""All that is named, in every field that can name it."""

TWO: Spec = vm(restart=AUTOMATIC, disks=[disk(), disk("data")], expose=[SSH])
MIX: tuple[Spec, ...] = (
    vm(restart=AUTOMATIC),
    TWO,
    {**TWO, "size": LARGE},
    {**TWO, "power": "Stopped"},
    vm(restart=AUTOMATIC, size={"class": "u1.small"}),
    {**TWO, "power": "Paused"},
    vm(restart=AUTOMATIC, networks=[PODS, LAN], expose=[SSH, {"name": "web", "port": 80}]),
)


def _surroundings() -> tuple[Manifest, ...]:
    """What an administrator has installed: protection, and a class of disks that cannot grow."""
    from tests.campaign.ground import ROOT

    policies = sorted((ROOT / "crds").glob("pileus.dev_cloudvms.policy*.yaml"), reverse=True)
    return (
        *(yaml.safe_load(file.read_text()) for file in policies),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "rigid"},
            "provisioner": "vm-disks.local.pileus.dev",
        },
    )


CLOUD_VM = Subject(
    kind=KIND,
    target=ObjectKind("pileus.dev", "v1alpha1", "CloudVM", "cloudvms"),
    crd="crds/pileus.dev_cloudvms.yaml",
    base=vm(),
    still=STILL,
    mix=MIX,
    everything=EVERYTHING,
    secretive=SECRETIVE,
    scenarios=SCENARIOS,
    effects=EFFECTS,
    wrong=WRONG,
    deputies=DEPUTIES,
    nameless=NAMELESS,
    edits=EDITS,
    named=NAMED,
    bookkeeping=BOOKKEEPING,
    strangers=STRANGERS,
    replaced=(
        {**TWO, "size": LARGE, "disks": [disk(retain="Retain")], "expose": [SSH | {"port": 2222}]},
        vm(restart=AUTOMATIC, disks=[disk("other")]),
    ),
    beside=(network("lan-120"),),
    around=AROUND,
    canaries=CANARIES,
    prepare=_surroundings,
    cluster=("kubevirt",),
    volumes=False,
    also=(VIRTUAL_MACHINE_INSTANCE, PERSISTENT_VOLUME_CLAIM),
    seen=seen,
    drawn=drawn,
    lots=LOTS,
    beats=frozenset({"resourceVersion", "managedFields", "lastHeartbeatTime", "lastProbeTime"}),
    settled=settled,
    asks=frozenset({"ReferenceMissing"}),
    restless=True,
    rest=2.5,
    patience=300.0,
    previous="3805443f2cb6cc3f621fbf8407ee0b333ed5c90b",
    many=(300,),
    at_once=40,
    small=("t01", "t09_strangers"),
    beds={"DataVolume": {**TWO, "power": "Stopped"}},  # a claim cannot go while the machine that has it runs
    later={
        "VirtualMachineSnapshot": (vm(power="Stopped"), vm(power="Stopped", snapshots={"take": "first"})),
        "VirtualMachineInstanceMigration": (vm(), vm(migrate={"token": "one"})),
    },
    by_the_clock=BY_THE_CLOCK,
    protected=vm(protect=True),
    invisible=INVISIBLE,
)
