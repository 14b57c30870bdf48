"""What a run over FirewallPolicies found, as tables of text."""

from __future__ import annotations

from collections.abc import Iterator

from bench.firewall.objects import LISTENERS
from bench.firewall.results import Course, Firewall
from bench.table import Table

ORDER = ("cold", "idle", "restart", "pod", "roll", "change")
COLD = 4.0
"""Requests a policy: the NetworkPolicy, the status, the Event that it is Ready; for every other one a status
and an Event more, since it says nothing of isolation, and warns until its neighbour's policy is there."""
CHANGED = 2
"""The NetworkPolicy and the status."""
GROWTH = 1.2
GROWING = ("cold", "restart", "roll")
"""Phases whose CPU is compared at both sizes."""


def tables(found: Firewall) -> Iterator[Table]:
    """Every table, in the order in which they are shown."""
    yield _targets(found)
    yield _phases(found)
    yield _growth(found)
    for course in found.courses:
        if course.policies == _largest(found):
            yield _requests(course)
    yield _memory(found)


def kept(found: Firewall) -> bool:
    """Whether no request and no pass was made above what is promised; times are not judged."""
    return all(held for course in found.courses for _, _, _, held in _promises(course))


def growth(small: Course, large: Course, name: str) -> float:
    """How many times the CPU for each policy, in roll for each pass, is that at half the size."""
    return _each(large, name) / _each(small, name)


def _promises(course: Course) -> Iterator[tuple[str, str, str, bool]]:
    """What is promised, its limit, what was found, and whether that is within."""
    where = _where(course)
    cold = course.phase("cold").asked / course.policies
    yield f"{where}: requests a policy, cold", f"{COLD:.2f}", f"{cold:.2f}", cold <= COLD
    idle = course.phase("idle").asked
    yield f"{where}: requests, idle", "0", f"{idle:,}", idle == 0
    restart = course.phase("restart").asked
    yield f"{where}: requests, restart", "0", f"{restart:,}", restart == 0
    for name, passes, requests in (("pod", LISTENERS, LISTENERS), ("change", 1, CHANGED)):
        phase = course.phase(name)
        words = {"pod": "a pod comes", "change": "a policy changes"}[name]
        yield f"{where}: passes when {words}", f"{passes}", f"{phase.passes:,}", phase.passes <= passes
        yield f"{where}: requests when {words}", f"{requests}", f"{phase.asked:,}", phase.asked <= requests


def _targets(found: Firewall) -> Table:
    promises = [
        one for course in found.courses if course.policies == _largest(found) for one in _promises(course)
    ]
    for small, large in _pairs(found):
        for name in GROWING:
            ratio = growth(small, large, name)
            words = f"{_spread(large)}: CPU each at twice the size, {name}"
            promises.append((words, f"{GROWTH:.1f} x", f"{ratio:.2f} x", ratio <= GROWTH))
    rows = tuple((*words, "yes" if held else "**no**") for *words, held in promises)
    return Table("Targets of FirewallPolicies", ("Target", "Limit", "Found", "Met"), rows, words=1)


def _phases(found: Firewall) -> Table:
    rows = []
    for course, phase in ((course, course.phase(name)) for course in found.courses for name in ORDER):
        wall = f"{phase.wall:.1f}" if phase.wall else ""
        counts = (f"{phase.changed:,}", f"{phase.passes:,}", f"{phase.asked:,}")
        rows.append((_where(course), phase.name, *counts, wall, f"{phase.cpu:.2f}"))
    header = ("Policies, pods, namespaces", "Phase", "Of how many", "Passes", "Requests", "Wall s", "CPU s")
    return Table(f"FirewallPolicies by phase, idle for {found.idle:.0f} s", header, tuple(rows))


def _growth(found: Firewall) -> Table:
    rows = tuple(
        (
            _spread(large),
            name,
            f"{_each(small, name) * 1000:.2f}",
            f"{_each(large, name) * 1000:.2f}",
            f"{growth(small, large, name):.2f}",
        )
        for small, large in _pairs(found)
        for name in GROWING
    )
    largest = _largest(found)
    header = ("Where", "Phase", f"CPU ms each, {largest // 2:,}", f"CPU ms each, {largest:,}", "Ratio")
    return Table("How the work grows with the number of FirewallPolicies and pods", header, rows)


def _requests(course: Course) -> Table:
    phases = [course.phase(name) for name in ORDER]
    names = sorted({name for phase in phases for name in phase.requests if not name.startswith("WATCH")})
    rows = tuple((name, *(f"{phase.requests.get(name, 0):,}" for phase in phases)) for name in names)
    return Table(f"Requests of the API server, {_where(course)}", ("Request", *ORDER), rows, words=1)


def _memory(found: Firewall) -> Table:
    rows = []
    for course in found.courses:
        last, peak = course.phase("change"), max(phase.peak for phase in course.phases)
        idle = course.phase("idle").rss
        further = (idle - course.empty_rss) * 1000 / course.policies
        figures = (
            f"{course.empty_rss:.0f}",
            f"{idle:.0f}",
            f"{last.rss:.0f}",
            f"{peak:.0f}",
            f"{further:.1f}",
        )
        rows.append((_where(course), *figures))
    header = (
        "Policies, pods, namespaces",
        "Without policies, MB",
        "Idle, MB",
        "At the end, MB",
        "Peak MB",
        "KB each",
    )
    return Table("Memory with FirewallPolicies", header, tuple(rows), words=1)


def _each(course: Course, name: str) -> float:
    """Seconds of CPU for each policy, without those of a start with nothing to do; in roll for each pass,
    since how many changes make one pass depends on how fast they come."""
    phase = course.phase(name)
    if name == "roll":
        return phase.cpu / phase.passes
    return (phase.cpu - course.empty) / course.policies


def _pairs(found: Firewall) -> Iterator[tuple[Course, Course]]:
    """Each layout at half the size and whole."""
    for small in found.courses:
        for large in found.courses:
            if small.spaces == large.spaces and 2 * small.policies == large.policies:
                yield small, large


def _largest(found: Firewall) -> int:
    return max((course.policies for course in found.courses), default=0)


def _spread(course: Course) -> str:
    return "one namespace" if course.spaces == 1 else f"{course.spaces} namespaces"


def _where(course: Course) -> str:
    return f"{course.policies:,}, {course.pods:,}, {course.spaces}"
