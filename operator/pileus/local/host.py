"""What this machine offers: Debian's programs, root, kernel features. Answers which profile can run.

Features are tried, not guessed from versions: a container may have a new kernel and still be forbidden
to use it. It installs packages when asked, and changes nothing else on the machine.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from pileus.local import cgroups
from pileus.local.report import Report

# Package → a program or file that proves it is there.
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "iptables": "iptables",
    "nftables": "nft",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "iproute2": "ip",
    "util-linux": "nsenter",
    "mount": "mount",
}
SEARCHED = os.pathsep.join(
    dict.fromkeys((*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/sbin", "/usr/bin", "/bin"))
)
_MODULES = ("overlay", "br_netfilter", "ip_set", "nf_tables", "veth", "bridge")
# Feature → what proves it inside new namespaces.
_FEATURES = {
    "bridges": "ip link add pileus0 type bridge",
    "virtual Ethernet pairs": "ip link add pileus1 type veth peer name pileus2",
    "nftables": "nft add table ip pileus",
    "iptables": "iptables -w -N PILEUS",
    "IP sets": "ipset create pileus hash:ip",
    "overlay file systems": "mount -t tmpfs tmpfs /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m"
    " && mount -t overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt/m",
    "the kernel's log (/dev/kmsg)": "test -r /dev/kmsg",
}


class HostError(Exception):
    """The machine lacks something; the message says what and how to get it."""


def missing_packages() -> list[str]:
    """Debian packages of the node that are not installed."""
    return [package for package, proof in PACKAGES.items() if not _present(proof)]


def install_packages(report: Report) -> None:
    """Install what the node lacks from Debian. Raises HostError."""
    missing = missing_packages()
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise HostError(f"The node needs {', '.join(missing)}; install them, or be root on Debian or Ubuntu.")
    report.line(f"Installing from Debian: {', '.join(missing)}.")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    for argv in (["apt-get", "update", "-qq"], install):
        report.progress(" ".join(argv[:2]))
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise HostError(f"`{' '.join(argv)}` failed: {done.stderr.strip()[-500:]}")


def lacks(report: Report) -> list[str]:
    """Why real pods cannot run here; empty where they can. Installs the packages that trying needs."""
    if os.geteuid() != 0:
        return ["root"]
    if _in_namespaces("true") is None:
        return ["permission for namespaces of its own"]
    try:
        install_packages(report)
    except HostError as error:
        return [f"programs ({error})"]
    _load_modules()
    tests = (f"({test}) >/dev/null 2>&1 || echo {shlex.quote(name)}" for name, test in _FEATURES.items())
    missing = (_in_namespaces("\n".join(tests)) or "").splitlines()
    probe = f"pileus-probe-{os.getpid()}"
    try:
        cgroups.create(probe)
    except OSError as error:
        missing.append(f"control groups ({error.strerror})")
    finally:
        cgroups.remove(probe)
    return missing


def _in_namespaces(script: str) -> str | None:
    """What the script prints when it runs in namespaces like a cluster's; None where they are forbidden."""
    argv = ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--mount-proc", "sh", "-c"]
    environment = {**os.environ, "PATH": SEARCHED}
    try:
        done = subprocess.run([*argv, script], capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def containerd_version() -> str:
    """Of Debian's containerd."""
    done = subprocess.run(
        ["containerd", "--version"], capture_output=True, text=True, check=False, env={"PATH": SEARCHED}
    )
    match = re.search(r"\b(\d+\.\d+\.\d+)", done.stdout)
    return f"v{match[1]}" if match else "unknown"


def _present(proof: str) -> bool:
    return Path(proof).exists() if proof.startswith("/") else shutil.which(proof, path=SEARCHED) is not None


def _load_modules() -> None:
    """Where they are modules; built in or forbidden, the features' tests tell."""
    if modprobe := shutil.which("modprobe", path=SEARCHED):
        for module in _MODULES:
            subprocess.run([modprobe, "-q", module], capture_output=True, check=False)
