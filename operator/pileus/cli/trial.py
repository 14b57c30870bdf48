"""`pileus trial`: the two ends of the flows by which the operator finds out whether policies hold.

It runs in pods that the operator makes, and in nobody's terminal.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

import click

MESSAGE = Path("/dev/termination-log")
"""Where Kubernetes finds a pod's last words."""

PATIENCE = 60.0
"""Seconds for the allowed port to answer."""

SETTLING = 45.0
"""Seconds for the enforcer to notice the pods; after that a port that answers is open."""

_TIMEOUT = 2.0
_BLOCKED_ENOUGH = 3


@click.group(hidden=True)
def trial() -> None:
    """Try whether NetworkPolicies hold; run by the operator."""


@trial.command()
@click.argument("ports", type=int, nargs=-1, required=True)
def serve(ports: tuple[int, ...]) -> None:
    """Answer whoever connects."""
    listening = [socket.create_server(("", port), family=_family(), dualstack_ipv6=_dual()) for port in ports]
    for one in listening:
        threading.Thread(target=_answer, args=(one,), daemon=True).start()
    threading.Event().wait()


@trial.command()
@click.argument("address")
@click.argument("allowed", type=int)
@click.argument("blocked", type=int)
def reach(address: str, allowed: int, blocked: int) -> None:
    """Say which of the two ports can be reached."""
    answer = _reach(address, allowed, blocked)
    click.echo(answer)
    with contextlib.suppress(OSError):
        MESSAGE.write_text(answer)


def _reach(address: str, allowed: int, blocked: int) -> str:
    start = time.monotonic()
    while not _connects(address, allowed):
        if time.monotonic() - start > PATIENCE:
            return "unreached"
        time.sleep(0.5)
    start, refusals = time.monotonic(), 0
    while time.monotonic() - start < SETTLING:
        refusals = 0 if _connects(address, blocked) else refusals + 1
        if refusals == _BLOCKED_ENOUGH:
            # Blocked, and not away: else nothing would have been shown.
            return "enforced" if _connects(address, allowed) else "unreached"
        time.sleep(0.5)
    return "open"


def _connects(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=_TIMEOUT) as connection:
            return connection.recv(2) == b"ok"
    except OSError:
        return False


def _answer(listening: socket.socket) -> None:
    while True:
        connection, _ = listening.accept()
        with contextlib.suppress(OSError), connection:
            connection.sendall(b"ok")


def _dual() -> bool:
    return socket.has_dualstack_ipv6()


def _family() -> socket.AddressFamily:
    return socket.AF_INET6 if _dual() else socket.AF_INET
