"""What is left of an object when all that differs from run to run is taken away.

Two runs that came to the same end have equal masked objects. What the API server or a controller
draws by lot (uids, versions, times, addresses) is removed; what Pileus or a user decides stays.
"""

from __future__ import annotations

from typing import Any

UID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
DRAWN = frozenset(
    {
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "lastTransitionTime",
        "lastUpdateTime",
        "created",
        "clusterIP",
        "clusterIPs",
        "nodePort",
        "healthCheckNodePort",
        "volumeName",
        "pileus.dev/applied",  # digests the owner's uid too
        "pileus.dev/generation",
        "pileus.dev/rollout",  # carries the time since which a step lasts
        "pileus.dev/reconcile-at",  # how tests ask for a pass
        "preconditions",
    }
)
HISTORY = frozenset(
    {
        "revision",
        "revisions",
        "observedGeneration",
        "deployment.kubernetes.io/revision",
        "pileus.dev/replicas",  # stays until an autoscaler has changed the count
    }
)
"""What tells of the way that was taken: equal where the same steps were taken, else not."""


def masked(value: Any, namespace: str, *, history: bool = True) -> Any:
    """`value` without what is drawn by lot, and with `*` for its namespace; `history`: keep the way."""
    if isinstance(value, dict):
        kept = {
            key: masked(item, namespace, history=history)
            for key, item in value.items()
            if key not in DRAWN and (history or key not in HISTORY)
        }
        return {key: item for key, item in kept.items() if item or key != "annotations"}
    if isinstance(value, list):
        return [masked(item, namespace, history=history) for item in value]
    if isinstance(value, str) and namespace:
        return value.replace(namespace, "*")
    return value


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Paths at which two masked values differ, with both sides, at most a screen of them."""
    return [
        f"{where}: {_short(left)} != {_short(right)}" for where, left, right in _differ(one, other, path)
    ][:20]


def changed_paths(one: Any, other: Any) -> list[str]:
    """The paths alone; items of lists are named by their `name` where they have one."""
    return [where for where, _, _ in _differ(one, other, "")]


_MISSING = object()


def _differ(one: Any, other: Any, path: str) -> list[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys(), key=str)
        return [
            entry
            for key in keys
            for entry in _differ(one.get(key, _MISSING), other.get(key, _MISSING), _join(path, key))
        ]
    if isinstance(one, list) and isinstance(other, list):
        named = _named(one), _named(other)
        if named[0] is not None and named[1] is not None:
            return _differ(named[0], named[1], path)
    return [] if one == other else [(path, one, other)]


def _named(items: list[Any]) -> dict[str, Any] | None:
    """A list as a mapping by name, or by type for conditions."""
    for key in ("name", "type"):
        if all(isinstance(item, dict) and key in item for item in items):
            found = {f"[{item[key]}]": item for item in items}
            return found if len(found) == len(items) else None
    return None


def _join(path: str, key: Any) -> str:
    return f"{path}{key}" if str(key).startswith("[") or not path else f"{path}.{key}"


def _short(value: Any) -> str:
    text = "absent" if value is _MISSING else repr(value)
    return text if len(text) <= 200 else text[:199] + "…"
