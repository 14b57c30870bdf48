"""`python -m bench.raw FILE EACH IN_FLIGHT`: sends prepared applies with the operator's own HTTP client.

The file has a path, a tab and a body a line; `EACH` successive lines are one resource and are sent one after
the other, `IN_FLIGHT` resources at once. Prints requests and seconds as JSON. Its Go twin is
`controller write`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import orjson

from bench.driver import APPLY
from pileus.cluster.client import Client
from pileus.cluster.credentials import Endpoint


async def send(content: bytes, each: int, in_flight: int) -> dict[str, float]:
    """Send them all to the API server of $KUBECONFIG."""
    lines = [line.split(b"\t", 1) for line in content.splitlines()]
    requests = [(url.decode(), orjson.Fragment(body)) for url, body in lines]
    groups = iter([requests[start : start + each] for start in range(0, len(requests), each)])
    async with Client(await Endpoint.load(), agent="bench-raw") as client:

        async def worker() -> None:
            for group in groups:
                for url, body in group:
                    await client.request("patch", url, method="PATCH", body=body, content_type=APPLY)

        started = time.monotonic()
        await asyncio.gather(*(worker() for _ in range(in_flight)))
        return {"requests": len(requests), "seconds": time.monotonic() - started}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(send(Path(sys.argv[1]).read_bytes(), int(sys.argv[2]), int(sys.argv[3])))))
