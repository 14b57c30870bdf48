"""Finds out whether NetworkPolicies hold in this cluster, by trying: two pods and one policy.

Nothing else can tell: an enforcer's definitions may be there without it, and its agents run without working.
The server listens on two ports, of which the policy allows one; the client says which it reaches. The result
is the cluster's, kept in a ConfigMap beside the operator, and is tried anew when nodes or enforcers change
and once a day. Only the leader tries, only while somebody asks, and nothing is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pileus.cluster.client import Client, path
from pileus.engine.backoff import backoff
from pileus.engine.compare import digest
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError
from pileus.objects.catalog import CONFIG_MAP, NETWORK_POLICY, POD
from pileus.objects.reading import condition, items, mapping, text
from pileus.objects.surroundings import Enforcement
from pileus.objects.times import elapsed, stamp

logger = logging.getLogger(__name__)

RECORD = "pileus-enforcement"
"""Name of the ConfigMap."""

NAME = "pileus-trial"
SERVER, CLIENT = f"{NAME}-server", f"{NAME}-client"
ROLE = "pileus.dev/trial"
ALLOWED, BLOCKED = 8081, 8082
INTERVAL = 24 * 3600.0
AGAIN = 600.0
"""Seconds to the next trial where policies hold, and where they do not."""

CALM = 30.0
"""Seconds between two looks at whether nodes or enforcers changed, which have to be the same in both."""

PATIENCE = 180.0
"""Seconds for a trial."""

FIRST_PAUSE, LONGEST_PAUSE = 30.0, 3600.0
_TICK = 1.0
_ENFORCED, _OPEN, _UNREACHED = "enforced", "open", "unreached"
ANSWERS = (_ENFORCED, _OPEN, _UNREACHED)
"""What the client says: only the allowed port answers, both do, or not even the allowed one."""


class Inconclusive(Exception):  # noqa: N818 - not an error: nothing is known
    """The trial came to no end; the message says why."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How to try. pod: the operator's own, whose image and pull secrets are used. image: instead of that."""

    namespace: str
    pod: str = ""
    image: str = ""
    off: bool = False


