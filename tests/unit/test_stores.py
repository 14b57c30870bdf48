"""What is under way at a store ends when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

from aiohttp import web
from aiohttp.test_utils import TestServer

from pileus.objects.s3 import Engine, Source, StoreWish
from pileus.objectstores.stores import ObjectStores

KEY = ("ObjectStore", "", "main")
KEYS = Source("Secret", "pileus-system", "keys", "d1")
NO_BUCKETS = "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"


async def read(source: Source) -> Mapping[str, str]:
    return {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "secret"}


async def confirm() -> bool:
    return True


async def test_a_trial_ends_with_the_lease_under_which_it_began() -> None:
    """It may be held again by then, and the next trial be on the same bucket."""
    changed: list[str] = []
    met, go_on = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(text=NO_BUCKETS) if request.path == "/" else web.Response(status=404)
        changed.append(request.method)
        met.set()
        await go_on.wait()
        return web.Response()

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server:
        endpoint = str(server.make_url("")).rstrip("/")
        stores = ObjectStores(
            read=read, news=lambda key: None, leading=lambda: True, count=lambda name: lambda *_: None
        )
        wish = StoreWish("main", Engine.VERSITY, endpoint, endpoint, "us-east-1", KEYS, None, "cluster/main")
        stores.want(KEY, "u", wish, confirm=confirm, asked="")
        await asyncio.wait_for(met.wait(), 60)
        stores.reset()
        go_on.set()
        for thread in threading.enumerate():
            if thread.name.startswith("store"):
                await asyncio.to_thread(thread.join, 60)
    assert changed == ["PUT"]
