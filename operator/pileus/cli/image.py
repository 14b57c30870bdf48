"""`pileus local image`: make images without an engine, and bring them into the local cluster.

Every command prints the archive's path alone on standard output, so that it composes with others.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pileus.local import contents, images
from pileus.local.images import Image, ImageError
from pileus.local.oci import ImageConfig


def _how_it_starts(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say how a container of a new image starts."""
    options = [
        click.option("--ref", required=True, help="Name of the image, for example local.pileus.dev/shop:1."),
        click.option("--entrypoint", default="", help="Command line, quoted as in a shell."),
        click.option("--cmd", default="", help="Arguments, which a pod may replace."),
        click.option("--env", multiple=True, metavar="NAME=VALUE", help="Environment variable; repeatable."),
        click.option("--user", default=images.NOBODY, show_default=True, help="Numeric user, or user:group."),
        click.option("--workdir", default="", help="Directory in which it starts."),
        click.option("--port", type=int, multiple=True, help="Port that it listens on; repeatable."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group("image")
def image_group() -> None:
    """Images made from local files: the cluster has no registry."""


@image_group.command("list")
def list_() -> None:
    """Show the images that `build` knows."""
    for name, image in images.IMAGES.items():
        click.echo(f"{name:16} {image.ref}")


@image_group.command()
@click.argument("name", nargs=-1, required=True)
@click.option("--refresh", is_flag=True, help="Ask Debian for newer versions of its packages first.")
def build(name: tuple[str, ...], refresh: bool) -> None:
    """Make one of Pileus' own images, or `all`, where it is not in the cache."""
    for one in images.IMAGES if name == ("all",) else name:
        try:
            click.echo(images.ensure(one, refresh=refresh))
        except ImageError as error:
            raise click.ClickException(str(error)) from None


@image_group.command("from-dir")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--with-shell", is_flag=True, help="Put BusyBox below it: a shell and the usual commands.")
@_how_it_starts
def from_dir(directory: Path, with_shell: bool, **start: Any) -> None:
    """Make an image whose root file system is DIRECTORY."""
    base = (images.SHELL,) if with_shell else ((images.ACCOUNTS,),)
    _make((*base, (contents.Folder(directory.absolute()),)), start)


@image_group.command("from-deb")
@click.argument("package", nargs=-1, required=True)
@_how_it_starts
def from_deb(package: tuple[str, ...], **start: Any) -> None:
    """Make an image of the files of Debian PACKAGEs.

    Name the libraries too: dependencies are not followed, and no maintainer script runs.
    """
    _make(((contents.Packages(package), images.ACCOUNTS),), start)


@image_group.command()
@click.argument("what", nargs=-1, required=True)
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="The cluster's directory.")
def load(what: tuple[str, ...], directory: Path | None) -> None:
    """Import images into the local cluster: names that `list` shows, or archives."""
    from pileus.local.cluster import ClusterError, LocalCluster

    cluster = LocalCluster(directory)
    if not cluster.running():
        raise click.ClickException("The local cluster is not running; start it with `pileus local up`.")
    for one in what:
        try:
            archive = images.ensure(one) if one in images.IMAGES else Path(one)
            if not archive.exists():
                known = ", ".join(images.IMAGES)
                raise click.ClickException(f"There is no image and no archive {one}; the images are {known}.")
            cluster.import_image(archive)
        except (ImageError, ClusterError) as error:
            raise click.ClickException(str(error)) from None
        click.echo(archive)


def _make(layers: tuple[tuple[contents.Source, ...], ...], start: dict[str, Any]) -> None:
    variables = dict(variable.partition("=")[::2] for variable in start["env"])
    config = ImageConfig(
        entrypoint=tuple(shlex.split(start["entrypoint"])),
        cmd=tuple(shlex.split(start["cmd"])),
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"} | variables,
        user=start["user"],
        workdir=start["workdir"],
        ports=start["port"],
    )
    try:
        click.echo(images.build(Image(start["ref"], layers, config)))
    except ImageError as error:
        raise click.ClickException(str(error)) from None
