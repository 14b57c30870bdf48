"""What the benchmark of Buckets reads of a store's requests and makes of it. Nothing is timed here."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import urllib.parse

import pytest
from bench.buckets.calls import Call, Requests, named
from bench.buckets.results import Buckets, Engine, Phase, read
from bench.buckets.tables import ORDER, kept, tables
from bench.buckets.tap import Tap


@pytest.mark.parametrize(
    ("method", "target", "body", "call"),
    [
        ("GET", "/", b"", Call("ListBuckets")),
        ("PUT", "/data-1", b"", Call("CreateBucket", "data-1")),
        ("GET", "/data-1?tagging", b"", Call("GetBucketTagging", "data-1")),
        ("PUT", "/data-1?object-lock=", b"<a/>", Call("PutObjectLockConfiguration", "data-1")),
        ("GET", "/data-1?versions&max-keys=1000", b"", Call("ListObjectVersions", "data-1")),
        ("DELETE", "/data-1", b"", Call("DeleteBucket", "data-1")),
        ("POST", "/", b"Action=CreateUser&UserName=a.b", Call("CreateUser", "a.b")),
        ("PUT", "/admin/user?format=json&key=&uid=t%24a.b", b"", Call("PUT /admin/user?key", "t$a.b")),
        ("PUT", "/admin/bucket?quota=&uid=root&bucket=b", b"", Call("PUT /admin/bucket?quota", "b")),
        ("GET", "/admin/user?access-key=K", b"", Call("GET /admin/user")),
    ],
)
def test_a_request_has_the_name_that_its_api_gives_it(
    method: str, target: str, body: bytes, call: Call
) -> None:
    assert named(method, target, body) == call


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_requests_are_told_apart_however_their_bytes_come(size: int) -> None:
    sent = (
        b"PUT /a?tagging HTTP/1.1\r\nHost: s\r\nContent-Length: 7\r\n\r\n<a>\r\n\r\n"
        b"GET /a?policy HTTP/1.1\r\nHost: s\r\n\r\n"
        b"POST / HTTP/1.1\r\ncontent-length: 29\r\n\r\nAction=CreateUser&UserName=u1"
    )
    requests = Requests()
    found = [
        call for start in range(0, len(sent), size) for call in requests.more(sent[start : start + size])
    ]
    assert found == [Call("PutBucketTagging", "a"), Call("GetBucketPolicy", "a"), Call("CreateUser", "u1")]


async def test_what_is_counted_reaches_the_store_as_it_is() -> None:
    sent = b"PUT /a?tagging HTTP/1.1\r\nHost: whoever:1\r\nContent-Length: 3\r\n\r\n<a>"
    seen: list[bytes] = []

    async def store(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readexactly(len(sent)))
        writer.write(b"answer")
        writer.close()

    server = await asyncio.start_server(store, "127.0.0.1", 0)
    tap = Tap()
    async with server, tap.to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as url:
        found = urllib.parse.urlsplit(url)
        reader, writer = await asyncio.open_connection(found.hostname, found.port)
        writer.write(sent)
        assert await reader.read() == b"answer"
        writer.close()
    assert seen == [sent]
    assert [call for _, call in tap.calls] == [Call("PutBucketTagging", "a")]


def results(**writes: int) -> Buckets:
    """A run in which a look is two calls; writes: those of a phase."""
    calls = {"cold": {"CreateBucket": 10}, "idle": {}, "leave": {"DeleteBucket": 10}}
    look = {"GetBucketTagging": 10, "GetBucketPolicy": 10}
    phases = [
        Phase(
            name, 1.0, 1.0, 0.1, 90.0, 90.0, calls.get(name, look), {}, {"APPLY buckets": writes.get(name, 0)}
        )
        for name in ORDER
    ]
    return Buckets(2, 24, 0.1, {}, 60.0, [Engine("versitygw", 10, 80.0, phases)])


def test_every_promise_can_be_kept() -> None:
    assert kept(results(cold=40, leave=10))


@pytest.mark.parametrize("phase", ["idle", "restart", "resync"])
def test_a_write_when_nothing_changed_is_told(phase: str) -> None:
    found = results(**{phase: 1})
    assert not kept(found)
    assert any("**no**" in row for table in tables(found) for row in table.rows)


def test_results_survive_json() -> None:
    assert results() == read(json.loads(json.dumps(dataclasses.asdict(results()))))
