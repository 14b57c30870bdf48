"""The phases that the policies of one layout go through: cold, idle, restart, pod, roll, change.

No kubelet and no other controller is there: pods are what the benchmark writes, their statuses too. So
requests about policies are the operator's, and a pass is one that a change of a pod or a policy woke.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from bench.contenders import Contender
from bench.counts import Request
from bench.driver import NAMESPACES, Driver, in_flight
from bench.firewall import objects
from bench.firewall.objects import Layout
from bench.firewall.results import Course as Found
from bench.firewall.results import Phase
from bench.tracker import tracking
from pileus.engine.plan import Manifest, ObjectKind
from pileus.objects.catalog import NETWORK_POLICY, POD, SERVICE, SERVICE_ACCOUNT

POLICIES = ObjectKind("pileus.dev", "v1alpha1", "FirewallPolicy", "firewallpolicies")
COUNTED = {
    ("pileus.dev", "firewallpolicies"),
    ("networking.k8s.io", "networkpolicies"),
    ("", "events"),
    ("", "pods"),
    ("", "nodes"),
    ("", "services"),
}
SETTLED = 3.0
"""Seconds of quiet after which a phase is over."""
EVENTS = Request("POST", "", "events")
TOLD = 6.0
"""Seconds without an Event after which none is expected any more."""
ROLLED = 10
"""One pod of so many is replaced."""


def ready(manifest: Manifest) -> int:
    """The generation that a policy is Ready in."""
    status = manifest.get("status", {})
    holds = {one["type"] for one in status.get("conditions") or () if one["status"] == "True"}
    return int(status["observedGeneration"]) if "Ready" in holds else -1


@dataclass(slots=True)
class Course:
    """One layout; the operator is a process of its own."""

    driver: Driver
    layout: Layout
    operator: Contender
    idle: float
    patience: float
    _found: Found = field(init=False)

    async def run(self) -> Found:
        """All phases. Leaves no policy and no pod; raises TimeoutError after `patience` seconds a phase."""
        layout, process = self.layout, self.operator.process
        self._found = Found(layout.spaces, layout.policies, layout.pods)
        try:
            await self._furnish()
            await self._empty()
            await in_flight(layout.policies, self._create)
            await self._cold()
            async with self._phase("idle", 0):
                await asyncio.sleep(self.idle)
            process.stop()
            async with self._phase("restart", layout.policies, fresh=True) as phase:
                process.start()
                async with asyncio.timeout(self.patience):
                    await self._up()
                    while await self._passes() < layout.policies:  # noqa: ASYNC110 - another process
                        await asyncio.sleep(0.5)
                phase.wall = time.monotonic() - process.started
                await process.quiet(SETTLED)
            await self._pod()
            await self._roll()
            await self._change()
        finally:
            process.stop()
            for namespace in layout.namespaces:
                await self.driver.clear((POLICIES, NETWORK_POLICY, POD), namespace)
        return self._found

    async def _furnish(self) -> None:
        await self.driver.create(SERVICE, objects.dns(), "kube-system")
        for namespace in self.layout.namespaces:
            await self.driver.create(NAMESPACES, {"metadata": {"name": namespace}})
            await self.driver.create(SERVICE_ACCOUNT, {"metadata": {"name": "default"}}, namespace)
        await in_flight(self.layout.pods, self._run_pod)

    async def _empty(self) -> None:
        """What a start costs when there is no policy."""
        process = self.operator.process
        process.start()
        async with asyncio.timeout(self.patience):
            await self._up()
        await process.quiet(SETTLED)
        self._found.empty, self._found.empty_rss = process.cpu, process.memory("VmRSS")
        process.stop()

    async def _cold(self) -> None:
        process = self.operator.process
        async with (
            tracking(self.driver, POLICIES, "", ready) as tracker,
            self._phase("cold", self.layout.policies, fresh=True) as phase,
        ):
            process.start()
            async with asyncio.timeout(self.patience):
                phase.wall = await tracker.all(self.layout.policies) - process.started
                await self._told()
            await process.quiet(SETTLED)
        made = [await self.driver.count(NETWORK_POLICY, one) for one in self.layout.namespaces]
        assert sum(made) == self.layout.policies, f"{sum(made)} NetworkPolicies"

    async def _pod(self) -> None:
        """One more pod of an app."""
        async with self._phase("pod", 1):
            await self._run_pod(self.layout.pods)
            await self._settled()

    async def _roll(self) -> None:
        """Each tenth pod is replaced, the new one first."""
        count = self.layout.pods // ROLLED

        async def replace(number: int) -> None:
            pod = number * ROLLED + number % ROLLED
            await self._run_pod(pod, 1)
            await self.driver.delete(POD, self.layout.pod(pod)[0], objects.pod_name(pod))

        async with self._phase("roll", count) as phase:
            started = time.monotonic()
            await in_flight(count, replace)
            phase.wall = time.monotonic() - started
            await self._settled()

    async def _change(self) -> None:
        """Another port in one policy."""
        namespace, policy = self.layout.policy(0)
        rules = [{**policy["spec"]["rules"][0], "ports": ["8081"]}]
        async with self._phase("change", 1):
            await self.driver.change(
                POLICIES, namespace, policy["metadata"]["name"], {"spec": {"rules": rules}}
            )
            await self._settled()

    async def _create(self, number: int) -> None:
        namespace, policy = self.layout.policy(number)
        await self.driver.create(POLICIES, policy, namespace)

    async def _run_pod(self, number: int, generation: int = 0) -> None:
        namespace, pod = self.layout.pod(number, generation)
        await self.driver.create(POD, pod, namespace)
        status = objects.running(number, generation)
        await self.driver.report(POD, namespace, pod["metadata"]["name"], status)

    async def _settled(self) -> None:
        """Wait until no pass was made for a while, and the process is quiet."""
        while True:
            before = await self._passes()
            await self.operator.process.quiet(SETTLED)
            if await self._passes() == before:
                return

    async def _up(self) -> None:
        """Wait until the operator is ready: a busy machine may keep it from starting for long."""
        async with aiohttp.ClientSession() as session:
            while True:
                self.operator.process.check()
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(self.operator.ready) as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.2)

    async def _told(self) -> None:
        """Wait until no Event is sent any more: they are sent one after the other, behind everything else."""
        before = -1
        while (sent := (await self.driver.served())[EVENTS]) != before:
            before = sent
            await asyncio.sleep(TOLD)

    async def _passes(self) -> int:
        async with aiohttp.ClientSession() as session, session.get(self.operator.metrics) as answer:
            text = await answer.text()
        series = rf'^{self.operator.passes}{{[^}}]*kind="{POLICIES.kind}"[^}}]*}} (\S+)$'
        return int(sum(map(float, re.findall(series, text, re.MULTILINE))))

    @asynccontextmanager
    async def _phase(self, name: str, changed: int, *, fresh: bool = False) -> AsyncIterator[Phase]:
        """Measures the block. `fresh`: the process starts in it, so all that it has used counts."""
        process, phase = self.operator.process, Phase(name, changed)
        passes = 0 if fresh else await self._passes()
        before, cpu = await self.driver.served(), 0.0 if fresh else process.cpu
        yield phase
        phase.cpu = process.cpu - cpu
        phase.rss, phase.peak = process.memory("VmRSS"), process.memory("VmHWM")
        after = await self.driver.served()
        phase.passes = await self._passes() - passes
        for request, total in after.items():
            if (request.group, request.resource) in COUNTED and (number := total - before[request]):
                phase.requests[_words(request)] = number
        self._found.phases.append(phase)


def _words(request: Request) -> str:
    return f"{request.verb} {'/'.join(filter(None, (request.resource, request.subresource)))}"
