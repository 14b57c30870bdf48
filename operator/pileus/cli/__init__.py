"""The `pileus` command: one module a subcommand, nothing but arguments and printing."""
