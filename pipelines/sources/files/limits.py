"""Limits of the contents of a file. A longer or wider one is no file of bars."""

from __future__ import annotations

import gzip
import io
import zlib

from pipelines.core.errors import SourceError
from pipelines.core.input_files import MOST_BYTES

# Bars compress four to ten times, a market that stands still twenty; only
# repetition compresses a hundred times (gzip's maximum is a thousand). Small files are exempt.
MOST_RATIO = 100
FREE_BYTES = 64 << 20
MOST_LINES = 20_000_000  # the minutes of 38 years; MOST_BYTES of shorter lines are no bars
MOST_LINE = 1 << 20  # bytes of one line: Arrow reads blocks of this size, and a line in one block
MOST_COLUMNS = 2000  # PostgreSQL allows 1,600; the time of the SQL grows with their square
MOST_REJECTS = 100_000  # rows stored for one file: a file of gibberish must not fill the lake
PIECE = 1 << 20  # bytes unpacked at a time


def unpack(path: str, body: bytes) -> bytes:
    """Unpack a gzip file; return any other file unchanged."""
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacked = io.BytesIO()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
            while piece := packed.read(PIECE):
                check_unpacked(path, len(body), unpacked.tell() + len(piece))
                unpacked.write(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(
            f"{path} is a broken gzip file: {error}", "write or copy that file again"
        ) from None
    return unpacked.getvalue()


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
