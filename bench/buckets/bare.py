"""The same calls by a bare script, through boto3, in as many threads as the operator has for a store.

As a program it reads a `Work` as JSON, does it for each number, and prints the seconds. Ceph's users have no
client in boto3, so requests of theirs are signed by botocore as the operator's are. What is refused is passed
over: looking for what is not there is a call like any other.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from pileus.local.paths import CHECKOUT
from pileus.objects.s3 import Role
from pileus.objectstores import policies
from pileus.objectstores.buckets import MARK
from pileus.objectstores.connection import Address, Connection, Keys
from pileus.objectstores.errors import StoreError, told
from pileus.objectstores.gate import THREADS


@dataclass(frozen=True, slots=True)
class Work:
    """operations: for each bucket, in this order. name: what buckets and users of it begin with."""

    endpoint: str
    users: str
    key: str
    secret: str
    operations: tuple[str, ...]
    name: str
    count: int


async def seconds(work: Work) -> float:
    """What a process of its own takes for it, from when it has its clients."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.buckets.bare"),
        cwd=CHECKOUT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await running.communicate(json.dumps(asdict(work)).encode())
    assert running.returncode == 0, "the bare script failed"
    return float(said)


class _Bare:
    """One store."""

    def __init__(self, work: Work):
        self._connection = Connection(Address(work.endpoint, work.users), Keys(work.key, work.secret))
        self._s3, self._iam = self._connection.s3, self._connection.iam
        self._name = work.name
        self._calls = [self._call(operation) for operation in work.operations]

    def one(self, number: int) -> None:
        """All calls for one bucket."""
        name = f"{self._name}-{number}"
        for call in self._calls:
            try:
                with told("bare"):
                    call(name)
            except StoreError:
                continue

    def _call(self, operation: str) -> Callable[[str], Any]:
        if found := _S3.get(operation):
            method, options = found
            return lambda name: getattr(self._s3, method)(Bucket=name, **options(name))
        if operation in _IAM:
            method, options = _IAM[operation]
            return lambda name: getattr(self._iam, method)(UserName=name, **options(name))
        return partial(self._by_admin, *operation.split(" "))

    def _by_admin(self, method: str, path: str, name: str) -> None:
        path, _, part = path.partition("?")
        about = {"bucket": name, "stats": "true"} if path.endswith("/bucket") else {"uid": name}
        options: dict[str, str] = {part: ""} if part else {}
        if method == "PUT" and not part:
            options = {"display-name": name, "max-buckets": "-1", "generate-key": "False"}
        elif method == "PUT":
            options |= {"generate-key": "True"}
        self._connection.signed(method, path, {"format": "json", **about, **options})


def _nothing(name: str) -> dict[str, Any]:
    return {}


def _tagging(name: str) -> dict[str, Any]:
    return {"Tagging": {"TagSet": [{"Key": MARK, "Value": f"somebody/{name}"}]}}


def _policy(name: str) -> dict[str, Any]:
    roles = {f"arn:aws:iam:::user/{name}": Role.READ_WRITE}
    return {"Policy": json.dumps(policies.of_bucket(name, roles=roles))}


def _inline(name: str) -> dict[str, Any]:
    document = json.dumps(policies.of_role(Role.READ_WRITE, name))
    return {"PolicyName": policies.NAME, "PolicyDocument": document}


Calls = Mapping[str, tuple[str, Callable[[str], dict[str, Any]]]]
_S3: Calls = {
    "CreateBucket": ("create_bucket", _nothing),
    "GetBucketTagging": ("get_bucket_tagging", _nothing),
    "PutBucketTagging": ("put_bucket_tagging", _tagging),
    "GetBucketVersioning": ("get_bucket_versioning", _nothing),
    "GetObjectLockConfiguration": ("get_object_lock_configuration", _nothing),
    "GetBucketEncryption": ("get_bucket_encryption", _nothing),
    "GetBucketLifecycleConfiguration": ("get_bucket_lifecycle_configuration", _nothing),
    "GetBucketCors": ("get_bucket_cors", _nothing),
    "GetBucketPolicy": ("get_bucket_policy", _nothing),
    "PutBucketPolicy": ("put_bucket_policy", _policy),
}
_IAM: Calls = {
    "CreateUser": ("create_user", _nothing),
    "ListAccessKeys": ("list_access_keys", _nothing),
    "CreateAccessKey": ("create_access_key", _nothing),
    "GetUserPolicy": ("get_user_policy", lambda name: {"PolicyName": policies.NAME}),
    "PutUserPolicy": ("put_user_policy", _inline),
}


def _main() -> None:
    work = Work(**json.load(sys.stdin))
    bare = _Bare(work)
    started = time.monotonic()
    with ThreadPoolExecutor(THREADS) as threads:
        for done in [threads.submit(bare.one, number) for number in range(work.count)]:
            done.result()
    print(time.monotonic() - started)


if __name__ == "__main__":
    _main()
