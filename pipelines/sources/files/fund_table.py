"""Find the table in a file of holdings as a fund company publishes it.

Such a file begins with lines about the fund, among them the date, and may end with a paragraph of
small print below an empty line. Both are found here; the table between them is read like any other.
Its text lies in TMPDIR meanwhile, where it is large.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import IO

from pipelines.core.errors import SourceError
from pipelines.core.input_files import IN_MEMORY
from pipelines.sources.files.columns import normalize
from pipelines.sources.files.limits import MOST_LINE
from pipelines.sources.files.mapping import Csv
from pipelines.sources.files.parquet import is_parquet
from pipelines.sources.files.pieces import TextFile
from pipelines.sources.files.read import DELIMITERS

HEADER_WITHIN = 30  # lines
MOST_SMALL_PRINT = 1 << 20  # bytes below a table
BLANK = " \t\r\xa0\"'"
AS_OF = re.compile(r"\bas of\b\W*(.*)", re.IGNORECASE)
WRITTEN_DATE = re.compile(
    r"\d{4}-\d\d?-\d\d?|\d{1,2}/\d{1,2}/\d{4}|\d{1,2}-[A-Za-z]{3}-\d{4}"
    r"|[A-Za-z]{3,9} \d{1,2}, \d{4}"
)
# 03/04/2026 is the 4th of March: fund companies that write slashes are American.
DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%d.%m.%Y")


@dataclass(frozen=True)
class FundTable:
    """The table of a file, and the date that a line above it says."""

    file: IO[bytes]  # without what stands below the table
    csv: Csv  # with the lines to skip before the header
    as_of: date | None


@contextmanager
def find_table(
    path: str,
    file: IO[bytes],
    shape: Csv,
    names: Mapping[str, Sequence[str]],
    needed: Sequence[str],
) -> Iterator[FundTable]:
    """Find the header by the names of its columns, and the end of the rows below it.

    A mapping that says where the header is, or lists the columns itself, is believed.
    """
    if is_parquet(path, file):
        yield FundTable(file, shape, None)
        return
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as table:
        for block in TextFile(path, file).blocks():
            table.write(block)
        at = 0 if shape.names else shape.skip
        if not shape.names and not shape.skip:
            table.seek(0)
            at = _find_header(path, list(_lines_of(table, HEADER_WITHIN)), shape, names, needed)
        table.seek(0)
        as_of = None
        for line in _lines_of(table, at):
            as_of = as_of or _date_above(line)
        header = next(_lines_of(table, 1), "")
        _cut_small_print(table, header, shape.delimiter or find_delimiter(header))
        yield FundTable(table, shape if shape.names else replace(shape, skip=at), as_of)


def read_date(text: str, date_format: str = "") -> date:
    """Read a date in the given format, or in one of the usual ones. Raises ValueError."""
    formats = (date_format,) if date_format else DATE_FORMATS
    for candidate in formats:
        try:
            return datetime.strptime(text, candidate).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    if not date_format:
        try:
            return date.fromisoformat(text[:10])  # a date with a time of day
        except ValueError:
            pass
    expected = f"in the format {date_format}" if date_format else "such as 2026-09-01 or 09/01/2026"
    raise ValueError(f"{text!r} is no date {expected}")


def date_in_name(path: str) -> date | None:
    """Return the date in the name of a file, such as QQQ_2026-09-01.csv; None where it has none."""
    for match in re.finditer(r"(?<!\d)\d{4}([-_]?)\d\d\1\d\d(?!\d)", path.rsplit("/", 1)[-1]):
        try:
            return read_date(re.sub(r"\D", "", match.group()), "%Y%m%d")
        except ValueError:
            continue
    return None


def find_delimiter(line: str) -> str:
    """Return the sign that most likely cuts a line into cells."""
    return max(DELIMITERS, key=line.count)


def _find_header(
    path: str,
    lines: Sequence[str],
    shape: Csv,
    names: Mapping[str, Sequence[str]],
    needed: Sequence[str],
) -> int:
    wanted = {column: {normalize(name) for name in names[column]} for column in needed}
    for place, line in enumerate(lines[:HEADER_WITHIN]):
        cells = _cut(line, shape.delimiter or find_delimiter(line))
        found_names = {normalize(cell) for cell in cells}
        if all(spellings & found_names for spellings in wanted.values()):
            return place
    examples = ", ".join(f"{column}: {names[column][0]}" for column in needed)
    raise SourceError(
        f"{path}: neither line 1 nor the {HEADER_WITHIN - 1} lines after it are a header with "
        f"columns for {' and '.join(needed)}; line 1 is {lines[0][:100]!r}",
        f"name the columns in the mapping, such as 'columns: {{{examples}}}'; if there is no "
        "header, list csv.names",
    )


def _cut_small_print(table: IO[bytes], header: str, delimiter: str) -> None:
    """Cut off what follows the last row: text below an empty line that is cut differently.

    The table is read up to the end of its header.
    """
    start = table.tell()
    end = table.seek(0, io.SEEK_END)
    start = max(start, end - MOST_SMALL_PRINT)  # a line that begins before it is no row
    table.seek(start)
    lines = table.read().decode("utf-8", "surrogateescape").split("\n")
    width, last = len(_cut(header, delimiter)), len(lines) - 1
    while last >= 0 and len(_cut(lines[last], delimiter)) not in (width, width + 1):
        last -= 1
    below = last + 1
    is_text = below < len(lines) and not lines[below].strip(BLANK + delimiter)
    if is_text and last >= 0:
        rows = "\n".join(lines[:below])
        table.truncate(start + len(rows.encode("utf-8", "surrogateescape")))


def _lines_of(table: IO[bytes], count: int) -> Iterator[str]:
    """Yield the next lines; of one that is too long only the beginning."""
    for _ in range(count):
        line = rest = table.readline(MOST_LINE + 1)
        while rest and not rest.endswith(b"\n"):
            rest = table.readline(MOST_LINE)
        if not line:
            return
        yield line.decode("utf-8", "surrogateescape").removesuffix("\n")


def _date_above(line: str) -> date | None:
    match = AS_OF.search(line)
    written = WRITTEN_DATE.search(match[1]) if match else None
    try:
        return read_date(written.group()) if written else None
    except ValueError:
        return None


def _cut(line: str, delimiter: str) -> list[str]:
    if len(line) > MOST_LINE:
        return []
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
