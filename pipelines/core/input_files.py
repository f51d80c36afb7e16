"""Read a file of a user: a regular file of bounded size, inside its folder.

A name in a folder may be a pipe that nobody writes to, a device without an end, or a link to
any place on the machine. None of these is opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pipelines.core.errors import SourceError

# 17 million lines of one-minute bars: three times ten years round the clock. An answer of twice
# this size could not be kept, for Arrow counts the bytes of texts in 31 bits.
MOST_BYTES = 1 << 30
KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def read_file(path: Path, folder: Path | None = None, max_bytes: int = MOST_BYTES) -> bytes:
    """Read the bytes that a file has when it is opened. It must lie inside `folder`, if given."""
    try:
        real = Path(os.path.realpath(path, strict=True))
        if folder is not None and not real.is_relative_to(folder.resolve()):
            raise SourceError(
                f"{path} leads out of its folder, to {real}",
                "put the file itself there; links may lead only to files of that folder",
            )
        _check_status(path, real.stat(), max_bytes)
        # If a pipe has taken its place since, opening it must not wait.
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as handle:
            status = os.fstat(handle.fileno())
            _check_status(path, status, max_bytes)
            return handle.read(status.st_size)
    except OSError as error:
        raise SourceError(
            f"{path}: {error.strerror or error}", "check that the file is there and may be read"
        ) from error


def _check_status(path: Path, status: os.stat_result, max_bytes: int) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        raise SourceError(
            f"{path} is {KINDS.get(kind, 'no file')}, not a regular file",
            "put a file there, or take it away",
        )
    if status.st_size > max_bytes:
        raise SourceError(
            f"{path} has {status.st_size:,} bytes, more than the {max_bytes:,} that are read",
            "cut it into several files",
        )
