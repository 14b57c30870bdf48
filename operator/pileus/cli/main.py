"""The `pileus` command line."""

from __future__ import annotations

import importlib

import click

import pileus

COMMANDS = {
    "run": "pileus.cli.run:run",
    "local": "pileus.cli.local:local_group",
    "crds": "pileus.cli.crds:crds",
    "rbac": "pileus.cli.rbac:rbac",
    "docs": "pileus.cli.docs:docs",
    "render": "pileus.cli.render:render",
    "explain": "pileus.cli.explain:explain_group",
    "trial": "pileus.cli.trial:trial",
}


class LazyGroup(click.Group):
    """Imports a subcommand's module only when it is used: the operator must not carry the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All subcommands, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(pileus.__version__)
def main() -> None:
    """Pileus: a team its own cloud through a few short custom resources."""
