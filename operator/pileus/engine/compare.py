"""Whether a live object already is what is desired: digests and the comparison of owned fields.

`covers` answers: does every leaf of the desired object stand in the live one? Fields that others
added beside ours are theirs. Lists follow server-side apply: associative lists are matched by
their keys and may hold others' entries; every other list is one value and must be equal in length.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from pileus.engine import labels
from pileus.engine.plan import Manifest

_NESTED = (dict, list)
_ABSENT = object()
_ASSOCIATIVE: dict[str, tuple[tuple[str, ...]]] = {
    "containers": (("name",),),
    "initContainers": (("name",),),
    "volumes": (("name",),),
    "env": (("name",),),
    "volumeMounts": (("mountPath",),),
    "ownerReferences": (("uid",),),
    "imagePullSecrets": (("name",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "listeners": (("name",),),
}
"""By which fields the items of a list are told apart: one way of doing so, or several to try in turn."""
_ATOMIC_BELOW = frozenset({"rules"})
"""Below these fields every list is one value (HTTPRoute, Ingress)."""
_EXACT = frozenset({"ingress", "egress", "ingressDeny", "egressDeny", "podSelector", "endpointSelector"})
"""Of policies for networks: there nobody adds anything. A peer with one more selector is another peer."""
_PORT_KEYS = (("containerPort", "protocol"), ("port", "protocol"))


def digest(value: Any) -> str:
    """A short, stable digest of JSON data (80 bits, hexadecimal)."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:20]


def stamped(desired: Manifest) -> tuple[Manifest, str]:
    """`desired` with the digest of itself in its `pileus.dev/applied` annotation, and that digest."""
    mark = digest(desired)
    metadata = desired["metadata"]
    annotations = {**metadata.get("annotations", {}), labels.APPLIED: mark}
    return {**desired, "metadata": {**metadata, "annotations": annotations}}, mark


def covers(live: Any, desired: Any, field: str = "", *, atomic: bool = False) -> bool:
    """True if every leaf of `desired` is in `live`; `atomic` treats every list as one value."""
    if isinstance(desired, dict):
        if not isinstance(live, dict):
            return False
        for key, wanted in desired.items():
            there = live.get(key, _ABSENT)
            if isinstance(wanted, _NESTED):
                if key in _EXACT:
                    if not _same(there, wanted):
                        return False
                elif not covers(there, wanted, key, atomic=atomic or key in _ATOMIC_BELOW):
                    return False
            elif type(there) is not type(wanted) or there != wanted:  # most are leaves: no call for each
                return False
        return True
    if isinstance(desired, list):
        return isinstance(live, list) and _list_covers(live, desired, field, atomic)
    return type(live) is type(desired) and bool(live == desired)


def _same(live: Any, desired: Any) -> bool:
    """True if they are equal, where an empty list may be absent: the API server does not store it."""
    if isinstance(live, dict) and isinstance(desired, dict):
        return all(_same(live.get(key, []), desired.get(key, [])) for key in live.keys() | desired.keys())
    if isinstance(live, list) and isinstance(desired, list) and len(live) == len(desired):
        return all(map(_same, live, desired))
    return desired == [] if live is _ABSENT else type(live) is type(desired) and bool(live == desired)


def restrict(live: Any, desired: Any, field: str = "") -> Any:
    """The part of `live` at the places that `desired` names (None where it has nothing there)."""
    if isinstance(desired, dict) and isinstance(live, dict):
        return {key: restrict(live.get(key), value, key) for key, value in desired.items()}
    keys = _keys(field, desired) if isinstance(desired, list) and isinstance(live, list) else ()
    if keys:
        by_key = {_key(item, keys): item for item in live if isinstance(item, dict)}
        return [restrict(by_key.get(_key(item, keys)), item) for item in desired]
    return live


def _list_covers(live: list[Any], desired: list[Any], field: str, atomic: bool) -> bool:
    keys = () if atomic else _keys(field, desired)
    if keys:
        by_key = {_key(item, keys): item for item in live if isinstance(item, dict)}
        return all(covers(by_key.get(_key(item, keys)), item) for item in desired)
    return len(live) == len(desired) and all(
        covers(there, wanted, atomic=atomic) for there, wanted in zip(live, desired, strict=True)
    )


def _keys(field: str, desired: list[Any]) -> tuple[str, ...]:
    """The keys that tell the items of this list apart; none if it is a plain list."""
    candidates = _PORT_KEYS if field == "ports" else _ASSOCIATIVE.get(field, ())
    if not candidates or not desired or not all(isinstance(item, dict) for item in desired):
        return ()
    for keys in candidates:
        if all(keys[0] in item for item in desired):
            found = {_key(item, keys) for item in desired}
            return keys if len(found) == len(desired) else ()
    return ()


def _key(item: dict[str, Any], keys: tuple[str, ...]) -> str | bytes:
    if len(keys) == 1 and type(name := item.get(keys[0])) is str:
        return name
    # The API server defaults a port's protocol, and a desired object may leave it out.
    return orjson.dumps([item.get(key, "TCP" if key == "protocol" else None) for key in keys])
