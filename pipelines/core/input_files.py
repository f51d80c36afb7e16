"""Read a file that a user brought: a regular file of bounded size, inside its folder.

A name in a folder may be a pipe that nobody writes to, a device that never ends, or a link to
anything on the machine. None of these is opened.
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


def read_file(path: Path, folder: Path | None = None, most: int = MOST_BYTES) -> bytes:
    """Read a file as it stood when it was opened. With a folder, it must lie inside it."""
    try:
        real = Path(os.path.realpath(path, strict=True))
        if folder is not None and not real.is_relative_to(folder.resolve()):
            raise SourceError(
                f"{path} leads out of its folder, to {real}",
                "put the file itself there; links may lead only to files of that folder",
            )
        _check(path, real.stat(), most)
        # Should another file have taken its place since, a pipe does not hold us up.
        opened = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as handle:
            status = os.fstat(handle.fileno())
            _check(path, status, most)
            return handle.read(status.st_size)
    except OSError as error:
        raise SourceError(
            f"{path}: {error.strerror or error}", "check that the file is there and may be read"
        ) from error


def _check(path: Path, status: os.stat_result, most: int) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        raise SourceError(
            f"{path} is {KINDS.get(kind, 'no file')}, not a regular file",
            "put a file there, or take it away",
        )
    if status.st_size > most:
        raise SourceError(
            f"{path} has {status.st_size:,} bytes, more than the {most:,} that are read",
            "cut it into several files",
        )
