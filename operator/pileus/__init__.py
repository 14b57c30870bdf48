"""Pileus: a team its own cloud through a few short custom resources."""

__version__ = "0.1.0"
