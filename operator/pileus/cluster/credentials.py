"""Where the API server is and how to log in: the mounted service account, or a kubeconfig.

Covers what operators meet: certificates and tokens, inline or in files, and exec plugins, whose
credentials are fetched anew before they expire. A mounted token is read again every minute, since
the kubelet rotates it. The official client is not used for this: importing it costs 20 MB of
memory and most of the start-up time, and 75 MB of image. Secrets are never logged.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import functools
import json
import os
import ssl
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REREAD = 60.0
"""Seconds after which a token file is read again."""
EARLY = dt.timedelta(seconds=30)
"""How long before its expiry an exec plugin's credential is replaced."""


class CredentialsError(Exception):
    """There is no usable way to the API server; the message says what is wrong with which file."""


@dataclass(slots=True)
class Endpoint:
    """The API server and the way in; one value for Kopf and for our client.

    ca_file, certificate, key: paths; empty where there are none.
    """

    server: str
    ca_file: str = ""
    insecure: bool = False
    certificate: str = ""
    key: str = ""
    _token: str = field(default="", repr=False)
    _token_file: str = ""
    _basic: str = field(default="", repr=False)
    _exec: Mapping[str, Any] | None = field(default=None, repr=False)
    _fresh_until: float = 0.0

    @classmethod
    async def load(cls, kubeconfig: str = "", context: str = "") -> Endpoint:
        """From `kubeconfig`, $KUBECONFIG, the mounted service account, or ~/.kube/config, in this order.

        context: of a kubeconfig; empty: its current one.
        """
        named = kubeconfig or os.environ.get("KUBECONFIG", "")
        if not named and not context and os.environ.get("KUBERNETES_SERVICE_HOST"):
            return _mounted()
        endpoint = _from_file(_path(named), context)
        if endpoint._exec is not None:
            await endpoint._run_plugin()
        return endpoint

    async def authorization(self) -> str:
        """The Authorization header's value, refreshed when due; empty with client certificates."""
        if time.monotonic() >= self._fresh_until:
            if self._token_file:
                self._token = _read(self._token_file)
                self._fresh_until = time.monotonic() + REREAD
            elif self._exec is not None:
                await self._run_plugin()
        return f"Bearer {self._token}" if self._token else self._basic

    def ssl_context(self) -> ssl.SSLContext | bool:
        """The TLS context with the cluster's CA and the client certificate, if there is one."""
        if not self.server.startswith("https"):
            return False
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key or None)
        return context

    async def _run_plugin(self) -> None:
        assert self._exec is not None
        plugin = self._exec
        version = plugin.get("apiVersion", "client.authentication.k8s.io/v1")
        request = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
        settings = {entry["name"]: entry["value"] for entry in plugin.get("env") or ()}
        process = await asyncio.create_subprocess_exec(
            plugin["command"],
            *(plugin.get("args") or ()),
            env={**os.environ, **settings, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            stdout=asyncio.subprocess.PIPE,
        )
        answer, _ = await process.communicate()
        if process.returncode != 0:
            raise CredentialsError(f"The login program {plugin['command']} failed ({process.returncode}).")
        status = json.loads(answer).get("status") or {}
        self._token = status.get("token", "")
        if "clientCertificateData" in status:
            self.certificate = _private_file(status["clientCertificateData"].encode())
            self.key = _private_file(status["clientKeyData"].encode())
        self._fresh_until = float("inf")
        if expiry := status.get("expirationTimestamp"):
            left = dt.datetime.fromisoformat(expiry) - EARLY - dt.datetime.now(dt.UTC)
            self._fresh_until = time.monotonic() + max(0.0, left.total_seconds())


def default_namespace(kubeconfig: str = "", context: str = "") -> str:
    """The namespace in which whoever logs in this way works: the context's, or the pod's own."""
    named = kubeconfig or os.environ.get("KUBECONFIG", "")
    if not named and not context and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return _read(str(MOUNT / "namespace"))
    path = _path(named)
    config = _config(path)
    named_context = context or config.get("current-context")
    return str(_entry(path, config, "context", named_context).get("namespace") or "default")


def _mounted() -> Endpoint:
    if not (MOUNT / "token").is_file():
        raise CredentialsError(f"This pod has no service account token in {MOUNT}; mount one.")
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    return Endpoint(f"https://{host}:{port}", str(MOUNT / "ca.crt"), _token_file=str(MOUNT / "token"))


def _read(token_file: str) -> str:
    try:
        return Path(token_file).read_text().strip()
    except OSError as error:
        raise CredentialsError(f"The token file {token_file} cannot be read: {error.strerror}.") from None


def _path(named: str) -> Path:
    return Path(named.split(os.pathsep)[0] or "~/.kube/config").expanduser()


def _config(path: Path) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise CredentialsError(f"There is no kubeconfig {path}: {error.strerror}. Set KUBECONFIG.") from None
    except yaml.YAMLError:
        raise CredentialsError(f"{path} is not a kubeconfig: it is not YAML.") from None
    if not isinstance(config, dict):
        raise CredentialsError(f"{path} is not a kubeconfig.")
    return config


def _from_file(path: Path, context: str) -> Endpoint:
    config = _config(path)
    chosen = _entry(path, config, "context", context or config.get("current-context"))
    cluster = _entry(path, config, "cluster", chosen.get("cluster"))
    user = _entry(path, config, "user", chosen.get("user")) if chosen.get("user") else {}
    basic = ""
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}"
        basic = "Basic " + base64.b64encode(pair.encode()).decode()
    return Endpoint(
        server=str(cluster["server"]).rstrip("/"),
        ca_file=_file(path, cluster, "certificate-authority"),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        certificate=_file(path, user, "client-certificate"),
        key=_file(path, user, "client-key"),
        _token=user.get("token", ""),
        _token_file=_file(path, user, "tokenFile"),
        _basic=basic,
        _exec=user.get("exec"),
    )


def _entry(path: Path, config: Mapping[str, Any], kind: str, name: object) -> Mapping[str, Any]:
    for entry in config.get(f"{kind}s") or ():
        if entry.get("name") == name:
            return dict(entry.get(kind) or {})
    raise CredentialsError(f"The kubeconfig {path} has no {kind} named {name!r}.")


def _file(path: Path, entry: Mapping[str, Any], key: str) -> str:
    """The path of a file that is named, relative to the kubeconfig, or given inline."""
    if inline := entry.get(f"{key}-data"):
        return _private_file(base64.b64decode(inline))
    named = entry.get(key)
    return str(path.parent / named) if named else ""


@functools.cache
def _directory() -> tempfile.TemporaryDirectory[str]:
    # Readable by this user alone; removed when the process ends.
    return tempfile.TemporaryDirectory(prefix="pileus-")


def _private_file(content: bytes) -> str:
    # TLS contexts load certificates from files only.
    with tempfile.NamedTemporaryFile(dir=_directory().name, delete=False) as file:
        file.write(content)
    return file.name
