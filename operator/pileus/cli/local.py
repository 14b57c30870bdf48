"""`pileus local`: a real cluster on this machine, and what one does with it.

Reads options, prints results, turns errors into one line. What happens is `pileus.local`'s.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pileus.cli.image import image_group
from pileus.local.report import Report

if TYPE_CHECKING:
    from pileus.local.cluster import LocalCluster

_directory = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the cluster keeps its files; clusters of different directories can run side by side.  "
    "[default: .local of the checkout]",
)


@click.group("local")
def local_group() -> None:
    """A real Kubernetes cluster on this machine, without Docker."""


local_group.add_command(image_group)


def _cluster(directory: Path | None, **options: Any) -> LocalCluster:
    from pileus.local.cluster import LocalCluster

    return LocalCluster(directory, report=Report(), **options)


def _guarded(action: Callable[[], Any]) -> Any:
    """The action's result; its error as one message, without a traceback."""
    from pileus.local.cluster import ClusterError

    try:
        return action()
    except ClusterError as error:
        raise click.ClickException(str(error)) from None


@local_group.command()
@_directory
@click.option(
    "--profile",
    type=click.Choice(["node", "control-plane", "apiserver"]),
    help="node: pods really run, needs root. control-plane: the API and its controllers. apiserver: only the "
    "API.  [default: the most that this machine can run]",
)
@click.option(
    "--with",
    "with_",
    multiple=True,
    metavar="NAME",
    help="kwok, kubevirt, s3, s3-minio, s3-garage or an add-on; repeatable.",
)
@click.option("--kind", is_flag=True, help="Let kind make the cluster, in Docker.")
@click.option("--existing", is_flag=True, help="Use the cluster that KUBECONFIG names.")
def up(
    directory: Path | None, profile: str | None, with_: tuple[str, ...], kind: bool, existing: bool
) -> None:
    """Bring the cluster up; a quick no-op where it is up."""
    if sum((profile is not None, kind, existing)) > 1:
        raise click.UsageError("--profile, --kind and --existing exclude each other.")
    chosen = "kind" if kind else "existing" if existing else profile
    cluster = _guarded(lambda: _cluster(directory, profile=chosen, with_=with_).up())
    click.echo(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")


@local_group.command()
@click.option("--with", "with_", multiple=True, metavar="NAME", help="As for `up`; repeatable.")
def build(with_: tuple[str, ...]) -> None:
    """Build the programs that a cluster will need; a quick no-op where they are built."""
    from pileus.local import engines, images, plan, s3

    report = Report()
    try:
        engines.build(plan.programs(plan.Profile.NODE, with_), report=report)
        for addon in s3.asked(with_):
            from pileus.local.s3 import parts

            parts.download(addon, report)
    except (engines.EngineError, images.ImageError) as error:
        raise click.ClickException(str(error)) from None


@local_group.command()
@_directory
def down(directory: Path | None) -> None:
    """End the cluster and everything in it."""
    cluster = _cluster(directory)
    record = cluster.record
    if _guarded(cluster.down):
        kept = record is not None and record.profile == "existing"
        end = "is forgotten here, and runs on" if kept else "has ended"
        click.echo(f"The cluster in {cluster.layout.root} {end}.")
    else:
        click.echo(f"There is no cluster in {cluster.layout.root}.")


@local_group.command()
@_directory
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(directory: Path | None, as_json: bool) -> None:
    """Show each part: version, process, port, memory. Exits with 1 where no cluster is running."""
    from pileus.local import status as reading

    found = reading.read(_cluster(directory))
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=1))
    else:
        _show(found)
    if found.state != "running":
        sys.exit(1)


def _show(found: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    profile = f", profile {found.profile}" if found.profile else ""
    click.echo(f"The cluster is {found.state}{profile}.")
    if not found.parts:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("PART", "STATE", "VERSION"):
        table.add_column(title, no_wrap=True)
    for title in ("PID", "PORT", "MEMORY", "RESTARTS"):
        table.add_column(title, justify="right", no_wrap=True)
    for part in found.parts:
        table.add_row(
            part.name,
            part.state,
            part.version or "-",
            str(part.pid or "-"),
            str(part.port or "-"),
            f"{part.memory / 2**20:.0f} MiB",
            str(part.restarts),
        )
    Console().print(table)
    click.echo(f"{sum(part.memory for part in found.parts) / 2**20:.0f} MiB in all, without pods.")
    if found.stores:
        _show_stores(found.stores)


def _show_stores(stores: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("STORE", "API", "FOR PODS", "FROM THIS MACHINE"):
        table.add_column(title, no_wrap=True)
    for store in stores:
        table.add_row(store.engine, "S3", store.endpoint, store.outside)
        table.add_row("", "users", store.users, store.users_outside)
    click.echo()
    Console().print(table)
    secrets = ", ".join(f"{store.secret} ({store.engine})" for store in stores)
    click.echo(f"Region {stores[0].region}; keys of the root users in the Secrets {secrets}.")
    for authority in sorted({store.ca for store in stores} - {""}):
        click.echo(f"HTTPS by the authority {authority}.")


@local_group.command("exec", context_settings={"ignore_unknown_options": True})
@_directory
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(directory: Path | None, command: tuple[str, ...]) -> None:
    """Run COMMAND inside the cluster's namespaces, with KUBECONFIG and PATH set."""
    cluster = _cluster(directory)
    argv = _guarded(lambda: cluster.nsenter(command))
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - replacing this process is the point
    except OSError as error:
        raise click.ClickException(f"{argv[0]} cannot be run: {error.strerror}.") from None


@local_group.command()
@_directory
def env(directory: Path | None) -> None:
    """Print what to give to `eval`: KUBECONFIG, and the built kubectl and helm in PATH."""
    cluster = _cluster(directory)
    click.echo(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")
    click.echo(f"export PATH={shlex.quote(str(cluster.layout.bin))}:$PATH")


@local_group.command()
@_directory
def deploy(directory: Path | None) -> None:
    """Install the operator by its chart, or upgrade it to this checkout."""
    from pileus.local import deploy as deploying

    cluster = _cluster(directory)
    _guarded(lambda: deploying.deploy(cluster, report=Report()))


@local_group.command()
@_directory
def demo(directory: Path | None) -> None:
    """A cluster, the operator, the examples; leaves everything running."""
    from pileus.local import demo as showing

    cluster = _cluster(directory, with_=showing.ADD_ONS)
    click.echo(_guarded(lambda: showing.demo(cluster, Report())))


if __name__ == "__main__":
    local_group()
