"""What of a Bucket's objects two runs have in common: all but what is drawn by lot, which has names here.

A key that nobody speaks of keeps its id, so that it shows: it is one that was made and lost.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable

from pileus.engine.plan import Manifest
from pileus.objects.reading import at, items
from tests.campaign.storecalls import SCRATCH, TRIED
from tests.campaign.storeview import LOTS as NAMES
from tests.campaign.storeview import without_lots

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"
LOTS = (
    *NAMES,
    (SCRATCH.pattern, TRIED),
    (TIME, "<time>"),
    (r'"(AWS_SECRET_ACCESS_KEY|AWS_ACCESS_KEY_ID|BUCKET_NAME)": "[^"]*"', r'"\1": "<drawn>"'),
    (r'"(pileus.dev/(?:key|previous-key|content)|keyId|previousKeyId)": "[^"]+"', r'"\1": "<drawn>"'),
    (r'"(AccessKeyId|access-key)": "[^"]*"', r'"\1": "<drawn>"'),
)
"""What differs in the operator's requests from run to run; only the name of a write is made of it."""


def settled(live: Manifest) -> bool:
    """Whether nothing is under way any more: no consumer waits for a key, or has an old one beside it."""
    entries = items(live, "status", "access")
    wanted = {one["name"] for one in items(live, "spec", "access")}
    return wanted == {entry["name"] for entry in entries} and all(
        entry.get("keyId") and not entry.get("previousKeyId") for entry in entries
    )


def seen(item: Manifest, history: bool) -> Manifest | None:
    """What of an object is compared."""
    if item["kind"] == "Secret":
        if at(item, "metadata", "labels", "pileus.dev/kind") is None:
            return None if item.get("type") != "Opaque" else item
        item["data"] = {
            name: base64.b64decode(value).decode() for name, value in (item.get("data") or {}).items()
        }
        if "AWS_SECRET_ACCESS_KEY" in item["data"]:
            item["data"]["AWS_SECRET_ACCESS_KEY"] = "<secret>"
        notes = at(item, "metadata", "annotations") or {}
        if "pileus.dev/content" in notes:
            notes["pileus.dev/content"] = "<digest>"
        if not history:  # what is remembered of keys that are gone
            notes.pop("pileus.dev/previous-key", None)
    usage = at(item, "status", "usage")
    if isinstance(usage, dict):
        usage.pop("asOf", None)
    known: Manifest = json.loads(re.sub(TIME, "<time>", without_lots(json.dumps(item))))
    known["metadata"] = {**known["metadata"], "namespace": item["metadata"]["namespace"]}
    return known


def drawn(objects: list[Manifest]) -> dict[str, str]:
    """The ids of keys of one namespace, and what stands for them."""
    return dict(_drawn(objects))


def _drawn(objects: list[Manifest]) -> Iterable[tuple[str, str]]:
    # A Secret remembers the key before its own longer than the status does.
    for item in objects:
        spent = at(item, "metadata", "annotations", "pileus.dev/previous-key")
        if item["kind"] == "Secret" and spent:
            yield spent, f"<spent key in {item['metadata']['name']}>"
    for item in objects:
        if item["kind"] != "Bucket":
            continue
        for entry in items(item, "status", "access"):
            for field, stands in (("keyId", "key"), ("previousKeyId", "old key")):
                if entry.get(field):
                    yield entry[field], f"<{stands} of {entry['name']}>"
