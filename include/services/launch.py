"""Become one process of the services: python -m include.services.launch NAME.

The supervisor starts every process this way, so that each sees the secrets of its own part alone.
"""

from __future__ import annotations

import os
import sys

from include.services.parts import environment_of, processes
from include.services.settings import services


def launch(name: str) -> None:
    """Replace this process by the named one, in the environment of its part."""
    chosen = services()
    [process] = [one for one in processes(chosen) if one.name == name]
    os.execve(process.command[0], process.command, environment_of(process.part, chosen))  # noqa: S606


if __name__ == "__main__":
    launch(sys.argv[1])
