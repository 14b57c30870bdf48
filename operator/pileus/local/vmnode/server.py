"""What the played nodes answer: virt-api's calls to virt-handler, and CDI's to importers.

Only those may call a machine whose certificate is of the cluster's authority and has virt-api's name
for it. Pausing writes what virt-handler would write, so that everybody sees it the usual way.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from pileus.local.vmnode import clock, imports, machines
from pileus.local.vmnode.api import ApiError, Manifest, Write
from pileus.local.vmnode.names import HANDLER_PORT, IMPORTER_PORT
from pileus.local.vmnode.world import World

_CALLER = "kubevirt.io:system:client:virt-handler"
_MACHINE = "/v1/namespaces/{namespace}/virtualmachineinstances/{name}"

Perform = Callable[[Write], Awaitable[Manifest]]


class Server:
    """Both servers, over one world. `perform` sends a write."""

    def __init__(self, world: World, perform: Perform):
        self._world, self._perform = world, perform

    async def start(self, address: str, *, ca: Path, certificate: Path, key: Path) -> None:
        """Listen; ends with the process."""
        closed = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca))
        closed.load_cert_chain(certificate, key)
        closed.verify_mode = ssl.CERT_REQUIRED
        await _listen(self._handler(), address, HANDLER_PORT, closed)
        open_ = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        open_.load_cert_chain(certificate, key)
        await _listen(self._importer(), address, IMPORTER_PORT, open_)

    def _handler(self) -> web.Application:
        application = web.Application(middlewares=[_only_virt_api])
        application.router.add_put(f"{_MACHINE}/pause", self._pause)
        application.router.add_put(f"{_MACHINE}/unpause", self._pause)
        application.router.add_get(f"{_MACHINE}/guestosinfo", self._guest)
        application.router.add_get(f"{_MACHINE}/userlist", _nothing)
        application.router.add_get(f"{_MACHINE}/filesystemlist", _nothing)
        for verb in ("freeze", "unfreeze", "softreboot", "reset"):
            application.router.add_put(f"{_MACHINE}/{verb}", _done)
        return application

    def _importer(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/healthz", self._healthy)
        return application

    async def _pause(self, request: web.Request) -> web.Response:
        yes = request.path.endswith("/pause")
        for _ in range(5):  # the machine may have changed since it was seen
            try:
                await self._perform(machines.paused(self._machine(request), yes, clock.now()))
            except ApiError as error:
                if error.status != 409:
                    raise web.HTTPInternalServerError(text=str(error)) from error
                await self._world.next_change()
            else:
                return web.Response(status=202)
        raise web.HTTPInternalServerError(text="The machine does not stop changing.")

    async def _guest(self, request: web.Request) -> web.Response:
        return web.json_response(machines.guest(self._machine(request)))

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(text=imports.metrics(self._world, clock.now()))

    async def _healthy(self, request: web.Request) -> web.Response:
        return web.Response(text="ok", status=200 if self._world.synced() else 503)

    def _machine(self, request: web.Request) -> Manifest:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        found = self._world.find("VirtualMachineInstance", namespace, name)
        if found is None:
            raise web.HTTPNotFound(text=f"There is no machine {namespace}/{name} here.")
        return found


async def _nothing(request: web.Request) -> web.Response:
    return web.json_response({"items": []})


async def _done(request: web.Request) -> web.Response:
    return web.Response(status=202)


@web.middleware
async def _only_virt_api(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    certificate = request.get_extra_info("peercert") or {}
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    if names != [_CALLER]:
        raise web.HTTPForbidden(text="Only virt-api may call virt-handler.")
    return await handler(request)


async def _listen(application: web.Application, address: str, port: int, tls: ssl.SSLContext) -> None:
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, address, port, ssl_context=tls).start()
