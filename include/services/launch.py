"""Become one process of the services: python -m include.services.launch NAME.

The supervisor starts every process this way, so that each sees only the secrets of its own part.
"""

from __future__ import annotations

import os
import sys

from include.services.parts import environment_of, processes
from include.services.settings import services


def launch(name: str) -> None:
    """Replace this process by the named one, in the environment of its part."""
    config = services()
    [process] = [p for p in processes(config) if p.name == name]
    os.execve(process.command[0], process.command, environment_of(process.part, config))  # noqa: S606


if __name__ == "__main__":
    launch(sys.argv[1])
