"""How a bucket is copied into others: MinIO's remote targets, and the rules of S3 that lead to them.

A target is a bucket with an endpoint and a key, and gets a name of MinIO's own; a rule says which objects go
there. Neither is of use without the other. MinIO reaches for a target before it takes it, and takes one for
each endpoint. It tells ids of keys, never their secrets. Source: MinIO's cmd/admin-bucket-handlers.go.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from pileus.engine.ports import ApiError
from pileus.objects.s3 import Copied, Copy, Engine, Source, Trouble
from pileus.objectstores.connection import Connection, Keys
from pileus.objectstores.errors import StoreError, told, unless_absent

_ADMIN = "/minio/admin/v3"
_KIND = "replication"
_UNREACHED = "XMinioAdminReplicationRemoteConnectionError"
"""Told of a target that is away, and of one that does not take the key."""
_UNVERSIONED = "RemoteTargetNotVersionedError"
"""Told of a target that is just being made so: another Bucket's settings come with its own steps."""
_ON = {"Status": "Enabled"}
_WHAT: Mapping[str, Any] = {
    "Status": "Enabled",
    # A mark of deletion goes along, but what is removed for good is so in one place only.
    "DeleteMarkerReplication": _ON,
    "ExistingObjectReplication": _ON,
    "SourceSelectionCriteria": {"ReplicaModifications": _ON},
}
_RULE = frozenset({*_WHAT, "ID", "Priority", "Filter", "Prefix", "Destination"})


class Replication(Protocol):
    """One store's buckets that are copied into others. Every method raises StoreError."""

    def read(self, bucket: str) -> tuple[Copied, ...]:
        """Where it is copied to."""

    def write(self, bucket: str, copies: Sequence[Copy], keys: Mapping[str, Keys] = {}) -> None:
        """Let it be copied there, by these keys by their ids, and nowhere else."""


def replication(engine: Engine, connection: Connection) -> Replication | None:
    """What an engine has of it, as far as there is a driver."""
    return MinioReplication(connection) if engine is Engine.MINIO else None


def same(copies: Sequence[Copy], found: Sequence[Copied]) -> bool:
    """Whether it is copied as it is wished for."""
    there = {(one.endpoint, one.bucket): one for one in found}
    wanted = {_place(copy): copy for copy in copies}
    return there.keys() <= wanted.keys() and all(
        _as_wished(copy, there.get(place)) for place, copy in wanted.items()
    )


def _as_wished(copy: Copy, found: Copied | None) -> bool:
    if found is None:
        return not copy.key
    return found.prefixes == (copy.prefix,) and copy.key in ("", found.key)


async def keys_of(
    copies: Sequence[Copy], read: Callable[[Source], Awaitable[Mapping[str, str]]]
) -> dict[str, Keys] | None:
    """The keys that copies need, from their Secrets; None if one of these holds another by now."""
    keys: dict[str, Keys] = {}
    for copy in copies:
        if copy.secret is None:
            continue
        try:
            given = await read(copy.secret)
        except ApiError as error:
            if error.status == 404:
                return None
            words = f"Secret {copy.secret.name!r} cannot be read: {error.reason}"
            raise StoreError(Trouble.REFUSED, words) from None
        if given.get("AWS_ACCESS_KEY_ID") != copy.key or "AWS_SECRET_ACCESS_KEY" not in given:
            return None
        keys[copy.key] = Keys(copy.key, given["AWS_SECRET_ACCESS_KEY"])
    return keys


