"""Read a model's file, wherever it lies: a regular file, and no larger than a model is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pipelines.registry.errors import UnsoundModel

LARGEST = 64 * 1024 * 1024  # bytes: six times what the gate on size lets through


def read_model_file(file: Path, hint: str) -> bytes:
    """The file's bytes. A device or a pipe has no end, and would fill the memory."""
    try:
        with open(file, "rb", opener=_open_at_once) as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnsoundModel("the model's file is a device, a pipe or a folder", hint)
            if status.st_size > LARGEST:
                raise UnsoundModel(f"the model's file is larger than {LARGEST:,} bytes", hint)
            return opened.read(status.st_size)
    except (OSError, ValueError) as error:  # a path that holds NUL is a ValueError
        why = error.strerror if isinstance(error, OSError) else error
        raise UnsoundModel(f"the model's file cannot be read: {why}", hint) from error


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting until somebody writes to it, as a pipe would have it."""
    return os.open(path, flags | os.O_NONBLOCK)
