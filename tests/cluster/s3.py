"""Clients of the local object stores, as an administrator has them and as users get them.

IAM is spoken by boto3. Ceph's Admin Ops API has no client on PyPI that is kept up: its requests are signed by
botocore, too, and sent by the standard library.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider

from pileus.local.s3.stores import REGION, Store
from tests.e2e.kubectl import Kubectl

_NEVER_TWICE = {"total_max_attempts": 1}  # a second try would hide what the first one met


@dataclass(frozen=True)
class Keys:
    """An access key and its secret."""

    access: str
    secret: str


def root(store: Store) -> Keys:
    return Keys(store.access_key, store.secret_key)


def s3(store: Store, keys: Keys | None = None, *, checksums: str = "when_required") -> Any:
    """The S3 API for a user, or for the root user."""
    return _client("s3", store, store.outside, keys or root(store), checksums)


def iam(store: Store) -> Any:
    """The IAM API for the root user."""
    return _client("iam", store, store.users_outside, root(store), "when_required")


def _client(service: str, store: Store, url: str, keys: Keys, checksums: str) -> Any:
    config = Config(
        s3={"addressing_style": "path"},
        retries=_NEVER_TWICE,
        connect_timeout=5,
        read_timeout=60,
        request_checksum_calculation=checksums,
    )
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=keys.access,
        aws_secret_access_key=keys.secret,
        verify=store.ca or None,
        config=config,
    )


def admin_ops(store: Store, method: str, path: str, **query: object) -> Any:
    """A call of Ceph's Admin Ops API by the root user. Raises urllib.error.HTTPError."""
    return signed(
        store, method, f"/admin/{path}", {name.replace("_", "-"): value for name, value in query.items()}
    )


def signed(store: Store, method: str, path: str, query: Mapping[str, object]) -> Any:
    """A call of an administrators' API by the root user. Raises urllib.error.HTTPError."""
    request = AWSRequest(method, f"{store.users_outside}{path}?{urllib.parse.urlencode(query)}")
    S3SigV4Auth(Credentials(store.access_key, store.secret_key), "s3", REGION).add_auth(request)
    sent = urllib.request.Request(request.url, method=method, headers=dict(request.headers))
    context = ssl.create_default_context(cafile=store.ca) if store.ca else None
    with urllib.request.urlopen(sent, timeout=30, context=context) as answer:
        content = answer.read()
    return json.loads(content) if content else None


def garage(store: Store, call: str, body: object = None, **query: str) -> Any:
    """A call of Garage's admin API by its token. Raises urllib.error.HTTPError."""
    url = f"{store.users_outside}/v2/{call}?{urllib.parse.urlencode(query)}"
    headers = {"Authorization": f"Bearer {store.environment['GARAGE_ADMIN_TOKEN']}"}
    content = None if body is None else json.dumps(body).encode()
    method = "GET" if call.startswith(("Get", "List")) else "POST"
    sent = urllib.request.Request(url, data=content, method=method, headers=headers)
    with urllib.request.urlopen(sent, timeout=30) as answer:
        content = answer.read()
    return json.loads(content) if content else None


def minio(store: Store, keys: Keys | None = None) -> MinioAdmin:
    """MinIO's admin API for a user, or for the root user."""
    who, url = keys or root(store), urllib.parse.urlsplit(store.users_outside)
    return MinioAdmin(
        endpoint=url.netloc, credentials=StaticProvider(who.access, who.secret), region=REGION, secure=False
    )


def policy(*buckets: str, principal: object = None) -> str:
    """Everything in these buckets and nothing else; for `principal`, where it is a bucket's own policy."""
    resources = [arn for name in buckets for arn in (f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*")]
    statement: dict[str, object] = {"Effect": "Allow", "Action": ["s3:*"], "Resource": resources}
    if principal is not None:
        statement["Principal"] = principal
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def user(store: Store, name: str, *buckets: str) -> Keys:
    """A new user whose key opens these buckets, made by the engine's own API of users."""
    if store.engine == "ceph":
        made = admin_ops(store, "PUT", "user", uid=name, display_name=name, max_buckets=-1)["keys"][0]
        keys = Keys(made["access_key"], made["secret_key"])
    else:
        iam(store).create_user(UserName=name)
        made = iam(store).create_access_key(UserName=name)["AccessKey"]
        keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
    iam(store).put_user_policy(UserName=name, PolicyName="buckets", PolicyDocument=policy(*buckets))
    return keys


def take_away(store: Store, name: str, keys: Keys) -> None:
    """The user's key does not work any more."""
    if store.engine == "ceph":
        admin_ops(store, "DELETE", "user", key="", uid=name, access_key=keys.access)
    else:
        iam(store).update_access_key(UserName=name, AccessKeyId=keys.access, Status="Inactive")


def refusal(error: ClientError) -> str:
    """The engine's word for why; some answers have none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def environment(kubectl: Kubectl, engine: str) -> dict[str, str]:
    """What the Secret of an engine would be in a container's environment."""
    data = kubectl.within("pileus-system").get("secret", f"s3-{engine}")["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


def scratch(store: Store) -> str:
    """A new bucket."""
    name = f"scratch-{os.urandom(4).hex()}"
    s3(store).create_bucket(Bucket=name)
    return name
