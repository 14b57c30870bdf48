"""One pass over one resource: observe → compile → apply → judge → report.

The pass is level-triggered: it knows nothing of the event that caused it, reads caches only, and
may be run at any time any number of times. If nothing has to change it writes nothing. It is the
only place that turns differences of conditions into Events and metrics, so these never disagree.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pydantic

from pileus.engine import events, labels
from pileus.engine.apply import Applier, Outcome, behind
from pileus.engine.beyond import Beyond
from pileus.engine.conditions import Condition, Reason, Verdict, merge, summarize, transitions
from pileus.engine.kind import Kind
from pileus.engine.plan import Finding, Manifest, Plan
from pileus.engine.ports import ApiError, Observer, Outside, Recorder, Writer
from pileus.engine.queue import Retry
from pileus.engine.world import Resource, World

logger = logging.getLogger(__name__)


class Reconciler:
    """Reconciles the resources of one kind."""

    def __init__(
        self, kind: Kind, *, observer: Observer, writer: Writer, recorder: Recorder, outside: Outside
    ):
        self.kind = kind
        self._observer = observer
        self._writer = writer
        self._recorder = recorder
        self._beyond = Beyond(kind, observer, writer, outside)
        self._applier = Applier(kind, writer, recorder, outside)
        self._unavailable: set[tuple[str, str]] = set()

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """One pass. Returns seconds after which to look again, or None; raises `Retry` to back off."""
        started = time.monotonic()
        # 1. observe: the resource and everything around it, from caches
        seen = self._observer.resource(self.kind, namespace, name)
        if seen is None:
            return None
        resource, invalid = parse(self.kind, seen)
        with self._stage("observe"):
            await self._observer.ready(self.kind, resource)
            referents = await self._observer.references(resource, self._wanted(resource, invalid))
            world = self._beyond.seen(resource, self._observer.world(self.kind, resource, referents))
        if behind(resource, world):
            raise Retry  # what we see of the resource is older than what was made of it: wait for its event
        # 2. compile: what the resource should become
        with self._stage("compile"):
            plan = invalid or self._compile(resource, world)
            if self.kind.surveyed:
                self._observer.listen(resource, plan.listens)  # before anything else can happen
        # 3. apply: write what differs, prune what is no longer wanted
        paused = resource.annotations.get(labels.PAUSED) == "true"
        outcome = Outcome()
        with self._stage("apply"):
            if paused:
                self._beyond.rest(resource)
            elif await self._want(resource, plan, world, outcome):
                world = self._beyond.seen(resource, world)
                outcome = await self._applier.apply(resource, plan, world)
                world = dataclasses.replace(world, children={**world.children, **outcome.live})
        # 4. judge: what that means for the user
        with self._stage("judge"):
            verdict = self._judge(resource, plan, world) if not invalid else Verdict()
        # 5. report: one status write, if it differs; Events and metrics from the difference
        with self._stage("report"):
            untold = self._beyond.untold(resource, plan, world, paused=paused)
            if self._worth_telling(resource, outcome) and not untold:
                status = self._status(resource, plan, outcome, verdict, world, paused=paused)
                await self._report(resource, status, anyway=outcome.made)
        result = "retry" if outcome.retry else "written" if outcome.writes else "unchanged"
        self._recorder.finished(self.kind.name, result, time.monotonic() - started)
        if outcome.retry:
            raise Retry(outcome.after)
        if outcome.again:
            return 0.0
        waits = [
            w for w in (plan.recheck_after, verdict.recheck_after, outcome.after or None) if w is not None
        ]
        return min(waits, default=None)

    async def _want(self, resource: Resource, plan: Plan, world: World, outcome: Outcome) -> bool:
        """Hand on what it is to be outside; whether objects are to be applied. A refusal is told."""
        try:
            return await self._beyond.want(resource, plan, world)
        except ApiError as error:
            outcome.refuse(error, f"{resource.kind} {resource.name!r}")
            return False

    def _worth_telling(self, resource: Resource, outcome: Outcome) -> bool:
        # A single hiccup of the API server is retried in silence; the second in a row is told.
        key = (resource.namespace, resource.name)
        if not outcome.retry:
            self._unavailable.discard(key)
            return True
        if key in self._unavailable:
            return True
        self._unavailable.add(key)
        return False

    def _wanted(self, resource: Resource, invalid: Plan | None) -> Sequence[Any]:
        return () if invalid or resource.deleting else self.kind.references(resource.spec)

    def _compile(self, resource: Resource, world: World) -> Plan:
        try:
            if resource.deleting:
                return self._beyond.parting(resource, world)
            return self.kind.compile(resource, world)
        except Exception as error:
            # A defect of ours must not take the resource's neighbours down, nor change what runs.
            logger.exception("Compiling %s %s/%s failed.", resource.kind, resource.namespace, resource.name)
            return Plan(findings=(_defect("compile", error),), prune=False)

    def _judge(self, resource: Resource, plan: Plan, world: World) -> Verdict:
        try:
            if resource.deleting and not self._beyond.holds(resource):
                return Verdict(findings=(_deleting(resource),))
            return self.kind.judge(resource, plan, world)
        except Exception as error:
            logger.exception("Judging %s %s/%s failed.", resource.kind, resource.namespace, resource.name)
            return Verdict(findings=(_defect("judge", error),))

    def _status(
        self,
        resource: Resource,
        plan: Plan,
        outcome: Outcome,
        verdict: Verdict,
        world: World,
        *,
        paused: bool,
    ) -> Manifest:
        blocked = (outcome.finding,) if outcome.finding else ()
        # A refusal explains why what is under way does not get on.
        conditions = summarize((*blocked, *plan.findings, *verdict.findings))
        if paused:
            conditions = _paused(conditions)
        generation = resource.generation
        if paused:
            generation = int(resource.status.get("observedGeneration", -1))
        return {
            "observedGeneration": generation,
            **verdict.fields,
            "conditions": merge(
                (*conditions, *verdict.conditions),
                previous=resource.status.get("conditions") or (),
                generation=generation,
                now=world.now,
            ),
            "resources": [_child_status(manifest, verdict) for manifest in self._children(plan, world)],
            "warnings": [{"reason": str(w.reason), "message": w.message} for w in plan.warnings],
        }

    def _children(self, plan: Plan, world: World) -> Iterator[Manifest]:
        desired = {self._applier.reference(manifest) for manifest in plan.objects}
        for ref in sorted(world.children, key=lambda ref: (ref.kind, ref.name)):
            if ref in desired or ref in plan.keep or not plan.prune:
                yield world.children[ref]

    async def _report(self, resource: Resource, status: Manifest, *, anyway: bool) -> None:
        if dict(resource.status) == status and not anyway:
            return
        try:
            await self._writer.status(self.kind, resource, status)
        except ApiError as error:
            if error.gone:
                return
            raise Retry(error.retry_after) from error
        changes = transitions(resource.status.get("conditions") or (), status["conditions"])
        for _, after in changes:
            self._recorder.transition(self.kind.name, after["type"], after["status"], after["reason"])
        for event, after in events.told(changes, self.kind.usual):
            self._writer.event(resource, type_=event, reason=after["reason"], message=after["message"])
        known = {w.get("reason") for w in resource.status.get("warnings") or ()}
        for warning in status["warnings"]:
            if warning["reason"] not in known:
                self._writer.event(
                    resource, type_="Warning", reason=warning["reason"], message=warning["message"]
                )

    def _stage(self, stage: str) -> _Stage:
        return _Stage(self._recorder, self.kind.name, stage)


class _Stage:
    """Measures a stage; a class, since a generator costs as much as some stages do."""

    __slots__ = ("_kind", "_recorder", "_stage", "_started")

    def __init__(self, recorder: Recorder, kind: str, stage: str):
        self._recorder, self._kind, self._stage = recorder, kind, stage

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._recorder.stage(self._kind, self._stage, time.monotonic() - self._started)


def parse(kind: Kind, manifest: Manifest) -> tuple[Resource, Plan | None]:
    """The resource of a custom resource's JSON; the plan is given instead of a spec that cannot be read."""
    metadata = manifest["metadata"]
    resource = Resource(
        kind=kind.name,
        api_version=kind.api_version,
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        spec=None,
        status=manifest.get("status") or {},
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        finalizers=tuple(metadata.get("finalizers") or ()),
        deleting="deletionTimestamp" in metadata,
    )
    if resource.deleting and kind.part is None:
        return resource, None  # deletion never needs the desired state
    try:
        return dataclasses.replace(resource, spec=kind.spec.model_validate(manifest.get("spec") or {})), None
    except pydantic.ValidationError as error:
        if resource.deleting:
            return resource, None
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in ("spec", *first["loc"]))
        finding = Finding(Reason.INVALID_SPEC, f"{where}: {first['msg']}. Mend this field.", stalled=True)
        return resource, Plan(findings=(finding,), prune=False)


def _paused(conditions: Sequence[Condition]) -> tuple[Condition, Condition, Condition]:
    ready, _, stalled = conditions
    message = f"The annotation {labels.PAUSED} is set: nothing is written until it is removed."
    return ready, Condition("Reconciling", "False", Reason.PAUSED, message), stalled


def _deleting(resource: Resource) -> Finding:
    return Finding(
        Reason.DELETING, f"{resource.kind} {resource.name!r} is being deleted; its objects go with it."
    )


def _defect(stage: str, error: Exception) -> Finding:
    return Finding(
        Reason.INTERNAL_ERROR,
        f"Pileus failed to {stage} this resource ({type(error).__name__}); what runs is left as it is. "
        f"This is a defect: the operator's log has the details.",
        stalled=True,
    )


def _child_status(manifest: Mapping[str, Any], verdict: Verdict) -> Manifest:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    reason = verdict.child_reasons.get((kind, name), "")
    return {
        "apiVersion": manifest.get("apiVersion", ""),
        "kind": kind,
        "name": name,
        "ready": not reason,
        "reason": reason or "Ready",
    }
