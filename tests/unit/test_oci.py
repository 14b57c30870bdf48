"""Layers and archives: the same bytes for the same content, and what readers of archives rely on."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from pileus.local import oci
from pileus.local.oci import Directory, Entry, File, ImageConfig, Symlink

A, B, LINK = File("bin/a", b"a", 0o755), File("etc/b", b"b"), Symlink("bin/sh", "a")


def layer(path: Path, *entries: Entry) -> oci.Layer:
    return oci.write_layer(entries, path)


@pytest.mark.parametrize(
    ("left", "right", "same", "reason"),
    [
        ((A, B, LINK), (LINK, B, A), True, "the order of discovery says nothing"),
        ((A, B), (Directory("etc"), A, Directory("bin"), B), True, "parents come by themselves"),
        ((File("/bin/a", b"a", 0o755),), (A,), True, "a leading slash is not part of a name"),
        ((File("bin/a", b"x"), A), (A,), True, "the later entry wins"),
        ((A,), (File("bin/a", b"a", 0o644),), False, "the mode is content"),
        ((LINK,), (Symlink("bin/sh", "b"),), False, "a link's target is content"),
        ((Directory("tmp", 0o1777),), (Directory("tmp"),), False, "a directory's mode is content"),
    ],
)
def test_layer_digest(
    left: tuple[Entry, ...], right: tuple[Entry, ...], same: bool, reason: str, tmp_path: Path
) -> None:
    digests = {layer(tmp_path / "l.tar", *left).digest, layer(tmp_path / "r.tar", *right).digest}
    assert (len(digests) == 1) is same, reason


def test_layer_says_nothing_about_when_and_where(tmp_path: Path) -> None:
    (tmp_path / "root" / "app").mkdir(parents=True)
    (tmp_path / "root" / "app" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "root" / "app" / "run").chmod(0o775)
    first = layer(tmp_path / "1.tar", *oci.tree(tmp_path / "root", "/"))
    os.utime(tmp_path / "root" / "app" / "run", (1, 1))
    (tmp_path / "root" / "app" / "run").chmod(0o755)
    assert layer(tmp_path / "2.tar", *oci.tree(tmp_path / "root", "/")).digest == first.digest
    with tarfile.open(first.path) as archive:
        assert {(m.mtime, m.uid, m.gid, m.uname) for m in archive} == {(0, 0, 0, "")}
        assert [m.name for m in archive] == ["app", "app/run"]


def test_path_outside_the_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leaves the image"):
        layer(tmp_path / "l.tar", File("../etc/passwd", b""))


def test_archive_is_an_oci_layout_and_docker_archive(tmp_path: Path) -> None:
    base, top = layer(tmp_path / "base.tar", A), layer(tmp_path / "top.tar", B)
    config = ImageConfig(entrypoint=("/bin/a",), env={"B": "2", "A": "1"}, user="65532", ports=(8080,))
    archive = tmp_path / "image.tar"
    digest = oci.write_image(
        ref="example.dev/a:1", architecture="arm64", layers=(base, top), config=config, path=archive
    )
    with tarfile.open(archive) as opened:
        content = {m.name: opened.extractfile(m).read() for m in opened if m.isfile()}  # type: ignore[union-attr]
    blobs = {name.rpartition("/")[2]: data for name, data in content.items() if name.startswith("blobs/")}
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in blobs.items()), "named by content"

    [described] = json.loads(content["index.json"])["manifests"]
    assert (described["digest"], described["annotations"]["io.containerd.image.name"]) == (
        digest,
        "example.dev/a:1",
    )
    manifest = json.loads(blobs[digest.removeprefix("sha256:")])
    assert [entry["digest"] for entry in manifest["layers"]] == [
        f"sha256:{base.digest}",
        f"sha256:{top.digest}",
    ]
    configuration = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")])
    assert configuration["architecture"] == "arm64"
    assert configuration["rootfs"]["diff_ids"] == [f"sha256:{base.digest}", f"sha256:{top.digest}"]
    assert configuration["config"] == {
        "Entrypoint": ["/bin/a"],
        "Env": ["A=1", "B=2"],
        "ExposedPorts": {"8080/tcp": {}},
        "User": "65532",
    }
    [docker] = json.loads(content["manifest.json"])
    assert docker["RepoTags"] == ["example.dev/a:1"]
    assert {docker["Config"], *docker["Layers"]} <= set(content)
    assert oci.reference(archive) == ("example.dev/a:1", digest)
