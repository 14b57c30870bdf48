"""What is passed on of the API server's words: refusals whole, its own troubles not."""

from __future__ import annotations

import json

import pytest

from pileus.cluster.client import _error

SECRET = "the-users-secret"


@pytest.mark.parametrize(
    ("status", "said", "passed_on"),
    [
        (403, 'services "a" is forbidden: exceeded quota: q', 'services "a" is forbidden: exceeded quota: q'),
        (422, "spec.x: Invalid value", "spec.x: Invalid value"),
        (404, "", "The API server answered 404."),
        (500, f"etcd says {SECRET}", "The API server answered 500."),
        (
            500,
            f'Internal error occurred: failed calling webhook "check.example.com": {SECRET}',
            'The API server answered 500: failed calling webhook "check.example.com".',
        ),
        (429, SECRET, "The API server answered 429."),
        (504, SECRET, "The API server answered 504."),
    ],
)
def test_words_of_the_api_server(status: int, said: str, passed_on: str) -> None:
    payload = json.dumps({"message": said, "reason": "R"}).encode()

    error = _error(status, payload, "3")

    assert error.message == passed_on
    assert (error.status, error.reason, error.retry_after) == (status, "R", 3.0)


def test_an_answer_that_is_no_status() -> None:
    assert _error(502, b"<html>", "soon").message == "The API server answered 502."
