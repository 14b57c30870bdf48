"""A small web server for demos and tests: says who answers, with which settings.

It listens on $PORT (8080), needs no rights and no writable file, and ends within a moment of SIGTERM
after finishing what it is answering. `/` greets, `/healthz` answers $HEALTHZ_STATUS (200), `/env/NAME`
shows one variable, `/file/PATH` one file; everything else is 404.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from urllib.parse import unquote


class Answering:
    """Counts the requests being answered, so that the end can wait for them and not for idle connections."""

    def __init__(self) -> None:
        self._none = threading.Condition()
        self._count = 0

    def __enter__(self) -> None:
        with self._none:
            self._count += 1

    def __exit__(self, *exception: object) -> None:
        with self._none:
            self._count -= 1
            self._none.notify_all()

    def wait(self, seconds: float) -> None:
        """Until nothing is being answered, or the time is over."""
        with self._none:
            self._none.wait_for(lambda: self._count == 0, seconds)


answering = Answering()


class Handler(BaseHTTPRequestHandler):
    """Answers GET with plain text."""

    protocol_version = "HTTP/1.1"
    server_version = "pileus-web"
    timeout = 30

    def do_GET(self) -> None:
        """Route by the first part of the path."""
        with answering:
            status, text = self.answer(unquote(self.path.partition("?")[0]))
            body = f"{text}\n".encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def answer(self, path: str) -> tuple[int, str]:
        """The status and text for a path."""
        if path == "/":
            return HTTPStatus.OK, f"{os.environ.get('GREETING', 'Hello')} from {socket.gethostname()}"
        if path == "/healthz":
            status = int(os.environ.get("HEALTHZ_STATUS", "200"))
            return status, "ok" if status < 400 else "failing, as HEALTHZ_STATUS asks"
        if path.startswith("/env/"):
            name = path.removeprefix("/env/")
            if name in os.environ:
                return HTTPStatus.OK, os.environ[name]
            return HTTPStatus.NOT_FOUND, f"{name} is not set"
        if path.startswith("/file/"):
            file = Path(path.removeprefix("/file"))
            try:
                return HTTPStatus.OK, file.read_text()
            except (OSError, UnicodeDecodeError) as error:
                return HTTPStatus.NOT_FOUND, f"{file}: {error.__class__.__name__}"
        return HTTPStatus.NOT_FOUND, "There is /, /healthz, /env/NAME and /file/PATH."

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
        """One line a request, without those of probes, which would drown the others."""
        if self.path != "/healthz":
            sys.stdout.write(f"{self.address_string()} {format % args}\n")


class Server(ThreadingHTTPServer):
    """Listens on IPv6 and IPv4 where both exist."""

    daemon_threads = True
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind without the lookup of the own name, which would wait for DNS."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "web", self.socket.getsockname()[1]


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    server = Server(("", int(os.environ.get("PORT", "8080"))), Handler)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    done = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        done.set()

    # Process 1 of a container has no default action for signals: without these it would ignore them.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    serving.start()
    sys.stdout.write(f"listening on port {server.server_port}\n")
    done.wait()
    server.shutdown()
    server.server_close()
    answering.wait(5)


if __name__ == "__main__":
    main()
