"""Copies on MinIO: when they are as wished for, which keys they need, and what is called in which order."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pileus.engine.ports import ApiError
from pileus.objects.s3 import Copied, Copy, Source, Trouble
from pileus.objectstores.connection import Keys
from pileus.objectstores.errors import StoreError
from pileus.objectstores.replication import MinioReplication, keys_of, same

PLACE = "https://copy.example.dev"
SECRET = Source("Secret", "acme", "copy-replica", "AK1")
COPY = Copy("copy", PLACE, "eu-1", "a/", "AK1", SECRET)
MADE = Copied("arn:1", "copy", PLACE, "AK1", ("a/",))
KEYS = {"AK1": Keys("AK1", "a secret"), "AK2": Keys("AK2", "another secret")}


def _but(**more: Any) -> tuple[Copied, ...]:
    return (dataclasses.replace(MADE, **more),)


@pytest.mark.parametrize(
    ("copies", "found", "expected"),
    [
        ((), (), True),
        ((COPY,), (MADE,), True),
        ((COPY,), (), False),
        ((), (MADE,), False),
        ((COPY,), _but(key="AK0"), False),
        ((COPY,), _but(prefixes=()), False),
        ((COPY,), _but(prefixes=("a/", "b/")), False),
        ((COPY,), _but(prefixes=("a/\0",)), False),
        ((COPY,), _but(endpoint="http://copy.example.dev"), False),
        ((COPY,), (MADE, Copied("arn:2", prefixes=("",))), False),
        ((COPY,), _but(away=True), True),
        ((dataclasses.replace(COPY, key="", secret=None),), (), True),
        ((dataclasses.replace(COPY, key="", secret=None),), _but(key="AK0"), True),
        ((dataclasses.replace(COPY, key="", secret=None),), _but(prefixes=("b/",)), False),
    ],
)
def test_when_copies_are_as_wished_for(
    copies: tuple[Copy, ...], found: tuple[Copied, ...], expected: bool
) -> None:
    assert same(copies, found) is expected


async def test_keys_are_read_from_the_secrets_that_hold_them() -> None:
    held = {"AWS_ACCESS_KEY_ID": "AK1", "AWS_SECRET_ACCESS_KEY": "a secret"}

    async def read(source: Source) -> Mapping[str, str]:
        assert source == SECRET
        return held

    assert await keys_of((COPY, dataclasses.replace(COPY, key="", secret=None)), read) == {"AK1": KEYS["AK1"]}
    held["AWS_ACCESS_KEY_ID"] = "AK2"
    assert await keys_of((COPY,), read) is None, "one follows the other just now"


@pytest.mark.parametrize("status", [404, 403])
async def test_a_secret_that_cannot_be_read(status: int) -> None:
    async def read(_: Source) -> Mapping[str, str]:
        raise ApiError(status, "Forbidden", "secrets is forbidden for somebody")

    if status == 404:
        assert await keys_of((COPY,), read) is None
        return
    with pytest.raises(StoreError) as refused:
        await keys_of((COPY,), read)
    assert refused.value.fault.words == "Secret 'copy-replica' cannot be read: Forbidden"


@dataclass
class Minio:
    """Stands in for a MinIO, as a connection and its S3 API: targets and rules by their names."""

    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    refuses: str = ""
    sent: bytes = b""

    @property
    def s3(self) -> Minio:
        return self

    def sealed(self, content: bytes) -> bytes:
        self.sent = content
        return b"sealed"

    def signed(self, method: str, path: str, query: Mapping[str, str], content: bytes | None = None) -> Any:
        import json

        call = path.rpartition("/")[2].removesuffix("-remote-targets").removesuffix("-remote-target")
        if call == "list":
            return list(self.targets.values()) or None
        self.calls.append(f"{call} {query.get('arn', '')}".strip())
        if self.refuses:
            raise StoreError(Trouble.BUSY, f"{call}: {self.refuses}", code=self.refuses)
        if call == "remove":
            assert not any(rule["Destination"]["Bucket"] == query["arn"] for rule in self.rules)
            self.targets.pop(query["arn"], None)
            return None
        assert content == b"sealed"
        given = json.loads(self.sent)
        assert ("arn" in given) == (query.get("update") == "true")
        name = given.setdefault("arn", f"arn:{given['targetbucket']}")
        same_place = {found for found, one in self.targets.items() if one["endpoint"] == given["endpoint"]}
        assert same_place <= {name}, "MinIO takes one target for each endpoint"
        self.targets[name] = given
        return name

    def get_bucket_replication(self, *, Bucket: str) -> Any:  # noqa: N803 - boto3's
        return {"ReplicationConfiguration": {"Role": "", "Rules": self.rules}}

    def put_bucket_replication(self, *, Bucket: str, ReplicationConfiguration: Any) -> None:  # noqa: N803
        self.rules = ReplicationConfiguration["Rules"]
        self.calls.append("rules")
        assert {rule["Destination"]["Bucket"] for rule in self.rules} <= self.targets.keys()

    def delete_bucket_replication(self, *, Bucket: str) -> None:  # noqa: N803
        self.calls.append("no rules")
        self.rules, self.targets = [], {}


def driver(minio: Minio) -> MinioReplication:
    return MinioReplication(minio)  # type: ignore[arg-type]


def test_a_target_comes_before_its_rule_and_goes_after_it() -> None:
    minio = Minio()
    driver(minio).write("media", (COPY,), KEYS)
    assert minio.calls == ["set", "rules"]
    assert same((COPY,), driver(minio).read("media"))
    driver(minio).write("media", ())
    assert (minio.rules, minio.targets) == ([], {})


def test_doing_it_again_does_nothing() -> None:
    minio = Minio()
    for _ in range(2):
        driver(minio).write("media", (COPY,), KEYS)
    assert minio.calls == ["set", "rules"]


def test_a_new_key_goes_to_the_same_target_and_the_rule_stays() -> None:
    minio = Minio()
    driver(minio).write("media", (COPY,), KEYS)
    newer = dataclasses.replace(COPY, key="AK2")
    driver(minio).write("media", (newer,), KEYS)
    assert minio.calls == ["set", "rules", "set"]
    assert same((newer,), driver(minio).read("media"))


def test_another_bucket_of_the_same_store_takes_the_place() -> None:
    minio = Minio()
    driver(minio).write("media", (COPY,), KEYS)
    other = dataclasses.replace(COPY, bucket="other")
    driver(minio).write("media", (other,), KEYS)
    assert same((other,), driver(minio).read("media"))


def test_one_of_two_goes_and_the_other_is_left_alone() -> None:
    minio, other = Minio(), Copy("other", "http://other.example.dev", "eu-1", "", "AK2", SECRET)
    driver(minio).write("media", (COPY, other), KEYS)
    minio.calls.clear()
    driver(minio).write("media", (other,), KEYS)
    assert minio.calls == ["rules", "remove arn:copy"]
    assert same((other,), driver(minio).read("media"))


def test_a_rule_that_somebody_changed_is_written_anew() -> None:
    minio = Minio()
    driver(minio).write("media", (COPY,), KEYS)
    minio.rules[0]["Status"] = "Disabled"
    assert not same((COPY,), driver(minio).read("media"))
    driver(minio).write("media", (COPY,), KEYS)
    assert same((COPY,), driver(minio).read("media"))


def test_one_that_waits_is_neither_made_nor_removed() -> None:
    minio, waits = Minio(), dataclasses.replace(COPY, key="", secret=None)
    driver(minio).write("media", (waits,))
    assert minio.calls == []
    driver(minio).write("media", (COPY,), KEYS)
    driver(minio).write("media", (waits,))
    assert minio.calls == ["set", "rules"]


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("XMinioAdminReplicationRemoteConnectionError", Trouble.REFUSED),
        ("RemoteTargetNotVersionedError", Trouble.BUSY),
        ("SlowDown", Trouble.BUSY),
    ],
)
def test_a_target_that_is_not_taken(code: str, trouble: Trouble) -> None:
    with pytest.raises(StoreError) as refused:
        driver(Minio(refuses=code)).write("media", (COPY,), KEYS)
    assert refused.value.trouble is trouble
    assert code in refused.value.fault.words
    assert "secret" not in repr(refused.value)


def test_who_is_away_is_told_of_those_that_were_tried() -> None:
    minio = Minio()
    driver(minio).write("media", (COPY,), KEYS)
    (target,) = minio.targets.values()
    for state, away in (({}, False), ({"isOnline": True}, False), ({"totalDowntime": 5}, True)):
        minio.targets["arn:copy"] = {**target, **state}
        assert [one.away for one in driver(minio).read("media")] == [away]