class MinioReplication:
    """Implements `Replication`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    def read(self, bucket: str) -> tuple[Copied, ...]:
        """Two calls: targets, rules."""
        rules: dict[str, list[str]] = {}
        for rule in self._rules(bucket):
            rules.setdefault(str((rule.get("Destination") or {}).get("Bucket", "")), []).append(_prefix(rule))
        found = [_copied(target, rules) for target in self._targets(bucket)]
        nowhere = rules.keys() - {one.id for one in found}
        return (*found, *(Copied(name, prefixes=tuple(sorted(rules[name]))) for name in sorted(nowhere)))

    def write(self, bucket: str, copies: Sequence[Copy], keys: Mapping[str, Keys] = {}) -> None:
        """Rules first and then targets where they go, the other way round where they come."""
        wanted = {_place(copy): copy for copy in copies}
        found = self.read(bucket)
        if gone := [one for one in found if (one.endpoint, one.bucket) not in wanted]:
            stay = [one for one in found if one not in gone and one.prefixes]
            self._set_rules(bucket, {one.id: wanted[one.endpoint, one.bucket].prefix for one in stay})
            for one in (one for one in gone if one.endpoint):
                with unless_absent():
                    self._admin("DELETE", "remove-remote-target", {"bucket": bucket, "arn": one.id})
            found = self.read(bucket)
        there = {(one.endpoint, one.bucket): one for one in found}
        rules: dict[str, str] = {}
        for place, copy in wanted.items():
            known = there.get(place)
            if known is not None and copy.key in ("", known.key):
                rules[known.id] = copy.prefix
            elif copy.key:
                rules[self._set_target(bucket, copy, keys[copy.key], known)] = copy.prefix
        if rules and {name: (prefix,) for name, prefix in rules.items()} != {
            one.id: one.prefixes for one in found
        }:
            self._set_rules(bucket, rules)

    def _targets(self, bucket: str) -> list[dict[str, Any]]:
        query = {"bucket": bucket, "type": _KIND}
        return list(self._admin("GET", "list-remote-targets", query) or ())

    def _set_target(self, bucket: str, copy: Copy, keys: Keys, known: Copied | None) -> str:
        """What MinIO calls it."""
        url = urllib.parse.urlsplit(copy.endpoint)
        target = {
            "sourcebucket": bucket,
            "targetbucket": copy.bucket,
            "endpoint": url.netloc,
            "secure": url.scheme == "https",
            "credentials": {"accessKey": keys.id, "secretKey": keys.secret},
            "type": _KIND,
            "region": copy.region,
            "api": "s3v4",
            "path": "auto",
            **({"arn": known.id} if known else {}),
        }
        query = {"bucket": bucket, **({"update": "true", "creds": "true"} if known else {})}
        content = self._connection.sealed(json.dumps(target).encode())
        with _reached(copy):
            return str(self._admin("PUT", "set-remote-target", query, content))

    def _rules(self, bucket: str) -> list[dict[str, Any]]:
        with unless_absent(), told("GetBucketReplication"):
            found = self._connection.s3.get_bucket_replication(Bucket=bucket)
            return list(found["ReplicationConfiguration"].get("Rules") or ())
        return []

    def _set_rules(self, bucket: str, prefixes: Mapping[str, str]) -> None:
        """Prefixes by what MinIO calls the targets. With the last rule all targets go by themselves."""
        if not prefixes:
            with unless_absent(), told("DeleteBucketReplication"):
                self._connection.s3.delete_bucket_replication(Bucket=bucket)
            return
        rules = [
            {
                **_WHAT,
                "ID": f"pileus-{number}",
                "Priority": number,
                "Filter": {"Prefix": prefix},
                "Destination": {"Bucket": name},
            }
            for number, (name, prefix) in enumerate(sorted(prefixes.items()), 1)
        ]
        with told("PutBucketReplication"):
            self._connection.s3.put_bucket_replication(
                Bucket=bucket, ReplicationConfiguration={"Role": "", "Rules": rules}
            )

    def _admin(self, method: str, call: str, query: dict[str, str], content: bytes | None = None) -> Any:
        return self._connection.signed(method, f"{_ADMIN}/{call}", query, content)


def _copied(target: Mapping[str, Any], rules: Mapping[str, list[str]]) -> Copied:
    name = str(target["arn"])
    scheme = "https" if target.get("secure") else "http"
    return Copied(
        name,
        bucket=str(target.get("targetbucket", "")),
        endpoint=f"{scheme}://{target.get('endpoint', '')}",
        key=str((target.get("credentials") or {}).get("accessKey", "")),
        prefixes=tuple(sorted(rules.get(name, ()))),
        # MinIO looks after those to which it has sent something; of others it knows nothing.
        away=not target.get("isOnline") and bool(target.get("totalDowntime")),
    )


def _prefix(rule: Mapping[str, Any]) -> str:
    """Which objects a rule is for; what we never write makes it differ from every wish."""
    chosen = rule.get("Filter") or {}
    prefix = str(chosen.get("Prefix", rule.get("Prefix", "")))
    ours = all(rule.get(name) == value for name, value in _WHAT.items())
    return prefix if ours and rule.keys() <= _RULE and chosen.keys() <= {"Prefix"} else f"{prefix}\0"


def _place(copy: Copy) -> tuple[str, str]:
    return copy.endpoint.rstrip("/"), copy.bucket


@contextmanager
def _reached(copy: Copy) -> Iterator[None]:
    """Says in plain words what is no trouble of the store itself, and does not end by itself."""
    try:
        yield
    except StoreError as error:
        if error.code == _UNVERSIONED:
            raise StoreError(Trouble.BUSY, str(error), code=error.code) from None
        if error.code != _UNREACHED:
            raise
        words = f"the store does not reach {copy.endpoint}, or the key is refused there ({error.code})"
        raise StoreError(Trouble.REFUSED, words, code=error.code) from None
