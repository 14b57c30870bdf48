"""Every way in which a call to a store fails; nothing of what a store said beside its code is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from pileus.objects.s3 import PASSING, Trouble
from pileus.objectstores.errors import StoreError, refused, told

SAID = "acme-secret-project"
"""What a store says beside its code: names of others, requests in full."""
URL = f"https://{SAID}.example.dev"


def answered(code: Any, status: int) -> boto.ClientError:
    """What botocore raises for an answer, with all that stores put into it."""
    response: Any = {
        "Error": {
            "Code": code,
            "Message": f"User {SAID} may not",
            "Resource": f"/{SAID}",
            "BucketName": SAID,
            "StringToSign": SAID,
        },
        "ResponseMetadata": {
            "HTTPStatusCode": status,
            "HTTPHeaders": {"x-amz-id-2": SAID},
            "RequestId": SAID,
            "HostId": SAID,
        },
    }
    return boto.ClientError(response, "CreateBucket")


CODES: tuple[tuple[str, int, Trouble, str], ...] = (
    ("AccessDenied", 403, Trouble.DENIED, "the keys lack a right"),
    ("InvalidAccessKeyId", 403, Trouble.DENIED, "the key is gone"),
    ("InvalidClientTokenId", 403, Trouble.DENIED, "the same, in IAM's words"),
    ("SignatureDoesNotMatch", 403, Trouble.DENIED, "the secret is another"),
    ("RequestTimeTooSkewed", 403, Trouble.DENIED, "not in the table: by the status"),
    ("AccessDenied", 400, Trouble.DENIED, "by the code, whatever the status"),
    ("NoSuchBucket", 404, Trouble.ABSENT, "by the status"),
    ("NoSuchEntity", 404, Trouble.ABSENT, "by the status"),
    ("BucketAlreadyExists", 409, Trouble.CONFLICT, "somebody else has the name"),
    ("BucketNotEmpty", 409, Trouble.CONFLICT, "by the status"),
    ("OperationAborted", 409, Trouble.BUSY, "S3 says to try again"),
    ("ConcurrentModification", 409, Trouble.BUSY, "IAM and Ceph say to try again"),
    ("EntityTemporarilyUnmodifiable", 409, Trouble.BUSY, "IAM says to try again"),
    ("RequestTimeout", 400, Trouble.BUSY, "the way there was too slow"),
    ("MethodNotAllowed", 405, Trouble.UNSUPPORTED, "the store lacks it"),
    ("NotImplemented", 501, Trouble.UNSUPPORTED, "the store lacks it, and is not broken"),
    ("SlowDown", 503, Trouble.BUSY, "too many calls"),
    ("Throttling", 400, Trouble.BUSY, "IAM's word for that comes with 400"),
    ("RequestLimitExceeded", 400, Trouble.BUSY, "too many calls"),
    ("TooManyRequests", 429, Trouble.BUSY, "by the status"),
    ("InternalError", 500, Trouble.BUSY, "it may be better next time"),
    ("ServiceUnavailable", 503, Trouble.BUSY, "it may be better next time"),
    ("MalformedXML", 400, Trouble.REFUSED, "asking again is no use"),
    ("TooManyBuckets", 400, Trouble.REFUSED, "asking again is no use"),
    ("PermanentRedirect", 301, Trouble.REFUSED, "another region"),
)


@pytest.mark.parametrize(("code", "status", "trouble", "why"), CODES, ids=[f"{r[0]}-{r[1]}" for r in CODES])
def test_an_answer(code: str, status: int, trouble: Trouble, why: str) -> None:
    error = raised(answered(code, status))
    assert error.trouble is trouble, why
    assert error.code == code
    assert error.fault.words == f"CreateBucket: {code} ({status})"


BARE: tuple[tuple[Any, int, Trouble, str, str], ...] = (
    ("", 403, Trouble.DENIED, "HTTP 403", "Ceph sends no body with some answers"),
    ("403", 403, Trouble.DENIED, "HTTP 403", "botocore makes a code of the status of HEAD"),
    ("404", 404, Trouble.ABSENT, "HTTP 404", "the same"),
    ("", 0, Trouble.BUSY, "HTTP 0", "no answer that could be read"),
    ("Unknown", 500, Trouble.BUSY, "Unknown (500)", "what botocore puts for no code"),
    (f"No {SAID}", 400, Trouble.REFUSED, "HTTP 400", "words are no code"),
    (f"{SAID}\n", 400, Trouble.REFUSED, "HTTP 400", "nor is what looks like a name"),
    ("x" * 65, 400, Trouble.REFUSED, "HTTP 400", "nor what is longer than any"),
)


@pytest.mark.parametrize(("code", "status", "trouble", "shown", "why"), BARE)
def test_an_answer_without_a_code(code: Any, status: int, trouble: Trouble, shown: str, why: str) -> None:
    error = raised(answered(code, status))
    assert error.trouble is trouble, why
    assert error.fault.words == f"CreateBucket: {shown}", why


def test_an_answer_without_anything() -> None:
    assert raised(boto.ClientError({}, "CreateBucket")).fault.words == "CreateBucket: HTTP 0"


FAILED: tuple[tuple[Exception, Trouble, str], ...] = (
    (boto.EndpointConnectionError(endpoint_url=URL), Trouble.UNREACHABLE, "no connection to the store"),
    (boto.ProxyConnectionError(proxy_url=URL), Trouble.UNREACHABLE, "no connection to the store"),
    (boto.ConnectTimeoutError(endpoint_url=URL), Trouble.UNREACHABLE, "no answer in time"),
    (boto.ReadTimeoutError(endpoint_url=URL), Trouble.UNREACHABLE, "no answer in time"),
    (boto.ConnectionClosedError(endpoint_url=URL), Trouble.UNREACHABLE, "the connection broke"),
    (boto.ResponseStreamingError(error=SAID), Trouble.UNREACHABLE, "the connection broke"),
    (boto.HTTPClientError(error=SAID), Trouble.UNREACHABLE, "the connection broke"),
    (
        boto.SSLError(endpoint_url=URL, error=SAID),
        Trouble.UNTRUSTED,
        "the store's certificate is not from an authority that is trusted here",
    ),
    (ResponseParserError(SAID), Trouble.BUSY, "what answers there does not speak S3"),
    (boto.ParamValidationError(report=SAID), Trouble.REFUSED, "ParamValidationError"),
    (boto.NoCredentialsError(), Trouble.REFUSED, "NoCredentialsError"),
)


@pytest.mark.parametrize(("error", "trouble", "words"), FAILED, ids=[type(row[0]).__name__ for row in FAILED])
def test_no_answer(error: Exception, trouble: Trouble, words: str) -> None:
    found = raised(error)
    assert found.trouble is trouble
    assert found.fault.words == f"CreateBucket: {words}"
    assert found.code == ""


EVERY = [answered(code, status) for code, status, *_ in (*CODES, *BARE)] + [row[0] for row in FAILED]


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_what_a_store_said_goes_nowhere(error: Exception) -> None:
    """Neither into words, nor into a log by the exception that an exception came from."""
    found = raised(error)
    assert SAID not in f"{found} {found!r} {found.fault} {found.code} {found.args}"
    assert found.__suppress_context__, "a traceback would show what it came from"
    assert found.__cause__ is None


def test_what_is_no_failure_of_a_store_is_not_taken_for_one() -> None:
    with pytest.raises(KeyError), told("CreateBucket"):
        raise KeyError("a defect of ours")


def test_a_failure_is_told_once() -> None:
    inner = StoreError(Trouble.BUSY, "inner: x")
    with pytest.raises(StoreError) as outer, told("outer"):
        raise inner
    assert outer.value is inner


@given(st.text(max_size=80), st.integers(0, 599))
def test_words_hold_a_code_or_none(given_: str, status: int) -> None:
    """Whatever a store sends for a code: what is shown of it is short, and on one line."""
    error = refused("CreateBucket", given_, status)
    assert re.fullmatch(r"CreateBucket: (HTTP|[A-Za-z0-9.]{1,64}) \(?[0-9]{1,3}\)?", error.fault.words)


def test_what_passes() -> None:
    assert {Trouble.UNREACHABLE, Trouble.BUSY} == PASSING
    for trouble in Trouble:
        assert StoreError(trouble, "x").fault.passing == (trouble in PASSING)


def raised(error: Exception) -> StoreError:
    """What becomes of an exception of botocore's."""
    with pytest.raises(StoreError) as found, told("CreateBucket"):
        raise error
    return found.value
