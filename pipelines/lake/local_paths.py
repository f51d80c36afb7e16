"""Paths of this machine that settings name, and what to do when they cannot be used."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pipelines.core.errors import InvalidRequest

CHECK_OWNER = "check who owns the lake's folder, and its permissions"
MOUNTED_READ_ONLY = (
    "the disk is mounted read-only: mount it for writing (in Docker without :ro), or use a copy; "
    "SQLite writes beside the catalog even to read it"
)


def local_path(text: str, setting: str) -> Path:
    """Return a path of this machine, ~ written out; `setting` names it in the error."""
    try:
        path = Path(text).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidRequest(
            f"{setting} cannot be used: {error}",
            "write another path, or check its permissions",
        ) from None
    return path


def permission_hint(path: Path) -> str:
    """Say what to do about a path that cannot be written, or not be opened."""
    for place in (path, *path.parents):
        with suppress(OSError):
            read_only = os.statvfs(place).f_flag & os.ST_RDONLY
            return MOUNTED_READ_ONLY if read_only else CHECK_OWNER
    return CHECK_OWNER
