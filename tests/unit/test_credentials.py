"""The ways in that a kubeconfig can name, and clear words where it names none."""

from __future__ import annotations

import base64
import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pileus.cluster import credentials
from pileus.cluster.credentials import CredentialsError, Endpoint, default_namespace


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def written(directory: Path, *, user: dict[str, Any] | None = None, **cluster: Any) -> str:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://api.example:6443/", **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
    }
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return str(path)


async def test_inline_certificates_become_private_files(tmp_path: Path) -> None:
    user = {"client-certificate-data": encoded("cert"), "client-key-data": encoded("key")}
    endpoint = await Endpoint.load(
        written(tmp_path, user=user, **{"certificate-authority-data": encoded("ca")})
    )
    assert endpoint.server == "https://api.example:6443"
    assert [Path(p).read_text() for p in (endpoint.ca_file, endpoint.certificate, endpoint.key)] == [
        "ca",
        "cert",
        "key",
    ]
    assert Path(endpoint.key).stat().st_mode & 0o077 == 0
    assert await endpoint.authorization() == ""


async def test_files_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    endpoint = await Endpoint.load(written(tmp_path, user={"tokenFile": "token"}))
    assert await endpoint.authorization() == "Bearer abc"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"token": "abc"}, "Bearer abc"),
        ({"username": "me", "password": "pw"}, f"Basic {encoded('me:pw')}"),
        ({}, ""),
    ],
    ids=["a token", "a password", "nothing"],
)
async def test_the_authorization_header(tmp_path: Path, user: dict[str, Any], expected: str) -> None:
    endpoint = await Endpoint.load(written(tmp_path, user=user))
    assert await endpoint.authorization() == expected
    assert "abc" not in repr(endpoint)
    assert "pw" not in repr(endpoint)


async def test_a_token_that_rotates_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("old")
    endpoint = await Endpoint.load(written(tmp_path, user={"tokenFile": "token"}))
    assert await endpoint.authorization() == "Bearer old"
    (tmp_path / "token").write_text("new")
    assert await endpoint.authorization() == "Bearer old", "not at every request"
    monkeypatch.setattr(endpoint, "_fresh_until", 0.0)
    assert await endpoint.authorization() == "Bearer new"


async def test_a_login_program_is_asked_again_before_its_answer_expires(tmp_path: Path) -> None:
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=10)).isoformat()
    program = (
        "import json, os, pathlib; p = pathlib.Path(os.environ['COUNT']); n = int(p.read_text()) + 1; "
        "p.write_text(str(n)); assert 'ExecCredential' in os.environ['KUBERNETES_EXEC_INFO']; "
        f"print(json.dumps({{'status': {{'token': f't{{n}}', 'expirationTimestamp': '{soon}'}}}}))"
    )
    count = tmp_path / "count"
    count.write_text("0")
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", program],
        "env": [{"name": "COUNT", "value": str(count)}],
    }
    endpoint = await Endpoint.load(written(tmp_path, user={"exec": plugin}))
    first = await endpoint.authorization()
    assert await endpoint.authorization() != first, "it would expire in ten seconds"


async def test_the_mounted_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "MOUNT", tmp_path)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(CredentialsError, match="no service account token"):
        await Endpoint.load()
    (tmp_path / "token").write_text("mounted")
    endpoint = await Endpoint.load()
    assert endpoint.server == "https://[fd00::1]:443"
    assert await endpoint.authorization() == "Bearer mounted"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "There is no kubeconfig"),
        ("[", "not YAML"),
        ("[]", "not a kubeconfig"),
        (json.dumps({"current-context": "x"}), "no context named 'x'"),
        (
            json.dumps({"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "y"}}]}),
            "no cluster named 'y'",
        ),
    ],
    ids=["absent", "not YAML", "a list", "no context", "no cluster"],
)
async def test_what_is_wrong_is_named(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CredentialsError, match=words):
        await Endpoint.load(str(path))


async def test_a_login_program_that_fails_is_named(tmp_path: Path) -> None:
    plugin = {"command": sys.executable, "args": ["-c", "raise SystemExit(3)"]}
    with pytest.raises(CredentialsError, match=r"failed \(3\)"):
        await Endpoint.load(written(tmp_path, user={"exec": plugin}))


def test_the_namespace_is_the_contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(written(tmp_path))
    assert default_namespace(str(path)) == "default"
    config = yaml.safe_load(path.read_text())
    config["contexts"][0]["context"]["namespace"] = "acme"
    path.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert default_namespace() == "acme"


async def test_another_context_than_the_current_one(tmp_path: Path) -> None:
    path = Path(written(tmp_path))
    config = yaml.safe_load(path.read_text())
    there = {"cluster": "d", "user": "u", "namespace": "acme"}
    config["contexts"].append({"name": "there", "context": there})
    config["clusters"].append({"name": "d", "cluster": {"server": "https://other.example:6443"}})
    path.write_text(yaml.safe_dump(config))
    assert (await Endpoint.load(str(path), "there")).server == "https://other.example:6443"
    assert default_namespace(str(path), "there") == "acme"
    with pytest.raises(CredentialsError, match="no context named 'nowhere'"):
        await Endpoint.load(str(path), "nowhere")
