"""A field of pods in which flows are really tried, through whatever enforces NetworkPolicies here.

Nine pods in three namespaces and an address outside of the cluster, each with servers on two ports by TCP and
UDP; the tenth pod is a sentinel, by which the field knows that the enforcer has seen the newest policies. All
ends try their flows at once, by a process in each that lives as long as the field.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pileus.engine.plan import Manifest
from pileus.local import LocalCluster, contents, images
from pileus.local.controlplane import NODE_ADDRESS, POD_RANGE
from pileus.objects import netpol
from pileus.objects.netpol import Flow, Outside, Peer, Pod
from tests.e2e.kubectl import Kubectl
from tests.netpolicies import NAMESPACES, OUT, PODS, PORTS, Peers, allow, policy

PROGRAM = (Path(__file__).parent / "peer.py").read_text()
PYTHON = f"/{contents.PYTHON}"
PATIENCE = 40.0
"""Seconds for which the enforcer may be behind, and flows are repeated that are not as they should be."""
ANSWER = 0.5
"""Seconds within which somebody answers who is reached; whoever does not is asked anew."""
SENTINEL = "w/sentinel"


class Field:
    """The field; `peers` are who may be a flow's source or target, by short names as `x/a` and `out`."""

    def __init__(self, admin: Kubectl, ends: Mapping[str, End], peers: Peers) -> None:
        self.peers = Peers({n: p for n, p in peers.by_name.items() if n != SENTINEL}, peers.namespaces)
        self._admin, self._ends, self._everybody = admin, ends, peers
        self._applied: dict[tuple[str, str], Manifest] = {}
        self._round = 0

    def enforce(self, policies: Iterable[Manifest]) -> None:
        """Have these policies, with braces or without, and no others of before; wait until that is seen."""
        self._round += 1
        port, other = PORTS if self._round % 2 else PORTS[::-1]
        wanted = {_key(one): one for one in self._everybody.placed(policies)}
        if gone := [one for key, one in self._applied.items() if key not in wanted]:
            self._admin("delete", "--wait=false", "-f", "-", given=_listed(gone))
        # The last in the list: who enforces it has got the others before, by the same watch.
        mark = policy("w", name="sentinel", ingress=[allow(ports=f"{port}")])
        self._admin.apply(*wanted.values(), *self._everybody.placed([mark]))
        self._applied = wanted
        ends = self._everybody.by_name
        signs = {Flow(ends[OUT], ends[SENTINEL], at): at == port for at in (port, other)}
        assert not self.disagreements(signs), "the enforcer does not see new policies"

    def label(self, more: Mapping[str, Mapping[str, str | None]]) -> None:
        """Set labels of pods (by short name) and of namespaces; None takes one away."""
        for short, labels in more.items():
            namespace, _, name = short.partition("/")
            words = [f"{key}={value}" if value is not None else f"{key}-" for key, value in labels.items()]
            there = self.peers.words[namespace]
            what = ("pod", name, f"-n={there}") if name else ("namespace", there)
            self._admin("label", "--overwrite", *what, *words)

    def try_flows(self, flows: Iterable[Flow], seconds: float = ANSWER) -> dict[Flow, bool]:
        """Which of the flows got an answer, and from the right one."""
        by_source: dict[str, list[Flow]] = {}
        for flow in flows:
            by_source.setdefault(self._short(flow.source), []).append(flow)
        for source, its in by_source.items():
            self._ends[source].ask([(_address(f.target, f.family), f.port, f.protocol) for f in its], seconds)
        return {
            flow: self._is(flow.target, answer)
            for source, its in by_source.items()
            for flow, answer in zip(its, self._ends[source].answers(), strict=True)
        }

    def disagreements(self, expected: Mapping[Flow, bool], patience: float = PATIENCE) -> dict[Flow, bool]:
        """What never came to be as expected, with how it is instead; the rest may have taken its time."""
        deadline = time.monotonic() + patience
        left = dict(expected)
        while True:
            seen = self.try_flows(left, ANSWER if len(left) == len(expected) else 4 * ANSWER)
            left = {flow: wanted for flow, wanted in left.items() if seen[flow] != wanted}
            if not left or time.monotonic() > deadline:
                return {flow: seen[flow] for flow in left}

    def story(self, flow: Flow) -> str:
        """A flow in the field's words."""
        return f"{self._short(flow.source)} > {self._short(flow.target)} :{flow.port}/{flow.protocol}"

    def _short(self, peer: Peer) -> str:
        return next(short for short, one in self._everybody.by_name.items() if _same(one, peer))

    def _is(self, peer: Peer, answer: str) -> bool:
        assert answer in ("", self._short(peer)), f"{answer} answers instead of {self._short(peer)}"
        return answer != ""


