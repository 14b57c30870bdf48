"""Each setting of a bucket as it is said to S3 and read from what S3 answers.

S3 is a client of boto3's that is told each answer, and checks what is sent against its own model of the API;
that real stores take it is shown by the tests on real stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from pileus.objects.s3 import CorsRule, Feature, LifecycleRule, Lock, Settings, Trouble
from pileus.objectstores.connection import Address, Connection, Keys
from pileus.objectstores.errors import StoreError
from pileus.objectstores.settings import SETTINGS, Setting, policy_of, set_policy, set_tags, tags_of

S3 = Connection(Address("https://s3.example.dev", "https://s3.example.dev"), Keys("AK", "secret")).s3
BY_NAME = {setting.name: setting for setting in SETTINGS}
MEDIA = {"Bucket": "media"}


@pytest.fixture
def s3() -> Iterator[Stubber]:
    with Stubber(S3) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


READING = {
    "versioning": "get_bucket_versioning",
    "lock": "get_object_lock_configuration",
    "encryption": "get_bucket_encryption",
    "lifecycle": "get_bucket_lifecycle_configuration",
    "cors": "get_bucket_cors",
}
ABSENT = {
    "lock": "ObjectLockConfigurationNotFoundError",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "lifecycle": "NoSuchLifecycleConfiguration",
    "cors": "NoSuchCORSConfiguration",
}


def encrypted(algorithm: str) -> dict[str, Any]:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def locked(**retention: Any) -> dict[str, Any]:
    rule = {"Rule": {"DefaultRetention": retention}} if retention else {}
    return {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", **rule}}


def rules(*given: dict[str, Any]) -> dict[str, Any]:
    return {
        "Rules": [
            {"ID": f"pileus-{number}", "Status": "Enabled", **rule} for number, rule in enumerate(given)
        ]
    }


LIFECYCLE = (
    LifecycleRule("", abort_uploads=1, expire_noncurrent=30),
    LifecycleRule("tmp/", expire=7),
)
LIFECYCLE_RULES = rules(
    {
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
    },
    {"Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7}},
)
CORS = (
    CorsRule(("https://a.dev",), ("GET", "PUT"), ("x-a",), ("ETag",), 60),
    CorsRule(("*",), ("GET",)),
)
CORS_RULES = {
    "CORSRules": [
        {
            "AllowedOrigins": ["https://a.dev"],
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["x-a"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 60,
        },
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]},
    ]
}
WRITING: tuple[tuple[str, Any, str, dict[str, Any]], ...] = (
    (
        "versioning",
        True,
        "put_bucket_versioning",
        {"VersioningConfiguration": {"Status": "Enabled"}},
    ),
    (
        "versioning",
        False,
        "put_bucket_versioning",
        {"VersioningConfiguration": {"Status": "Suspended"}},
    ),
    ("encryption", True, "put_bucket_encryption", encrypted("AES256")),
    ("encryption", False, "delete_bucket_encryption", {}),
    (
        "lock",
        Lock("GOVERNANCE", 30),
        "put_object_lock_configuration",
        locked(Mode="GOVERNANCE", Days=30),
    ),
    ("lock", None, "put_object_lock_configuration", locked()),
    (
        "lifecycle",
        LIFECYCLE,
        "put_bucket_lifecycle_configuration",
        {"LifecycleConfiguration": LIFECYCLE_RULES},
    ),
    ("lifecycle", (), "delete_bucket_lifecycle", {}),
    ("cors", CORS, "put_bucket_cors", {"CORSConfiguration": CORS_RULES}),
    ("cors", (), "delete_bucket_cors", {}),
)


@pytest.mark.parametrize(
    ("name", "value", "method", "sent"), WRITING, ids=[f"{row[0]}-{bool(row[1])}" for row in WRITING]
)
def test_written(s3: Stubber, name: str, value: Any, method: str, sent: dict[str, Any]) -> None:
    s3.add_response(method, {}, {**MEDIA, **sent})
    BY_NAME[name].write(S3, "media", value)


def test_every_setting_is_written_both_ways() -> None:
    assert {(name, bool(value)) for name, value, *_ in WRITING} == {
        (setting.name, on) for setting in SETTINGS for on in (True, False)
    }


READ: tuple[tuple[str, dict[str, Any], Any, str], ...] = (
    ("versioning", {}, False, "never enabled"),
    ("versioning", {"Status": "Suspended"}, False, "enabled once"),
    ("versioning", {"Status": "Enabled"}, True, "enabled"),
    ("encryption", encrypted("AES256"), True, "by the store's keys"),
    ("encryption", encrypted("aws:kms"), False, "by other keys"),
    ("lock", locked(), None, "it can lock, and does not by itself"),
    ("lock", locked(Mode="GOVERNANCE", Days=30), Lock("GOVERNANCE", 30), "by days"),
    ("lock", locked(Mode="COMPLIANCE", Years=2), Lock("COMPLIANCE", 730), "by years"),
    ("lifecycle", {}, (), "no rules"),
    ("lifecycle", LIFECYCLE_RULES, LIFECYCLE, "as written"),
    (
        "lifecycle",
        rules(*[{key: rule[key] for key in rule if key != "ID"} for rule in LIFECYCLE_RULES["Rules"][::-1]]),
        LIFECYCLE,
        "in another order",
    ),
    (
        "lifecycle",
        rules({"Prefix": "tmp/", "Expiration": {"Days": 7}}),
        (LifecycleRule("tmp/", expire=7),),
        "in the older form, as Ceph answers",
    ),
    (
        "lifecycle",
        rules({"Filter": {"Prefix": "a"}, "Expiration": {"Days": 7, "ExpiredObjectDeleteMarker": False}}),
        (LifecycleRule("a", expire=7),),
        "with what is not set spelled out",
    ),
    ("cors", {}, (), "no rules"),
    ("cors", CORS_RULES, CORS, "as written"),
    (
        "cors",
        {
            "CORSRules": [
                {"AllowedOrigins": ["*"], "AllowedMethods": ["PUT", "GET"], "AllowedHeaders": ["b", "a"]}
            ]
        },
        (CorsRule(("*",), ("GET", "PUT"), ("a", "b")),),
        "in another order, as Ceph answers",
    ),
)


@pytest.mark.parametrize("row", READ, ids=[f"{row[0]}: {row[3]}" for row in READ])
def test_read(s3: Stubber, row: tuple[str, dict[str, Any], Any, str]) -> None:
    name, answer, expected, why = row
    s3.add_response(READING[name], answer, MEDIA)
    assert BY_NAME[name].read(S3, "media") == expected, why


OURS = {"Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7}}
STRANGE: dict[str, dict[str, Any]] = {
    "it is switched off": {**OURS, "Status": "Disabled"},
    "only some objects": {
        **OURS,
        "Filter": {"And": {"Prefix": "tmp/", "Tags": [{"Key": "a", "Value": "b"}]}},
    },
    "only large ones": {**OURS, "Filter": {"Prefix": "tmp/", "ObjectSizeGreaterThan": 1}},
    "it also moves them": {**OURS, "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]},
    "by a date": {**OURS, "Expiration": {"Date": "2030-01-01T00:00:00Z"}},
    "marks of deletion too": {**OURS, "Expiration": {"Days": 7, "ExpiredObjectDeleteMarker": True}},
    "it keeps some versions": {
        **OURS,
        "NoncurrentVersionExpiration": {"NewerNoncurrentVersions": 3},
    },
    "it moves versions": {
        **OURS,
        "NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": "GLACIER"}],
    },
}


@pytest.mark.parametrize("row", STRANGE)
def test_a_rule_that_we_never_write_is_no_rule_of_ours(s3: Stubber, row: str) -> None:
    """Somebody edited it: it differs from every wish, and is put back."""
    s3.add_response(READING["lifecycle"], rules(STRANGE[row]), MEDIA)
    (found,) = BY_NAME["lifecycle"].read(S3, "media")
    assert found != LifecycleRule("tmp/", expire=7)
    assert "\0" in found.prefix, "no spec can ask for it"


@pytest.mark.parametrize("name", ABSENT)
@pytest.mark.parametrize(
    ("code", "status"),
    [("", 0), ("NotImplemented", 501), ("MethodNotAllowed", 405), ("", 404)],
    ids=["by its own code", "the store lacks it", "nor knows the way", "without a word"],
)
def test_what_is_absent_is_read_as_nothing(s3: Stubber, name: str, code: str, status: int) -> None:
    s3.add_client_error(
        READING[name],
        code or (ABSENT[name] if not status else ""),
        http_status_code=status or 400,
        expected_params=MEDIA,
    )
    assert BY_NAME[name].read(S3, "media") == getattr(Settings(), name)


FATAL: tuple[tuple[str, int, Trouble, str], ...] = (
    ("NoSuchBucket", 404, Trouble.ABSENT, "there is no bucket: that is no absent setting"),
    ("AccessDenied", 403, Trouble.DENIED, "nothing can be told"),
    ("SlowDown", 503, Trouble.BUSY, "nothing can be told"),
    ("MalformedXML", 400, Trouble.REFUSED, "nothing can be told"),
)


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize(("code", "status", "trouble", "why"), FATAL, ids=[row[0] for row in FATAL])
def test_what_could_not_be_read_is_not_taken_for_absent(
    s3: Stubber, name: str, code: str, status: int, trouble: Trouble, why: str
) -> None:
    s3.add_client_error(READING[name], code, http_status_code=status)
    with pytest.raises(StoreError) as error:
        BY_NAME[name].read(S3, "media")
    assert error.value.trouble is trouble, why


NEEDED: tuple[tuple[str, Any, set[Feature]], ...] = (
    ("versioning", True, {Feature.VERSIONING}),
    ("lock", Lock("GOVERNANCE", 1), {Feature.OBJECT_LOCK}),
    ("encryption", True, {Feature.ENCRYPTION}),
    ("cors", CORS, {Feature.CORS}),
    ("lifecycle", LIFECYCLE, {Feature.EXPIRE, Feature.ABORT_UPLOADS, Feature.EXPIRE_NONCURRENT}),
    ("lifecycle", LIFECYCLE[1:], {Feature.EXPIRE}),
)


@pytest.mark.parametrize(("name", "value", "expected"), NEEDED, ids=[row[0] for row in NEEDED])
def test_what_a_value_needs(name: str, value: Any, expected: set[Feature]) -> None:
    assert set(BY_NAME[name].needs(value)) == expected
    assert set(BY_NAME[name].needs(getattr(Settings(), name))) == set(), "nothing needs nothing"


def test_tags_are_written_whole(s3: Stubber) -> None:
    """S3 knows no other way: who adds one writes all of them."""
    s3.add_response("get_bucket_tagging", {"TagSet": [{"Key": "a", "Value": "b"}]}, MEDIA)
    found = tags_of(S3, "media")
    assert found == {"a": "b"}
    sent = [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]
    s3.add_response("put_bucket_tagging", {}, {**MEDIA, "Tagging": {"TagSet": sent}})
    set_tags(S3, "media", found | {"c": "d"})


def test_no_tags_are_none_and_no_bucket_is_an_error(s3: Stubber) -> None:
    s3.add_client_error("get_bucket_tagging", "NoSuchTagSet", http_status_code=404)
    assert tags_of(S3, "media") == {}
    s3.add_client_error("get_bucket_tagging", "NoSuchBucket", http_status_code=404)
    with pytest.raises(StoreError):
        tags_of(S3, "media")


def test_a_policy(s3: Stubber) -> None:
    s3.add_client_error("get_bucket_policy", "NoSuchBucketPolicy", http_status_code=404)
    assert policy_of(S3, "media") is None
    s3.add_response("get_bucket_policy", {"Policy": '{"Statement": []}'}, MEDIA)
    assert policy_of(S3, "media") == {"Statement": []}
    s3.add_response("put_bucket_policy", {}, {**MEDIA, "Policy": '{"Statement": []}'})
    set_policy(S3, "media", {"Statement": []})
    s3.add_response("delete_bucket_policy", {}, MEDIA)
    set_policy(S3, "media", None)


days = st.integers(0, 9999)
lifecycles = st.lists(
    st.builds(LifecycleRule, st.text("ab/", max_size=4), days, days, days).filter(
        lambda rule: rule.expire or rule.abort_uploads or rule.expire_noncurrent
    ),
    min_size=1,
    max_size=4,
).map(lambda found: tuple(sorted(found)))
origins = st.lists(st.sampled_from(["*", "https://a.dev"]), min_size=1, max_size=2).map(
    lambda found: tuple(sorted(found))
)
headers = st.lists(st.sampled_from(["x-a", "x-b"]), max_size=2, unique=True).map(
    lambda found: tuple(sorted(found))
)
cors = st.lists(
    st.builds(
        CorsRule,
        origins,
        st.sampled_from([("GET",), ("GET", "PUT")]),
        headers,
        headers,
        st.integers(0, 99999),
    ),
    min_size=1,
    max_size=3,
).map(tuple)


@given(
    st.tuples(st.just("lifecycle"), lifecycles)
    | st.tuples(st.just("cors"), cors)
    | st.tuples(
        st.just("lock"), st.builds(Lock, st.sampled_from(["GOVERNANCE", "COMPLIANCE"]), st.integers(1, 36500))
    )
)
def test_what_was_written_is_read_back(wanted: tuple[str, Any]) -> None:
    """Otherwise it would be written anew at every look."""
    name, value = wanted
    setting = BY_NAME[name]
    assert read_back(setting, value) == value


def read_back(setting: Setting, value: Any) -> Any:
    """What is read of a store that keeps what it is given."""
    with Stubber(S3) as stubber:
        kept = _Kept()
        S3.meta.events.register("provide-client-params.s3", kept)
        try:
            method = next(row[2] for row in WRITING if row[0] == setting.name and row[1])
            stubber.add_response(method, {})
            setting.write(S3, "media", value)
            answer = next(iter(kept.params.values()))
            whole = {"ObjectLockConfiguration": answer} if setting.name == "lock" else answer
            stubber.add_response(READING[setting.name], whole)
            return setting.read(S3, "media")
        finally:
            S3.meta.events.unregister("provide-client-params.s3", kept)


class _Kept:
    """The parameters of the first call."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}

    def __call__(self, params: dict[str, Any], **_: Any) -> None:
        self.params = self.params or {key: value for key, value in params.items() if key != "Bucket"}
