"""Runs the operator for Widgets as its own process: `python -m tests.engine.process`."""

import os

from pileus.telemetry import logs
from pileus.wiring.operator import run
from pileus.wiring.runtime import Options
from tests.engine.widget import WIDGET

if __name__ == "__main__":
    logs.configure(level=os.environ.get("PILEUS_LOG_LEVEL", "info"), form="text")
    run([WIDGET], Options(address="127.0.0.1", port=int(os.environ.get("PILEUS_PORT", "0"))))
