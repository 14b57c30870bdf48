"""Policies: what each role may do and what it may not, and when two documents say the same."""

from __future__ import annotations

import copy
import json
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.objects.s3 import Role
from pileus.objectstores import policies
from pileus.objectstores.policies import Document, of_bucket, of_key, of_role, read, role_of, same

BUCKET, OBJECT = "arn:aws:s3:::media", "arn:aws:s3:::media/a/b"
OWNER, APP, OTHER = (f"arn:aws:iam:::user/{name}" for name in ("root", "app", "other"))


def allows(document: Document | None, action: str, resource: str, who: str = "") -> bool:
    """Whether a policy allows an action, as engines read it: no statement, no right."""
    for statement in (document or {}).get("Statement", ()):
        assert statement["Effect"] == "Allow"
        principal = statement.get("Principal")
        if (
            (principal in (None, "*") or who in principal["AWS"])
            and any(fnmatchcase(f"s3:{action}", pattern) for pattern in statement["Action"])
            and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        ):
            return True
    return False


RW, RO, WO, RE = Role.READ_WRITE, Role.READ_ONLY, Role.WRITE_ONLY, Role.REPLICA
ALL: set[Role] = {RW, RO, WO, RE}
NOBODY: set[Role] = set()
RIGHTS: tuple[tuple[str, str, set[Role], str], ...] = (
    ("GetBucketLocation", BUCKET, ALL, "some clients ask for it before anything else"),
    ("ListBucket", BUCKET, {RW, RO, RE}, "who only writes sees nothing of what is there"),
    ("ListBucketVersions", BUCKET, {RW, RO}, "old versions are read like new ones"),
    ("GetBucketVersioning", BUCKET, {RW, RO, RE}, "clients ask whether there are versions"),
    ("ListBucketMultipartUploads", BUCKET, {RW, WO}, "who uploads finds its uploads again"),
    ("GetObject", OBJECT, {RW, RO, RE}, "reading, or comparing before a copy is written"),
    ("GetObjectVersion", OBJECT, {RW, RO}, "reading"),
    ("GetObjectTagging", OBJECT, {RW, RO}, "reading"),
    ("GetObjectVersionTagging", OBJECT, {RW, RO}, "reading"),
    ("PutObject", OBJECT, {RW, WO, RE}, "writing"),
    ("PutObjectTagging", OBJECT, {RW, WO}, "writing"),
    ("AbortMultipartUpload", OBJECT, {RW, WO, RE}, "writing large objects"),
    ("ListMultipartUploadParts", OBJECT, {RW, WO}, "writing large objects"),
    ("DeleteObject", OBJECT, {RW, RE}, "who only writes removes nothing"),
    ("DeleteObjectTagging", OBJECT, {RW}, "who only writes removes nothing"),
    ("DeleteObjectVersion", OBJECT, NOBODY, "what versioning keeps survives an app's key"),
    ("BypassGovernanceRetention", OBJECT, NOBODY, "locks are lifted by people"),
    ("PutObjectRetention", OBJECT, {RE}, "locks are the bucket's, and those of a copy the original's"),
    ("PutObjectLegalHold", OBJECT, {RE}, "locks are the bucket's, and those of a copy the original's"),
    ("ReplicateObject", OBJECT, {RE}, "an object comes with its version and its time"),
    ("ReplicateDelete", OBJECT, {RE}, "a mark of deletion comes"),
    ("ReplicateTags", OBJECT, {RE}, "tags come"),
    ("GetBucketObjectLockConfiguration", BUCKET, {RE}, "it is asked whether locks can be kept"),
    ("PutReplicationConfiguration", BUCKET, NOBODY, "where it is copied to is the spec's"),
    ("PutObjectAcl", OBJECT, NOBODY, "nobody makes an object public"),
    ("PutBucketAcl", BUCKET, NOBODY, "nobody makes the bucket public"),
    ("PutBucketPolicy", BUCKET, NOBODY, "nobody gives itself rights"),
    ("DeleteBucketPolicy", BUCKET, NOBODY, "nobody takes rights"),
    ("PutBucketVersioning", BUCKET, NOBODY, "settings are the spec's"),
    ("PutLifecycleConfiguration", BUCKET, NOBODY, "settings are the spec's"),
    ("PutBucketTagging", BUCKET, NOBODY, "the mark is ours"),
    ("DeleteBucket", BUCKET, NOBODY, "its end is the deletion policy's"),
    ("CreateBucket", "arn:aws:s3:::other", NOBODY, "users make no buckets"),
    ("ListAllMyBuckets", "arn:aws:s3:::*", NOBODY, "nobody sees what others have"),
)
ELSEWHERE = {
    BUCKET: ("arn:aws:s3:::medi", "arn:aws:s3:::media2", "arn:aws:s3:::media.old"),
    OBJECT: ("arn:aws:s3:::media2/a", "arn:aws:s3:::other/media/a", "arn:aws:s3:::medi/a"),
}