class End:
    """A process that tries flows from where it is."""

    def __init__(self, name: str, argv: Sequence[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, tries: Sequence[tuple[str, int, str]], seconds: float) -> None:
        """Begin to try."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"tries": tries, "seconds": seconds}) + "\n")
        self._process.stdin.flush()

    def answers(self) -> list[str]:
        """What was answered, in order."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the process in {self.name} has ended: {self._process.wait()}"
        found: list[str] = json.loads(line)
        return found

    def end(self) -> None:
        """The program ends with its input; `kubectl exec` does not always hear of that."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def field(cluster: LocalCluster, admin: Kubectl) -> Iterator[Field]:
    """A field that is open at first; it goes with all that is in it."""
    cluster.import_image(images.ensure("web"))
    admin = admin.within("")
    words = {short: f"e2e-field-{short}-{os.urandom(2).hex()}" for short in (*NAMESPACES, "w")}
    shorts = [*(f"{space}/{name}" for space in NAMESPACES for name in PODS), SENTINEL]
    with ExitStack() as stack:
        stack.callback(lambda: admin("delete", "namespace", "--wait=false", *words.values()))
        admin.apply(*(_namespace(short, name) for short, name in words.items()))
        for name in words.values():
            admin.within(name)("wait", "--for=create", "serviceaccount/default", "--timeout=60s")
        admin.apply(*(_pod(short, words) for short in shorts))
        for name in words.values():
            admin.within(name)("wait", "--for=condition=Ready", "pod", "--all", "--timeout=120s")
        peers: dict[str, Peer] = {}
        ends: dict[str, End] = {}
        for short in shorts:
            namespace, _, name = short.partition("/")
            kubectl = admin.within(words[namespace])
            peers[short] = netpol.pod(kubectl.get("pod", name))
            tries = ("--", PYTHON, "-I", "-u", "-c", PROGRAM, "try")
            ends[short] = End(short, kubectl.argv("exec", "--stdin", name, *tries))
            stack.callback(ends[short].end)
        peers[OUT], ends[OUT] = stack.enter_context(_outside(cluster))
        labels = {name: {"ns": short} for short, name in words.items()}
        found = Field(admin, ends, Peers(peers, labels))
        everything = {flow: True for _, _, flow in found.peers.flows()}
        closed = found.disagreements(everything)
        assert not closed, f"flows that no policy forbids do not pass: {[*map(found.story, closed)]}"
        yield found


@contextmanager
def _outside(cluster: LocalCluster) -> Iterator[tuple[Outside, End]]:
    """A machine beside the node, as far as the cluster can tell: a network of its own on the node's link."""
    number = 100 + os.getpid() % 150
    name, link = f"out{number}", f"out{number}"
    address = f"{NODE_ADDRESS.rpartition('.')[0]}.{number}"

    def run(*commands: str) -> None:
        subprocess.run(cluster.nsenter(["sh", "-ec", "\n".join(commands)]), check=True, capture_output=True)

    run(
        f"ip netns add {name}",
        f"ip link add {link} type veth peer name eth0 netns {name}",
        f"ip link set {link} master node0 up",
        f"ip -n {name} addr add {address}/24 dev eth0",
        f"ip -n {name} link set lo up",
        f"ip -n {name} link set eth0 up",
        f"ip -n {name} route add {POD_RANGE} via {NODE_ADDRESS}",
    )
    serve = [sys.executable, "-I", "-u", "-c", PROGRAM, "both", OUT, *map(str, PORTS)]
    end = End(OUT, cluster.nsenter(["ip", "netns", "exec", name, *serve]))
    try:
        yield Outside(address), end
    finally:
        end.end()
        run(f"ip netns del {name}")


def _namespace(short: str, name: str) -> Manifest:
    labels = {"ns": short, "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _pod(short: str, words: Mapping[str, str]) -> Manifest:
    namespace, _, name = short.partition("/")
    ports = [
        {"name": f"serve-{port}-{protocol.lower()}", "containerPort": port, "protocol": protocol}
        for port in PORTS
        for protocol in ("TCP", "UDP")
    ]
    container = {
        "name": "main",
        "image": images.ref("web"),
        "imagePullPolicy": "Never",
        "command": [PYTHON, "-I", "-u", "-c", PROGRAM, "serve", short, *map(str, PORTS)],
        "ports": ports,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
    }
    spec = {"containers": [container], "securityContext": security, "terminationGracePeriodSeconds": 1}
    metadata = {"name": name, "namespace": words[namespace], "labels": {"pod": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _key(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _listed(manifests: Sequence[Manifest]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})


def _address(peer: Peer, family: int) -> str:
    if isinstance(peer, Outside):
        return peer.ip
    return next(ip for ip in peer.ips if (":" in ip) == (family == 6))


def _same(one: Peer, other: Peer) -> bool:
    """Labels may have changed since."""
    if isinstance(one, Pod) and isinstance(other, Pod):
        return (one.namespace, one.name) == (other.namespace, other.name)
    return one == other
