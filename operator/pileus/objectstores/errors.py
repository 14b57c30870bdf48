"""Every way in which a call to a store fails, as one exception that is safe to show.

What a store answers beside a short code is never repeated: it may hold names of others, or requests in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from pileus.objects.s3 import Fault, Trouble

_CODES = {
    "AccessDenied": Trouble.DENIED,
    "AllAccessDisabled": Trouble.DENIED,
    "Forbidden": Trouble.DENIED,
    "InvalidAccessKeyId": Trouble.DENIED,
    "InvalidClientTokenId": Trouble.DENIED,
    "SignatureDoesNotMatch": Trouble.DENIED,
    "MethodNotAllowed": Trouble.UNSUPPORTED,
    "NotImplemented": Trouble.UNSUPPORTED,
    "SlowDown": Trouble.BUSY,
    "RequestTimeout": Trouble.BUSY,
    # Answered with 409, and with the advice to try again.
    "ConcurrentModification": Trouble.BUSY,
    "EntityTemporarilyUnmodifiable": Trouble.BUSY,
    "OperationAborted": Trouble.BUSY,
    "RequestLimitExceeded": Trouble.BUSY,
    "Throttling": Trouble.BUSY,
}
_STATUS = {
    403: Trouble.DENIED,
    404: Trouble.ABSENT,
    405: Trouble.UNSUPPORTED,
    409: Trouble.CONFLICT,
    429: Trouble.BUSY,
    501: Trouble.UNSUPPORTED,
}
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")


class StoreError(Exception):
    """A call failed; `fault` says why. code: the store's own word, or empty."""

    def __init__(self, trouble: Trouble, words: str, *, code: str = ""):
        super().__init__(words)
        self.fault = Fault(trouble, words)
        self.code = code

    @property
    def trouble(self) -> Trouble:
        """What kind of failure it is."""
        return self.fault.trouble


@contextmanager
def told(operation: str) -> Iterator[None]:
    """Turns what botocore raises in the block into StoreError."""
    try:
        yield
    except boto.ClientError as error:
        answer = error.response
        # Some answers have neither code nor body.
        given = str(answer.get("Error", {}).get("Code", ""))
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        raise refused(operation, given, status) from None
    except boto.SSLError:
        raise untrusted(operation) from None
    except (boto.ConnectTimeoutError, boto.ReadTimeoutError):
        raise StoreError(Trouble.UNREACHABLE, f"{operation}: no answer in time") from None
    except boto.ConnectionError:
        raise StoreError(Trouble.UNREACHABLE, f"{operation}: no connection to the store") from None
    except boto.HTTPClientError:
        raise StoreError(Trouble.UNREACHABLE, f"{operation}: the connection broke") from None
    except ResponseParserError:
        raise StoreError(Trouble.BUSY, f"{operation}: what answers there does not speak S3") from None
    except boto.BotoCoreError as error:
        raise StoreError(Trouble.REFUSED, f"{operation}: {type(error).__name__}") from None


@contextmanager
def unless_absent() -> Iterator[None]:
    """Leaves the block quietly where there is nothing (any more)."""
    try:
        yield
    except StoreError as error:
        if error.trouble is not Trouble.ABSENT:
            raise


def untrusted(operation: str) -> StoreError:
    """The error for a certificate that nobody who is trusted signed."""
    words = f"{operation}: the store's certificate is not from an authority that is trusted here"
    return StoreError(Trouble.UNTRUSTED, words)


def refused(operation: str, given: str, status: int) -> StoreError:
    """The error for an answer with this code and this HTTP status."""
    code = given if _CODE.fullmatch(given) else ""
    if trouble := _CODES.get(code) or _STATUS.get(status):
        pass
    elif status >= 500 or status == 0:
        trouble = Trouble.BUSY
    else:
        trouble = Trouble.REFUSED
    shown = f"{code} ({status})" if code and not code.isdigit() else f"HTTP {status}"
    return StoreError(trouble, f"{operation}: {shown}", code=code)
