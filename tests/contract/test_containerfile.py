"""The Containerfile makes the same image as `pileus local image build operator`: no second truth."""

from __future__ import annotations

import json
import re
import shlex

from pileus.local import contents
from pileus.local.images import IMAGES, OPERATOR_CONFIG
from pileus.local.paths import CHECKOUT

TEXT = (CHECKOUT / "Containerfile").read_text()
JOINED = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE))
FINAL = JOINED.rpartition("\nFROM ")[2]


def instruction(name: str) -> str:
    [found] = re.findall(rf"^{name} (.*)$", FINAL, flags=re.MULTILINE)
    return str(found)


def pairs(name: str) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in shlex.split(instruction(name)))


def test_starts_alike() -> None:
    assert tuple(json.loads(instruction("ENTRYPOINT"))) == OPERATOR_CONFIG.entrypoint
    assert tuple(json.loads(instruction("CMD"))) == OPERATOR_CONFIG.cmd
    assert instruction("USER") == OPERATOR_CONFIG.user
    assert instruction("WORKDIR") == OPERATOR_CONFIG.workdir
    assert pairs("ENV") == OPERATOR_CONFIG.env
    assert pairs("LABEL") == OPERATOR_CONFIG.labels


def test_installs_the_packages_of_the_same_file() -> None:
    listed = contents.HERE / "packages" / "python.txt"
    assert f"COPY {listed.relative_to(CHECKOUT)} /tmp/packages.txt" in FINAL
    assert "sed '/^#/d' /tmp/packages.txt | xargs apt-get install" in FINAL, "and nothing beside them"
    assert contents.Python() in IMAGES["operator"].layers[0]


def test_takes_the_locked_dependencies_in_the_same_way() -> None:
    for words in (contents.EXPORT, contents.INSTALL):
        missing = [word for word in words if word not in JOINED]
        assert not missing, f"the Containerfile's uv command lacks {missing}"
    assert f"--target /{contents.LIBRARIES}" in JOINED
    assert f"COPY operator/pileus /{contents.OPERATOR}/pileus" in JOINED


def test_uses_the_makefiles_uv() -> None:
    [makefile] = re.findall(r"^UV := (\S+)", (CHECKOUT / "Makefile").read_text(), flags=re.MULTILINE)
    assert f"ARG UV={makefile}" in TEXT