class Prober:
    """Tries when that is due.

    fabric: what the result depends on. found: called with each result. asked: set when anybody wants to know.
    known: set as soon as what is remembered has been told, or nothing is: a restart changes no verdict.
    """

    def __init__(
        self,
        client: Client,
        trial: Trial,
        *,
        leading: Callable[[], bool],
        fabric: Callable[[], tuple[str, ...]],
        found: Callable[[Enforcement], None],
        asked: asyncio.Event,
        known: asyncio.Event,
    ):
        self._asked = asked
        self._known = known
        self._client = client
        self._trial = trial
        self._leading = leading
        self._fabric = fabric
        self._found = found
        self._record: dict[str, str] = {}

    async def run(self) -> None:
        """Watch over it for ever; cancel to stop."""
        await self._asked.wait()
        if self._trial.off:
            self._tell(Enforcement(off=True, words="The administrator wants it not to be tried."))
            await asyncio.Event().wait()
        failures = 0
        while True:
            pause = CALM
            try:
                if self._leading():
                    await self._look()
                failures = 0
            except _NoImage:
                words = "No image for the trial is known: see the option --trial-image of the operator."
                self._tell(Enforcement(off=True, words=words))
                await asyncio.Event().wait()
            except (Inconclusive, ApiError) as error:
                failures += 1
                pause = backoff(failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
                self._told(error)
            await asyncio.sleep(pause if self._leading() else _TICK)

    def _tell(self, enforcement: Enforcement) -> None:
        self._found(enforcement)
        self._known.set()

    def _told(self, error: Exception) -> None:
        logger.warning("Whether NetworkPolicies are enforced was not found out: %s", error)
        if not self._record:
            words = f"Whether policies are enforced here was not found out: {error} It is tried again."
            self._tell(Enforcement(words=words))

    async def _look(self) -> None:
        if not self._record:
            self._record = await self._read()
        if self._record:
            self._publish()
        fabric = digest(self._fabric())
        now = dt.datetime.now(dt.UTC)
        changed = fabric != self._record.get("fabric")
        interval = INTERVAL if self._record.get("answer") == _ENFORCED else AGAIN
        if not changed and elapsed(self._record.get("at"), now) < interval:
            return
        if changed and self._record:
            await asyncio.sleep(CALM)
            if digest(self._fabric()) != fabric:
                return
        answer, where = await self._try()
        self._record = {
            "fabric": fabric,
            "at": stamp(dt.datetime.now(dt.UTC)),
            "answer": answer,
            "where": where,
        }
        self._publish()
        await self._write()

    def _publish(self) -> None:
        """The words do not say when: they are in the status of every policy."""
        holds = self._record["answer"] == _ENFORCED
        where = self._record.get("where", "")
        if holds:
            words = f"A flow that a policy does not allow was tried and blocked{where}."
        else:
            words = (
                f"A flow that a policy does not allow was tried and passed{where}: nothing enforces policies "
                "in this cluster. Have a network plugin installed that does, such as Cilium or Calico."
            )
        self._tell(Enforcement(holds, words, self._record.get("at", "")))

    async def _try(self) -> tuple[str, str]:
        """What the client said, and where the two were."""
        template = await self._template()
        self._known.set()  # that nothing is, before all this
        await self._clean()
        try:
            await self._create(NETWORK_POLICY, _policy())
            await self._create(POD, _pod(template, SERVER, ["trial", "serve", str(ALLOWED), str(BLOCKED)]))
            async with asyncio.timeout(PATIENCE):
                server = await self._until(SERVER, lambda pod: _ready(pod) and text(pod, "status", "podIP"))
                address = text(server, "status", "podIP")
                argv = ["trial", "reach", address, str(ALLOWED), str(BLOCKED)]
                await self._create(POD, _pod(template, CLIENT, argv))
                client = await self._until(CLIENT, _said)
        except TimeoutError:
            raise Inconclusive(await self._why()) from None
        finally:
            with contextlib.suppress(ApiError):
                await self._clean()
        answer = _said(client)
        if answer == _UNREACHED:
            raise Inconclusive(
                f"the pod {CLIENT!r} did not reach {SERVER!r} in namespace {self._trial.namespace!r}: see "
                "which policies of that namespace block it."
            )
        nodes = sorted({text(pod, "spec", "nodeName") for pod in (server, client)})
        return answer, f" (on node {' and '.join(nodes)})" if all(nodes) else ""

    async def _why(self) -> str:
        """What keeps the pods from running."""
        for name in (SERVER, CLIENT):
            with contextlib.suppress(ApiError):
                pod = await self._client.get(POD, self._trial.namespace, name)
                waiting = [
                    text(one, "state", "waiting", "reason")
                    for one in items(pod, "status", "containerStatuses")
                ]
                scheduled = [
                    one for one in items(pod, "status", "conditions") if one.get("status") == "False"
                ]
                said = next(filter(None, [*waiting, *(text(one, "message") for one in scheduled)]), "")
                if text(pod, "status", "phase") != "Running" or not _ready(pod):
                    return f"the pod {name!r} does not run in time{f' ({said})' if said else ''}."
        return "it took too long."

    async def _template(self) -> Manifest:
        """Image and pull secrets of the pods. Raises _NoImage."""
        if self._trial.image:
            return {"image": self._trial.image}
        try:
            own = await self._client.get(POD, self._trial.namespace, self._trial.pod)
        except ApiError as error:
            if error.status == 404:
                raise _NoImage from None
            raise
        container = items(own, "spec", "containers")[0]
        kept = ("imagePullSecrets", "tolerations", "nodeSelector")
        spec = {key: own["spec"][key] for key in kept if own["spec"].get(key)}
        return {"image": text(container, "image"), "spec": spec}

    async def _create(self, kind: ObjectKind, manifest: Manifest) -> None:
        if not self._leading():
            raise Inconclusive("another replica leads now.")
        url = path(kind, self._trial.namespace)
        await self._client.request("create", url, method="POST", body={**kind.type_meta, **manifest})

    async def _until(self, name: str, there: Callable[[Manifest], object]) -> Manifest:
        while True:
            pod = await self._client.get(POD, self._trial.namespace, name)
            if there(pod):
                return pod
            if text(pod, "status", "phase") == "Failed":
                raise Inconclusive(f"the pod {name!r} failed: see its log.")
            await asyncio.sleep(_TICK)

    async def _clean(self) -> None:
        """Remove what a trial makes, also one that was cut off."""
        for kind, name in ((POD, CLIENT), (POD, SERVER), (NETWORK_POLICY, NAME)):
            url = path(kind, self._trial.namespace, name)
            body = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
            try:
                await self._client.request("delete", url, method="DELETE", body=body)
                while True:
                    await self._client.get(kind, self._trial.namespace, name)
                    await asyncio.sleep(_TICK)
            except ApiError as error:
                if error.status != 404:
                    raise

    async def _read(self) -> dict[str, str]:
        try:
            live = await self._client.get(CONFIG_MAP, self._trial.namespace, RECORD)
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        found = {str(key): str(value) for key, value in mapping(live, "data").items()}
        return found if found.get("answer") in ANSWERS else {}

    async def _write(self) -> None:
        body = {**CONFIG_MAP.type_meta, "metadata": {"name": RECORD}, "data": self._record}
        await self._client.request(
            "patch",
            path(CONFIG_MAP, self._trial.namespace, RECORD),
            method="PATCH",
            params={"fieldManager": "pileus", "force": "true"},
            body=body,
            content_type="application/apply-patch+yaml",
        )


class _NoImage(Exception):  # noqa: N818 - a state
    """The operator runs outside of the cluster, and nobody said which image to use."""


def _policy() -> Manifest:
    return {
        "metadata": {"name": NAME},
        "spec": {
            "podSelector": {"matchLabels": {ROLE: SERVER}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": ALLOWED, "protocol": "TCP"}]}],
        },
    }


def _pod(template: Manifest, name: str, argv: list[str]) -> Manifest:
    apart = {
        "podAffinityTerm": {
            "labelSelector": {"matchExpressions": [{"key": ROLE, "operator": "Exists"}]},
            "topologyKey": "kubernetes.io/hostname",
        },
        "weight": 100,
    }
    container: dict[str, Any] = {
        "name": "trial",
        "image": template["image"],
        "args": argv,
        "terminationMessagePolicy": "File",
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    if name == SERVER:
        container["readinessProbe"] = {"tcpSocket": {"port": ALLOWED}, "periodSeconds": 1}
    return {
        "metadata": {"name": name, "labels": {ROLE: name, "app.kubernetes.io/part-of": "pileus"}},
        "spec": {
            **template.get("spec", {}),
            "restartPolicy": "Never",
            "activeDeadlineSeconds": int(PATIENCE) * 2,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "affinity": {
                "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [apart]},
            },
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }


def _ready(pod: Manifest) -> bool:
    return condition(pod, "Ready").get("status") == "True"


def _said(pod: Manifest) -> str:
    """What the client wrote when it ended; empty before that."""
    for one in items(pod, "status", "containerStatuses"):
        words = text(one, "state", "terminated", "message").strip()
        if words in ANSWERS:
            return words
    return ""
