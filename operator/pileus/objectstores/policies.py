"""Policies as JSON documents: what a role may do with a bucket, and who else may read it. Pure.

A document that was read is compared with the one that would be written, in a form in which a list of one and
the one alone, and the order of lists, are the same: engines rewrite what they are given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pileus.objects.s3 import Role

Document = dict[str, Any]
NAME = "pileus"
"""Of the inline policy that a user has."""

_ALWAYS = ("s3:GetBucketLocation",)  # minio's clients ask it first
_READ = ("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging")
_LIST = ("s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning")
_WRITE = (
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
# Not versions: who has only an app's key cannot destroy what versioning keeps.
_DELETE = ("s3:DeleteObject", "s3:DeleteObjectTagging")
_UPLOADS = ("s3:ListBucketMultipartUploads",)
# What MinIO calls at the other end: it compares before it writes, and adds a mark of deletion as a removal.
_REPLICA = (
    "s3:ReplicateObject",
    "s3:ReplicateDelete",
    "s3:ReplicateTags",
    "s3:GetObject",
    "s3:PutObject",
    "s3:PutObjectRetention",
    "s3:PutObjectLegalHold",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
)
_CHECKS = ("s3:ListBucket", "s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration")

_ON_BUCKET: Mapping[Role, tuple[str, ...]] = {
    Role.READ_WRITE: (*_ALWAYS, *_LIST, *_UPLOADS),
    Role.READ_ONLY: (*_ALWAYS, *_LIST),
    Role.WRITE_ONLY: (*_ALWAYS, *_UPLOADS),
    Role.REPLICA: (*_ALWAYS, *_CHECKS),
}
_ON_OBJECTS: Mapping[Role, tuple[str, ...]] = {
    Role.READ_WRITE: (*_READ, *_WRITE, *_DELETE),
    Role.READ_ONLY: _READ,
    Role.WRITE_ONLY: _WRITE,
    Role.REPLICA: _REPLICA,
}


def of_role(role: Role, bucket: str, *, denies: bool = False) -> Document:
    """What a user with this role may do: with this bucket, and with nothing else.

    denies: whether the removal of old versions has to be denied, since else who may remove objects may do
    that, too. Of a replica it cannot be: by that right it gets marks of deletion.
    """
    arn = f"arn:aws:s3:::{bucket}"
    denied = {"Effect": "Deny", "Action": ["s3:DeleteObjectVersion"], "Resource": [f"{arn}/*"]}
    return _document(
        {"Effect": "Allow", "Action": list(_ON_BUCKET[role]), "Resource": [arn]},
        {"Effect": "Allow", "Action": list(_ON_OBJECTS[role]), "Resource": [f"{arn}/*"]},
        *([denied] if denies and role is not Role.REPLICA else []),
    )


def of_key(bucket: str) -> Document:
    """What a key may do at most, of what its user may: nothing about users and keys."""
    arn = f"arn:aws:s3:::{bucket}"
    return _document(
        {"Effect": "Allow", "Action": ["s3:*"], "Resource": [arn, f"{arn}/*"]},
        {"Effect": "Deny", "Action": ["admin:*"]},
    )


def role_of(document: Document | None, bucket: str, *, denies: bool = False) -> Role | None:
    """The role that a policy gives on the bucket, or None if it is none of ours."""
    return next((role for role in Role if same(document, of_role(role, bucket, denies=denies))), None)


def of_bucket(
    bucket: str, *, public: bool = False, owner: str = "", roles: Mapping[str, Role] | None = None
) -> Document | None:
    """The bucket's own policy; None if it has nothing to say.

    owner: the ARN of who must reach objects that others wrote, if that is no matter of course.
    roles: what users may do, by their ARN, where it is the bucket that says so.
    """
    arn = f"arn:aws:s3:::{bucket}"
    statements = [_allow("Owner", owner, ("s3:*",), arn, f"{arn}/*")] if owner else []
    for number, (user, role) in enumerate(sorted((roles or {}).items())):
        statements.append(_allow(f"Bucket{number}", user, _ON_BUCKET[role], arn))
        statements.append(_allow(f"Objects{number}", user, _ON_OBJECTS[role], f"{arn}/*"))
    if public:
        statements.append(_allow("PublicRead", "*", ("s3:GetObject",), f"{arn}/*"))
    return _document(*statements) if statements else None


def _allow(name: str, who: str, what: tuple[str, ...], *where: str) -> dict[str, Any]:
    return {
        "Sid": name,
        "Effect": "Allow",
        "Principal": "*" if who == "*" else {"AWS": [who]},
        "Action": list(what),
        "Resource": list(where),
    }


def read(text: str) -> Document | None:
    """A policy as a store answered it; None for an empty one."""
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return {"unreadable": True}
    return found if isinstance(found, dict) else None


def same(one: Document | None, other: Document | None) -> bool:
    """Whether two policies say the same."""
    if one is None or other is None:
        return one is other
    return bool(_plain(one) == _plain(other))


def _document(*statements: Mapping[str, Any]) -> Document:
    return {"Version": "2012-10-17", "Statement": [dict(statement) for statement in statements]}


def _plain(document: Document) -> Any:
    statements = document.get("Statement")
    listed = [statements] if isinstance(statements, dict) else statements or []
    return sorted(
        json.dumps({key: _value(value) for key, value in statement.items() if key != "Sid"}, sort_keys=True)
        for statement in listed
    )


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"AWS"} and _value(value["AWS"]) == ["*"]:
            return ["*"]
        return {key: _value(inner) for key, inner in value.items()}
    return sorted(map(str, value)) if isinstance(value, list) else [str(value)]
