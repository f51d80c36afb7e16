"""How large the contents of a file may be. What is longer or wider is no file of bars."""

from __future__ import annotations

import gzip
import io
import zlib

from pipelines.core.errors import SourceError
from pipelines.core.input_files import MOST_BYTES

# Bars compress four to ten times, a market that stands still twenty; nothing but its own
# repetition compresses a hundred times (gzip's most is a thousand). Little may do as it likes.
MOST_RATIO = 100
FREE_BYTES = 64 << 20
MOST_LINES = 20_000_000  # as many minutes as 38 years have; MOST_BYTES of shorter lines is no bars
MOST_LINE = 1 << 20  # bytes of one line: Arrow reads blocks of this size, and a line in one block
MOST_COLUMNS = 2000  # PostgreSQL stops at 1,600; the SQL of more columns takes their square in time
MOST_REJECTS = 100_000  # of one file kept each by itself: a gibberish file must not fill the lake
PIECE = 1 << 20  # bytes unpacked at a time


def unpack(path: str, body: bytes) -> bytes:
    """The contents of a gzip file, whatever else as it is."""
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
    """Refuse what unpacks to more than so many times its bytes, or to more than can be read."""
    most = min(MOST_BYTES, max(FREE_BYTES, MOST_RATIO * packed))
    if unpacked > most:
        raise SourceError(
            f"{path} has {packed:,} bytes and unpacks to more than {most:,}",
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
    """Whether any line is longer than MOST_LINE. It looks once in so many bytes."""
    start = 0
    while len(body) - start > MOST_LINE:
        end = body.rfind(b"\n", start, start + MOST_LINE + 1)
        if end < 0:
            return True
        start = end + 1
    return False
