"""Kopf's part: the process, the login, start and stop.

Kopf watches nothing: it costs as much for one event as our informers for forty. No handler of
resources is registered, so it keeps no state and writes nothing: no finalizer, no annotation.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import kopf

from pileus.cluster.credentials import CredentialsError, Endpoint
from pileus.engine.kind import Kind
from pileus.wiring.runtime import Options, Runtime

logger = logging.getLogger(__name__)


def run(kinds: Sequence[Kind], options: Options) -> None:
    """Run the operator until it is told to stop (SIGTERM, SIGINT) or a part of it dies."""
    asyncio.run(_operate(kinds, options))


async def _operate(kinds: Sequence[Kind], options: Options) -> None:
    try:
        endpoint = await Endpoint.load()
    except CredentialsError as error:
        raise SystemExit(f"pileus: {error}") from None
    runtime = Runtime(kinds, options)
    stop = asyncio.Event()
    operator = asyncio.create_task(
        kopf.operator(
            registry=_registry(runtime, endpoint, stop),
            settings=_settings(),
            standalone=True,
            clusterwide=True,
            stop_flag=stop,
        )
    )
    watchdog = asyncio.create_task(_watchdog(runtime, stop))
    try:
        await operator
    finally:
        watchdog.cancel()
    if dead := runtime.dead():
        raise SystemExit(f"pileus stopped because a part of it died: {dead}")


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.process.ultimate_exiting_timeout = 30
    return settings


def _registry(runtime: Runtime, endpoint: Endpoint, stop: asyncio.Event) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        scheme, _space, token = (await endpoint.authorization()).partition(" ")
        return kopf.ConnectionInfo(
            server=endpoint.server,
            ca_path=endpoint.ca_file or None,
            insecure=endpoint.insecure,
            scheme=scheme or None,
            token=token or None,
            certificate_path=endpoint.certificate or None,
            private_key_path=endpoint.key or None,
        )

    @kopf.on.startup(registry=registry, errors=kopf.ErrorsMode.PERMANENT)
    async def startup(**_: Any) -> None:
        await runtime.start(endpoint)

    @kopf.on.cleanup(registry=registry)
    async def cleanup(**_: Any) -> None:
        await runtime.stop()
        stop.set()  # Kopf would wait five seconds for whoever waits for this flag

    return registry


async def _watchdog(runtime: Runtime, stop: asyncio.Event) -> None:
    await runtime.died.wait()
    logger.error("%s died; the operator stops.", runtime.dead())
    stop.set()