@pytest.mark.parametrize(("action", "resource", "roles", "why"), RIGHTS, ids=[row[0] for row in RIGHTS])
def test_what_a_role_may_do(action: str, resource: str, roles: set[Role], why: str) -> None:
    assert {role for role in Role if allows(of_role(role, "media"), action, resource)} == roles, why
    for role in Role:
        for other in ELSEWHERE.get(resource, ()):
            assert not allows(of_role(role, "media"), action, other), f"{other}: only its own bucket"
        bucket = of_bucket("media", owner=OWNER, roles={APP: role})
        assert allows(bucket, action, resource, APP) == (role in roles), "whoever says it, it is the same"


@pytest.mark.parametrize("role", Role)
def test_where_it_has_to_be_denied_no_consumer_removes_versions(role: Role) -> None:
    """Who gets copies does: by the same right it gets marks of deletion."""
    *same_as_ever, last = of_role(role, "media", denies=True)["Statement"]
    denied = [last] if last["Effect"] == "Deny" else []
    assert [one["Action"] for one in denied] == ([] if role is RE else [["s3:DeleteObjectVersion"]])
    assert [one["Resource"] for one in denied] == ([] if role is RE else [[f"{BUCKET}/*"]])
    assert (same_as_ever if denied else [*same_as_ever, last]) == of_role(role, "media")["Statement"]
    assert role_of(of_role(role, "media", denies=True), "media", denies=True) is role


def test_a_key_may_what_its_user_may_but_nothing_about_keys() -> None:
    allowed, denied = of_key("media")["Statement"]
    assert (allowed["Effect"], allowed["Resource"]) == ("Allow", [BUCKET, f"{BUCKET}/*"]), "its bucket alone"
    assert (denied["Effect"], denied["Action"]) == ("Deny", ["admin:*"])


def test_no_action_is_granted_that_no_row_tells() -> None:
    told = {f"s3:{action}" for action, _, roles, _ in RIGHTS if roles}
    granted = {
        action
        for role in Role
        for statement in of_role(role, "media")["Statement"]
        for action in statement["Action"]
    }
    assert granted == told
    assert not [action for action in granted if "*" in action], "nothing is granted that comes later"


@pytest.mark.parametrize("role", Role)
def test_what_was_written_is_known_again(role: Role) -> None:
    assert role_of(read(json.dumps(of_role(role, "media"))), "media") is role
    assert role_of(of_role(role, "media"), "other") is None, "another bucket's"


def _without_a_right(document: Document) -> None:
    document["Statement"][1]["Action"].pop()


def _with_a_right(document: Document) -> None:
    document["Statement"][0]["Action"].append("s3:PutBucketPolicy")


def _on_everything(document: Document) -> None:
    document["Statement"][0]["Resource"] = ["*"]


def _turned(document: Document) -> None:
    document["Statement"][0]["Effect"] = "Deny"


def _only_sometimes(document: Document) -> None:
    document["Statement"][0]["Condition"] = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}


def _one_more(document: Document) -> None:
    document["Statement"].append({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})


def _one_less(document: Document) -> None:
    document["Statement"].pop()


def _not_what_it_names(document: Document) -> None:
    statement = document["Statement"][0]
    statement["NotAction"] = statement.pop("Action")


EDITS = (
    _without_a_right,
    _with_a_right,
    _on_everything,
    _turned,
    _only_sometimes,
    _one_more,
    _one_less,
    _not_what_it_names,
)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__.strip("_"))
def test_a_policy_that_was_edited_says_something_else(edit: Any) -> None:
    for role in Role:
        for document in (of_role(role, "media"), of_bucket("media", public=True, roles={APP: role})):
            edited = copy.deepcopy(document)
            assert edited is not None
            assert same(document, edited)
            edit(edited)
            assert not same(document, edited)
            assert role_of(edited, "media") is None


BUCKETS: tuple[tuple[dict[str, Any], list[str], str], ...] = (
    ({}, [], "nothing to say"),
    ({"roles": {}}, [], "nobody to say it of"),
    ({"public": True}, ["PublicRead"], "anybody reads"),
    ({"owner": OWNER}, ["Owner"], "what others wrote is reached by the owner"),
    ({"roles": {APP: RO}}, ["Bucket0", "Objects0"], "a user"),
    (
        {"public": True, "owner": OWNER, "roles": {OTHER: RW, APP: RO}},
        ["Owner", "Bucket0", "Objects0", "Bucket1", "Objects1", "PublicRead"],
        "all of it",
    ),
)


@pytest.mark.parametrize(("how", "expected", "why"), BUCKETS)
def test_a_buckets_own_policy(how: dict[str, Any], expected: list[str], why: str) -> None:
    document = of_bucket("media", **how)
    assert (document is None) == (expected == []), why
    names = [statement["Sid"] for statement in (document or {}).get("Statement", ())]
    assert names == expected, why
    assert len(set(names)) == len(names), "AWS takes no name twice"


