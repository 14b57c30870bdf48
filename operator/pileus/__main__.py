"""`python -m pileus`."""

from pileus.cli.main import main

main()
