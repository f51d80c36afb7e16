"""Read a file of a user: a regular file of bounded size, inside its folder.

A name in a folder may be a pipe that nobody writes to, a device without an end, or a link to
any place on the machine. None of these is opened.
"""

from __future__ import annotations

import io
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipelines.core.errors import SourceError

MOST_BYTES = 1 << 30  # of a file that is read whole
PIECE = 1 << 20  # bytes copied at a time
IN_MEMORY = 16 << 20  # a copy of at most so many bytes is not written to the disk
KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def read_file(path: Path, folder: Path | None = None, max_bytes: int = MOST_BYTES) -> bytes:
    """Read the bytes that a file has when it is opened. It must lie inside `folder`, if given."""
    with _open_regular(path, folder, max_bytes) as (handle, size):
        return handle.read(size)


def copy_file(path: Path, folder: Path | None, max_bytes: int) -> IO[bytes]:
    """Copy what a file has when it is opened, in pieces; return the copy, which nobody changes.

    It goes to TMPDIR when it is large, and is gone once it is closed.
    """
    with _open_regular(path, folder, max_bytes) as (handle, size):
        # Not in a `with`: it is the caller's.
        copy = tempfile.TemporaryFile() if size > IN_MEMORY else io.BytesIO()  # noqa: SIM115
        while size > 0 and (piece := handle.read(min(PIECE, size))):
            copy.write(piece)
            size -= len(piece)
        copy.seek(0)
        return copy


@contextmanager
def _open_regular(
    path: Path, folder: Path | None, max_bytes: int
) -> Iterator[tuple[IO[bytes], int]]:
    """Open a regular file within its limits; yield it with its size."""
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
            yield handle, status.st_size
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
