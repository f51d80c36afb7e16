"""Limits of the contents of a file. A longer or wider one is no file of bars."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import IO

from pipelines.core.errors import SourceError

# Files are read in pieces, so that memory sets no limit; what remains guards the disk, and the
# time until a damaged file is refused.
MOST_BYTES = 8 << 30  # 100 million lines of bars
# Bars compress four to ten times, a market that stands still twenty; only
# repetition compresses a hundred times (gzip's maximum is a thousand). Small files are exempt.
MOST_RATIO = 100
FREE_BYTES = 64 << 20
MOST_LINES = 100_000_000  # two years of minutes of 500 members; shorter lines are no bars
MOST_LINE = 1 << 20  # bytes of one line: Arrow reads blocks of this size, and a line in one block
MOST_COLUMNS = 2000  # PostgreSQL allows 1,600; the time of the SQL grows with their square
MOST_REJECTS = 100_000  # rows stored for one file: a file of gibberish must not fill the lake
PIECE = 1 << 20  # bytes unpacked at a time


def unpack_pieces(path: str, file: IO[bytes]) -> Iterator[bytes]:
    """Read a file from its start, a gzip file unpacked, in pieces."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    is_packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not is_packed:
        while piece := file.read(PIECE):
            yield piece
        return
    unpacked = 0
    try:
        with gzip.GzipFile(fileobj=file) as packed:
            while piece := packed.read(PIECE):
                unpacked += len(piece)
                check_unpacked(path, size, unpacked)
                yield piece
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(
            f"{path} is a broken gzip file: {error}", "write or copy that file again"
        ) from None


def check_unpacked(path: str, packed: int, unpacked: int) -> None:
    """Refuse a file that unpacks to more than MOST_RATIO times its bytes, or to too many."""
    limit = min(MOST_BYTES, max(FREE_BYTES, MOST_RATIO * packed))
    if unpacked > limit:
        raise SourceError(
            f"{path} has {packed:,} bytes and unpacks to more than {limit:,}",
            "it is damaged, or it repeats itself: write it again, in several files if it is large",
        )


def check_shape(path: str, lines: int, columns: int) -> None:
    """Refuse a table that is too long or too wide."""
    if lines > MOST_LINES:
        raise SourceError(
            f"{path} has {lines:,} lines, more than the {MOST_LINES:,} that are read",
            "cut it into several files",
        )
    if columns > MOST_COLUMNS:
        raise SourceError(
            f"{path} has {columns:,} columns, more than the {MOST_COLUMNS:,} that are read",
            "write only the columns of the bars",
        )


def has_long_line(body: bytes) -> bool:
    """Return whether any line is longer than MOST_LINE, with one search per MOST_LINE bytes."""
    start = 0
    while len(body) - start > MOST_LINE:
        end = body.rfind(b"\n", start, start + MOST_LINE + 1)
        if end < 0:
            return True
        start = end + 1
    return False