def test_users_of_a_bucket_have_their_own_rights() -> None:
    document = of_bucket("media", owner=OWNER, roles={APP: RO, OTHER: WO})
    rights = {
        who: (allows(document, "GetObject", OBJECT, who), allows(document, "PutObject", OBJECT, who))
        for who in (APP, OTHER, OWNER, "arn:aws:iam:::user/stranger")
    }
    assert list(rights.values()) == [(True, False), (False, True), (True, True), (False, False)]


def test_the_order_of_users_makes_no_difference() -> None:
    one, other = ({APP: RO, OTHER: WO}, {OTHER: WO, APP: RO})
    assert of_bucket("media", roles=one) == of_bucket("media", roles=other)


PUBLIC_READS = ("GetObject",)
PUBLIC_LACKS = ("ListBucket", "GetObjectVersion", "PutObject", "DeleteObject")


def test_public_is_to_read_objects_that_one_knows_and_no_more() -> None:
    document = of_bucket("media", public=True)
    assert all(allows(document, action, OBJECT) for action in PUBLIC_READS)
    assert not [action for action in PUBLIC_LACKS if allows(document, action, OBJECT)]
    assert not [action for action in PUBLIC_LACKS if allows(document, action, BUCKET)]


GET = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": [f"{BUCKET}/*"]}


def policy(*statements: dict[str, Any], **more: Any) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


SAME: tuple[tuple[str, Document | None, Document | None, bool], ...] = (
    ("none and none", None, None, True),
    ("none and one", None, policy(GET), False),
    ("a list of one and the one alone", policy(GET), policy({**GET, "Action": "s3:GetObject"}), True),
    ("a statement alone", policy(GET), {"Version": "x", "Statement": GET}, True),
    ("its name", policy(GET), policy({**GET, "Sid": "Given"}), True),
    (
        "the order of lists",
        policy({**GET, "Action": ["s3:a", "s3:b"]}),
        policy({**GET, "Action": ["s3:b", "s3:a"]}),
        True,
    ),
    (
        "the order of statements",
        policy(GET, {**GET, "Action": "s3:b"}),
        policy({**GET, "Action": "s3:b"}, GET),
        True,
    ),
    ("anybody, spelled out", policy(GET), policy({**GET, "Principal": {"AWS": "*"}}), True),
    ("anybody, as a list", policy(GET), policy({**GET, "Principal": {"AWS": ["*"]}}), True),
    ("somebody", policy(GET), policy({**GET, "Principal": {"AWS": [APP]}}), False),
    (
        "somebody, as a list",
        policy({**GET, "Principal": {"AWS": APP}}),
        policy({**GET, "Principal": {"AWS": [APP]}}),
        True,
    ),
    (
        "two and one of them",
        policy({**GET, "Principal": {"AWS": [APP, OTHER]}}),
        policy({**GET, "Principal": {"AWS": [APP]}}),
        False,
    ),
    ("twice and once", policy(GET, GET), policy(GET), False),
    ("no statements", policy(), policy(GET), False),
)


@pytest.mark.parametrize("row", SAME, ids=[row[0] for row in SAME])
def test_same(row: tuple[str, Document | None, Document | None, bool]) -> None:
    why, one, other, expected = row
    assert same(one, other) == expected, why
    assert same(other, one) == expected, why


statements = st.fixed_dictionaries(
    {
        "Effect": st.just("Allow"),
        "Action": st.lists(st.sampled_from(["s3:a", "s3:b", "s3:c"]), min_size=1, unique=True),
        "Resource": st.lists(st.sampled_from(["x", "y"]), min_size=1, unique=True),
        "Principal": st.sampled_from(["*", {"AWS": [APP]}, {"AWS": [APP, OTHER]}]),
    }
)


@given(st.lists(statements, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_whatever_an_engine_makes_of_it_it_is_the_same(given_: list[dict[str, Any]], dice: Any) -> None:
    """Rewritten in every way that engines are known to rewrite, it says what it said."""
    again = copy.deepcopy(given_)
    dice.shuffle(again)
    for number, statement in enumerate(again):
        statement["Sid"] = f"Engine{number}"
        for key in ("Action", "Resource"):
            dice.shuffle(statement[key])
            if len(statement[key]) == 1 and dice.random() < 0.5:
                statement[key] = statement[key][0]
    assert same(policy(*given_), policy(*again))


READ: tuple[tuple[str, Any, str], ...] = (
    ("", None, "nothing"),
    ('{"Statement": []}', {"Statement": []}, "a policy"),
    ("[]", None, "no policy"),
    ("<xml>", {"unreadable": True}, "something that is there and that we cannot read"),
)


@pytest.mark.parametrize(("text", "expected", "why"), READ)
def test_read(text: str, expected: Any, why: str) -> None:
    assert read(text) == expected, why


def test_what_cannot_be_read_is_replaced() -> None:
    unreadable = policies.read("<xml>")
    for wanted in (None, of_bucket("media", public=True), *(of_role(role, "media") for role in Role)):
        assert not same(unreadable, wanted)
