"""The HTTP endpoint: /metrics, /healthz and /readyz.

/healthz answers 503 when a part of the operator has died or its loop hangs, so that the kubelet
restarts it. /readyz answers 503 until all caches are in step with the API server, with the name of
what is missing; a warm standby is ready too. Nothing here shows a resource's content.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from pileus.telemetry.metrics import Telemetry

Check = Callable[[], str]
"""Returns what is wrong, or an empty string."""


async def serve(
    telemetry: Telemetry, *, address: str, port: int, healthy: Check, ready: Check
) -> web.AppRunner:
    """Start serving; the caller cleans the runner up. Port 0 takes a free one."""

    async def metrics(_: web.Request) -> web.Response:
        body = generate_latest(telemetry.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def probe(check: Check) -> Callable[[web.Request], object]:
        async def answer(_: web.Request) -> web.Response:
            problem = check()
            return web.Response(text=f"{problem or 'ok'}\n", status=503 if problem else 200)

        return answer

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", probe(healthy))  # type: ignore[arg-type]
    app.router.add_get("/readyz", probe(ready))  # type: ignore[arg-type]
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    return runner
