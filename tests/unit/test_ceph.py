"""What Ceph's Admin Ops API answers beside what its documentation says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pileus.objects.s3 import Quota, Trouble
from pileus.objectstores.ceph import CephUsers
from pileus.objectstores.connection import Address, Connection, Keys
from pileus.objectstores.errors import StoreError

CALLS: dict[str, Callable[[CephUsers], object]] = {
    "account": lambda users: users.account("b"),
    "limit": lambda users: users.limit("b", Quota(objects=1)),
    "find": lambda users: users.find("u", "b"),
}


@pytest.mark.parametrize("call", CALLS)
async def test_an_empty_answer_says_nothing_and_is_asked_for_again(call: str) -> None:
    """So Ceph 16 answers now and then of a bucket that somebody removes just then: 200, and no body."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response()

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server:
        endpoint = str(server.make_url("")).rstrip("/")
        connection = Connection(Address(endpoint, endpoint), Keys("AK", "secret"), leading=lambda: True)
        with pytest.raises(StoreError, match="an empty answer") as told:
            await asyncio.to_thread(CALLS[call], CephUsers(connection))
    assert told.value.trouble is Trouble.BUSY
