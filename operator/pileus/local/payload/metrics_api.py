# ruff: noqa: S310 - every URL is the API server's
"""The resource metrics API (metrics.k8s.io/v1beta1) with figures that a test sets.

The use of a pod is what the annotations `metrics.test/cpu` and `metrics.test/memory` say, of the pod or
else of its namespace; otherwise a little. So a test makes a HorizontalPodAutoscaler scale by annotating,
without burning any CPU. It runs behind the API server's aggregation layer, which authenticates users;
the figures are invented, so whoever else reaches the port may read them.

It reads pods and namespaces with its ServiceAccount and keeps nothing: each answer is one list of pods.
"""

from __future__ import annotations

import datetime
import json
import os
import signal
import ssl
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

GROUP = "metrics.k8s.io"
VERSION = "v1beta1"
DEFAULTS = {"cpu": "1m", "memory": "8Mi"}
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CERTIFICATE = Path("/certificate")


class Cluster:
    """GET requests to the API server as this pod's ServiceAccount."""

    def __init__(self) -> None:
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        self._url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        self._tls = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """One object or list."""
        url = f"{self._url}{path}" + (f"?{urlencode(query)}" if query else "")
        token = (ACCOUNT / "token").read_text()  # read each time: kubelet renews it
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, context=self._tls, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
        return answer


def usage(pod: dict[str, Any], namespace: dict[str, Any]) -> dict[str, str]:
    """What one container of the pod uses; a pod's figure is divided among nothing: its first has it."""
    figures = dict(DEFAULTS)
    for holder in (namespace, pod):
        annotations = holder.get("metadata", {}).get("annotations") or {}
        for resource in figures:
            figures[resource] = annotations.get(f"metrics.test/{resource}", figures[resource])
    return figures


def pod_metrics(pod: dict[str, Any], namespace: dict[str, Any], now: str) -> dict[str, Any]:
    """PodMetrics: the first container has the figure, others have none of it."""
    containers = [container["name"] for container in pod["spec"]["containers"]]
    figures = [usage(pod, namespace), *({"cpu": "0", "memory": "0"} for _ in containers[1:])]
    metadata = {
        key: pod["metadata"][key] for key in ("name", "namespace", "labels") if key in pod["metadata"]
    }
    return {
        "metadata": metadata | {"creationTimestamp": now},
        "timestamp": now,
        "window": "1s",  # short: the autoscaler leaves out figures that reach back before readiness
        "containers": [{"name": n, "usage": u} for n, u in zip(containers, figures, strict=True)],
    }


def node_metrics(node: dict[str, Any], now: str) -> dict[str, Any]:
    """NodeMetrics: a constant."""
    metadata = {"name": node["metadata"]["name"], "creationTimestamp": now}
    return {
        "metadata": metadata,
        "timestamp": now,
        "window": "1s",
        "usage": {"cpu": "100m", "memory": "256Mi"},
    }


def discovery() -> dict[str, Any]:
    """What the group serves."""
    verbs = ["get", "list"]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{GROUP}/{VERSION}",
        "resources": [
            {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": verbs},
            {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": verbs},
        ],
    }


def answer(cluster: Cluster, url: str) -> dict[str, Any] | None:
    """The object or list at a URL, or None where there is nothing."""
    parts = urlsplit(url)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    selectors = {key: query[key] for key in ("labelSelector",) if key in query}
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    match parts.path.strip("/").split("/"):
        case ["apis", group, version] if (group, version) == (GROUP, VERSION):
            return discovery()
        case ["apis", _, _, "nodes"]:
            nodes = cluster.get("/api/v1/nodes", **selectors)["items"]
            return _list("NodeMetrics", [node_metrics(node, now) for node in nodes])
        case ["apis", _, _, "nodes", name]:
            return _object("NodeMetrics", node_metrics(cluster.get(f"/api/v1/nodes/{quote(name)}"), now))
        case ["apis", _, _, "pods"]:
            spaces = {item["metadata"]["name"]: item for item in cluster.get("/api/v1/namespaces")["items"]}
            pods = _running(cluster.get("/api/v1/pods", **selectors)["items"])
            found = [pod_metrics(pod, spaces.get(pod["metadata"]["namespace"], {}), now) for pod in pods]
            return _list("PodMetrics", found)
        case ["apis", _, _, "namespaces", namespace, "pods"]:
            space = cluster.get(f"/api/v1/namespaces/{quote(namespace)}")
            pods = _running(cluster.get(f"/api/v1/namespaces/{quote(namespace)}/pods", **selectors)["items"])
            return _list("PodMetrics", [pod_metrics(pod, space, now) for pod in pods])
        case ["apis", _, _, "namespaces", namespace, "pods", name]:
            space = cluster.get(f"/api/v1/namespaces/{quote(namespace)}")
            pod = cluster.get(f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(name)}")
            return _object("PodMetrics", pod_metrics(pod, space, now))
    return None


def _running(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [pod for pod in pods if pod.get("status", {}).get("phase") == "Running"]


def _list(kind: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": f"{kind}List", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": items}


def _object(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": f"{GROUP}/{VERSION}", **item}


def status(code: int, reason: str, message: str) -> dict[str, Any]:
    """An error as the Kubernetes API spells it."""
    failure = {"status": "Failure", "code": code, "reason": reason, "message": message}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, **failure}


class Handler(BaseHTTPRequestHandler):
    """Answers GET with JSON."""

    protocol_version = "HTTP/1.1"
    cluster: Cluster

    def do_GET(self) -> None:
        """Answer, or say in Kubernetes' words what is wrong."""
        code, body = 200, answer_health(self.path)
        if body is None:
            try:
                body = answer(self.cluster, self.path)
            except urllib.error.HTTPError as error:
                code, body = error.code, json.loads(error.read() or b"{}")
            except OSError as error:
                code, body = (
                    503,
                    status(503, "ServiceUnavailable", f"The API server does not answer: {error}"),
                )
        if body is None:
            code, body = 404, status(404, "NotFound", f"Nothing is served at {self.path}.")
        content = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
        """Only failures: the autoscaler asks all the time."""
        if len(args) > 1 and not str(args[1]).startswith(("2", "404")):
            sys.stdout.write(f"{format % args}\n")


def answer_health(path: str) -> dict[str, Any] | None:
    """The probes' answer, which must not depend on the API server."""
    return {"status": "ok"} if path.partition("?")[0] in ("/healthz", "/livez", "/readyz") else None


def main() -> None:
    """Serve TLS on port 8443 until SIGTERM."""
    Handler.cluster = Cluster()
    server = ThreadingHTTPServer(("", 8443), Handler)
    server.daemon_threads = True
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE / "tls.crt", CERTIFICATE / "tls.key")
    # The handshake belongs to the connection's own thread: a silent client must not block the others.
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)

    def stop(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
