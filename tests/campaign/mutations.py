"""Deliberate bugs, one or more for each class of fault; each must be noticed by the test that it names.

A mutation is a replacement in a copy of the operator's sources; the text must occur exactly once, so
the table cannot grow stale.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.ground import ROOT


@dataclass(frozen=True, slots=True)
class Mutation:
    """A bug: `old` becomes `new` in `file` (below operator/pileus); `caught` is the test that must see it.

    `also`: more replacements in the same file, where one does not make a bug. `kind`: on which it is tried.
    """

    name: str
    fault: str
    file: str
    old: str
    new: str
    caught: str
    also: tuple[tuple[str, str], ...] = ()
    kind: str = "ContainerApp"

    def apply(self, directory: Path) -> Path:
        """A copy of the sources with the bug in it."""
        source = directory / "operator"
        shutil.copytree(ROOT / "operator", source)
        file = source / "pileus" / self.file
        text = file.read_text()
        for old, new in ((self.old, self.new), *self.also):
            assert text.count(old) == 1, f"{self.name}: {self.file} has {text.count(old)} of {old!r}"
            text = text.replace(old, new)
        file.write_text(text)
        return source


MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "what was made before a crash is not pruned after it",
        "T1 crash",
        "engine/apply.py",
        "            if ref in outcome.live or ref in plan.keep or",
        "            if ref in outcome.live or ref in plan.keep or ref not in self._made or",
        "t01",
        (
            (
                "        self._normalised: dict",
                "        self._made: set[ObjectRef] = set()\n        self._normalised: dict",
            ),
            (
                "                answer = await self._writer.create(",
                "                self._made.add(ref)\n                answer = await self._writer.create(",
            ),
        ),
    ),
    Mutation(
        "an object that is there after all is taken for a stranger's",
        "T2 lost answer",
        "engine/apply.py",
        "        if not ours(kind, live, resource):\n",
        "        if ref not in children or not ours(kind, live, resource):\n",
        "t04",
    ),
    Mutation(
        "swallow a 409",
        "T3 errors",
        "engine/apply.py",
        "                if error.status != 409 or _quota(error) or _terminating(error):\n"
        "                    raise\n",
        "                if error.status == 409:\n                    return sent\n"
        "                if error.status != 409 or _quota(error) or _terminating(error):\n"
        "                    raise\n",
        "t09_strangers",
    ),
    Mutation(
        "a failed write is not tried again",
        "T3 errors",
        "engine/reconcile.py",
        "        if outcome.retry:\n            raise Retry(outcome.after)\n",
        "",
        "t03",
    ),
    Mutation(
        "forget a status write that failed",
        "T3 errors",
        "engine/reconcile.py",
        "            raise Retry(error.retry_after) from error\n",
        "            return\n",
        "t03",
    ),
    Mutation(
        "no backoff",
        "T3 errors",
        "engine/queue.py",
        "        return backoff(",
        "        return 0.0 * backoff(",
        "t03",
    ),
    Mutation(
        "trust a stale view",
        "T4 stale views",
        "engine/reconcile.py",
        "        if behind(resource, world):\n",
        "        if False and behind(resource, world):\n",
        "t04",
    ),
    Mutation(
        "what vanished while no watch was open stays in the cache",
        "T5 missed events",
        "cluster/store.py",
        "            if entry.version <= version and ref not in present and",
        "            if False and",
        "t05",
    ),
    Mutation(
        "an expired watch is resumed where it was",
        "T6 watch faults",
        "cluster/informer.py",
        '                if expired:\n                    self._version = ""\n',
        "",
        "t06",
    ),
    Mutation(
        "no list in pages where streaming is refused",
        "T6 watch faults",
        "cluster/informer.py",
        "                    self._streaming = False\n",
        "",
        "rbac_used",
    ),
    Mutation(
        "fields are accepted, and ignored once the app is there",
        "T7 specs",
        "engine/apply.py",
        "        if self._settled(ref, mark, sent, live):\n",
        '        if kind.kind == "Deployment" or self._settled(ref, mark, sent, live):\n',
        "t07",
    ),
    Mutation(
        "a field leaves something behind",
        "T7 specs",
        "engine/apply.py",
        "        if plan.prune:\n",
        "        if False:\n",
        "rbac_used",
    ),
    Mutation(
        "a refusal that does not name the field",
        "T8 wrong values",
        "kinds/containerapp/build/rollout.py",
        'f"rollbackTo of {resource.kind} {resource.name!r} names revision {revision}, which is not "',
        'f"{resource.kind} {resource.name!r} cannot go to {revision}, which is not "',
        "t08",
    ),
    Mutation(
        "drift is looked for in the mark alone",
        "T9 children by hand",
        "engine/apply.py",
        "        if covers(live, sent):\n            return True\n        known",
        '        if (live["metadata"].get("annotations") or {}).get(labels.APPLIED) == mark:\n'
        "            return True\n        known",
        "t09_children_broken",
    ),
    Mutation(
        "deletions of children go unheard",
        "T9 children by hand",
        "cluster/informer.py",
        '        if event == "DELETED":\n',
        '        if event == "NEVER":\n',
        "t09_children_broken",
    ),
    Mutation(
        "adopt what is not ours",
        "T9 strangers",
        "engine/apply.py",
        "    if controlled(live, resource):\n        return True\n    if not kind.outlives:",
        "    if controlled(live, resource) or kind:\n        return True\n    if not kind.outlives:",
        "t09_strangers",
    ),
    Mutation(
        "skip the prune check",
        "T9 strangers",
        "engine/apply.py",
        "            if not controlled(live, resource) or live",
        "            if live",
        "t09_marks",
    ),
    Mutation(
        "drop the uid precondition of updates",
        "T9 replaced unseen",
        "cluster/writer.py",
        '        return await self._apply(kind, manifest, {"uid": uid, **exactly})',
        "        return await self._apply(kind, manifest, {**exactly})",
        "t09_replaced",
    ),
    Mutation(
        "drop the preconditions of deletes",
        "T9 replaced unseen",
        "cluster/writer.py",
        '        await self._delete(kind, ref, {"uid": uid, "resourceVersion": version})\n',
        "        await self._delete(kind, ref, {})\n",
        "t09_replaced",
    ),
    Mutation(
        "write again what is there already",
        "T10 rest",
        "engine/reconcile.py",
        "        if dict(resource.status) == status and not anyway:\n            return\n",
        "",
        "t10",
    ),
    Mutation(
        "a sleeper trusts its lease",
        "T11 leadership",
        "cluster/lease.py",
        "        return _clock() < self._until\n",
        "        return self._until > 0\n",
        "t11",
    ),
    Mutation(
        "a new release rolls every pod",
        "T12 takeover",
        "kinds/containerapp/build/workload.py",
        '        "template": template,\n',
        '        "template": {**template, "metadata": {**template["metadata"], '
        '"annotations": {"release": "2"}}},\n',
        "t12",
    ),
    Mutation(
        "deleted resources stay in memory",
        "T13 scale",
        "cluster/store.py",
        "        known = self._entries.get(kind, {}).pop(ref, None)\n",
        "        known = self._entries.get(kind, {}).get(ref)\n",
        "t13",
    ),
    Mutation(
        "a name with a dot leads into another namespace",
        "T14 confused deputy",
        "cluster/references.py",
        "        key = (namespace, reference.kind)\n",
        '        where = reference.name.rpartition(".")[2] if "." in reference.name else namespace\n'
        "        key = (where, reference.kind)\n",
        "t14_names",
        (("KINDS[reference.kind], namespace, changed", "KINDS[reference.kind], where, changed"),),
    ),
    Mutation(
        "content of a Secret in an annotation",
        "T15 secrets",
        "cluster/references.py",
        'live["metadata"]["resourceVersion"], digest(content))',
        'live["metadata"]["resourceVersion"], str(content)[2:60].replace(" ", ""))',
        "t15",
    ),
    Mutation(
        "children are made while their resource is being deleted",
        "T16 ends",
        "engine/reconcile.py",
        "            if resource.deleting:\n                return self._beyond.parting(resource, world)\n",
        "",
        "t16_held",
        (
            ("    if resource.deleting and kind.part is None:\n        return resource, None", "    pass"),
            (
                "            elif await self._want(resource, plan, world, outcome):\n",
                "            elif await self._want(resource, plan, world, outcome) or resource.deleting:\n",
            ),
        ),
    ),
    Mutation(
        "a definition that goes takes the operator along",
        "T16 ends",
        "cluster/informer.py",
        "self.namespace):\n                    self._absent()\n",
        "self.namespace):\n                    raise SystemExit(1)\n",
        "t16_the_definition",
    ),
    Mutation(
        "the old policy is pruned before the new one is made",
        "T1 crash",
        "engine/apply.py",
        "        outcome = Outcome()\n",
        "        outcome = Outcome()\n"
        "        outcome.live = {self.reference(desired): desired for desired in plan.objects}\n"
        "        await self._prune(resource, plan, world, outcome)\n",
        "t01",
        kind="FirewallPolicy",
    ),
    Mutation(
        "a rule that cannot be enforced is dropped",
        "T8 wrong values",
        "kinds/firewallpolicy/compile.py",
        "        findings.insert(0, _refusal(refused))\n",
        "        flows = tuple(one for one in flows if one.name not in refused)\n",
        "t08",
        kind="FirewallPolicy",
    ),
    Mutation(
        "what was enforced goes while its successor is refused",
        "T8 wrong values",
        "kinds/firewallpolicy/compile.py",
        "        prune=not findings,",
        "        prune=True,",
        "t08",
        kind="FirewallPolicy",
    ),
)
