"""Read the articles of a file, one by one: CSV, JSON, NDJSON or Parquet, each also packed.

Unlike a bar, an article may span lines: a summary in quotes has them. A quote that is never
closed takes no line with it but its own.
"""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from pipelines.core.errors import SourceError
from pipelines.sources.files.limits import MOST_LINE, check_shape
from pipelines.sources.files.lines import decode_line, too_long
from pipelines.sources.files.mapping import Csv
from pipelines.sources.files.parquet import ParquetTable, is_parquet, unpacked
from pipelines.sources.files.pieces import PIECE_BYTES, LongLine, TextFile
from pipelines.sources.files.read import read_header

MOST_JSON = 256 << 20  # bytes, unpacked; of NDJSON, which is read line by line, MOST_BYTES
MOST_LINES_OF_ROW = 1000
LINE_FORMATS = (".ndjson", ".jsonl")
LISTS = ("articles", "news", "items", "results", "data", "stories", "feed")
FORMAT_HINT = "write an array of objects, or an object a line (NDJSON)"


@dataclass(frozen=True)
class BrokenRow:
    """A row that cannot be cut into cells."""

    reason: str
    detail: str
    text: str


Row = tuple[int, Mapping[str, Any] | BrokenRow]  # with its line in the file, or its number


def read_rows(path: str, file: IO[bytes], shape: Csv, list_path: str) -> Iterator[Row]:
    """Yield the rows of a file, whatever its format, which its contents show."""
    if is_parquet(path, file):
        with unpacked(path, file) as parquet:
            yield from _parquet_rows(ParquetTable(path, parquet, PIECE_BYTES))
        return
    text = TextFile(path, file, is_json=True)
    if not text.start.startswith((b"{", b"[")) or shape.names:
        yield from _csv_rows(text, shape)
    elif text.start.startswith(b"{") and _is_line_format(text):
        yield from _line_rows(text)
    else:
        yield from _json_rows(text, list_path)


def table_columns(path: str, file: IO[bytes], shape: Csv) -> list[str] | None:
    """Return the columns of a table; None of JSON, whose rows each have their own."""
    if is_parquet(path, file):
        with unpacked(path, file) as parquet:
            return list(ParquetTable(path, parquet, PIECE_BYTES).schema.names)
    text = TextFile(path, file, is_json=True)
    if text.start.startswith((b"{", b"[")) and not shape.names:
        return None
    return read_header(text, shape)[0]


def _parquet_rows(table: ParquetTable) -> Iterator[Row]:
    number = 0
    for piece in table.pieces():
        for batch in piece.to_batches(max_chunksize=10_000):
            for row in batch.to_pylist():
                number += 1
                yield number, row


def _csv_rows(text: TextFile, shape: Csv) -> Iterator[Row]:
    names, delimiter = read_header(text, shape)
    skip = shape.skip + (0 if shape.names else 1)
    check_shape(text.path, text.lines - skip, len(names))
    nulls = set(shape.null_values)
    lines = _Lines(text, skip)
    for number, line in lines:
        if isinstance(line, LongLine):
            yield number, _long(line)
        elif line.strip():
            cells, why = _cut_row(lines, line, delimiter, len(names))
            if why:
                yield number, BrokenRow("unreadable", why, decode_line(line))
            else:
                values = (None if cell.strip().lower() in nulls else cell for cell in cells)
                yield number, dict(zip(names, values, strict=True))


class _Lines:
    """The lines of a text, of which some can be put back."""

    def __init__(self, text: TextFile, skip: int) -> None:
        self._lines = _numbered_lines(text)
        self._back: deque[tuple[int, bytes | LongLine]] = deque()
        for _ in range(skip):
            next(self._lines, None)

    def __iter__(self) -> Iterator[tuple[int, bytes | LongLine]]:
        while self._back or (line := next(self._lines, None)):
            yield self._back.popleft() if self._back else line  # type: ignore[misc]

    def take(self, taken_lines: list[tuple[int, bytes | LongLine]]) -> bytes | None:
        """Take one more line, if it can be part of a row."""
        number_line = self._back.popleft() if self._back else next(self._lines, None)
        if number_line is None:
            return None
        taken_lines.append(number_line)
        return number_line[1] if isinstance(number_line[1], bytes) else None

    def put_back(self, taken_lines: list[tuple[int, bytes | LongLine]]) -> None:
        self._back.extendleft(reversed(taken_lines))


def _cut_row(lines: _Lines, line: bytes, delimiter: str, width: int) -> tuple[list[str], str]:
    """Cut a line into cells, with the lines that a quote in it takes in; else say why not."""
    taken_lines: list[tuple[int, bytes | LongLine]] = []
    row, quotes = [line], line.count(b'"')
    size = len(line)
    while quotes % 2 and len(taken_lines) < MOST_LINES_OF_ROW and size <= MOST_LINE:
        further = lines.take(taken_lines)
        if further is None:
            break
        row.append(further)
        quotes += further.count(b'"')
        size += len(further)
    cells, why = _cut_cells(b"\n".join(row), delimiter, width)
    if why and taken_lines:
        lines.put_back(taken_lines)
        return [], f"a quote that is never closed, or {why}"
    return cells, why


def _cut_cells(row: bytes, delimiter: str, width: int) -> tuple[list[str], str]:
    try:
        text = row.decode("utf-8")
        if '"' not in text:
            cells = text.rstrip("\r").split(delimiter)
        else:
            reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
            cells = next(reader, [])
            if next(reader, None):
                return [], "a quote in the middle of a cell"
    except UnicodeDecodeError:
        return [], "not UTF-8 text"
    except csv.Error as error:
        return [], f"not CSV: {error}"
    if len(cells) == width + 1 and not cells[-1]:
        cells.pop()
    return cells, "" if len(cells) == width else f"{len(cells)} cells where {width} are due"


def _line_rows(text: TextFile) -> Iterator[Row]:
    for number, line in _numbered_lines(text):
        if isinstance(line, LongLine):
            yield number, _long(line)
        elif line.strip():
            yield number, _object(line)


def _object(line: bytes) -> Mapping[str, Any] | BrokenRow:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BrokenRow("unreadable", f"no JSON: {error}", decode_line(line))
    if isinstance(value, dict):
        return value
    return BrokenRow("not_an_object", "no JSON object", decode_line(line))


def _json_rows(text: TextFile, list_path: str) -> Iterator[Row]:
    body = bytearray()
    for block in text.blocks():
        body += block
        if len(body) > MOST_JSON:
            raise SourceError(
                f"{text.path} has more than the {MOST_JSON:,} bytes of JSON that are read whole",
                "cut it into several files, or write it as NDJSON, an object a line",
            )
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{text.path} is no JSON: {error}", FORMAT_HINT) from None
    del body
    for number, value in enumerate(_list_in(text.path, content, list_path), 1):
        if isinstance(value, dict):
            yield number, value
        else:
            excerpt = json.dumps(value)[:MOST_LINE]
            yield number, BrokenRow("not_an_object", "no JSON object", excerpt)


def _list_in(path: str, content: Any, list_path: str) -> list[Any]:
    """Return the list of articles in a JSON document."""
    if list_path:
        for key in list_path.split("."):
            if not isinstance(content, dict) or key not in content:
                keys = ", ".join(list(content)[:20]) if isinstance(content, dict) else "no object"
                raise SourceError(
                    f"{path} has no {key!r} of list {list_path!r}; there are: {keys[:500]}",
                    "change 'list' in the mapping: the keys to the articles, with dots",
                )
            content = content[key]
    if isinstance(content, list):
        return content
    items = content.items() if isinstance(content, dict) else ()
    lists = {key: value for key, value in items if isinstance(value, list)}
    name = next((name for name in LISTS if name in lists), "")
    if not name and len(lists) == 1:
        name = next(iter(lists))
    if not name or list_path:
        raise SourceError(
            f"{path} has no list of articles{f' at {list_path!r}' if list_path else ''}",
            "say where it is with 'list: key.key' in the mapping",
        )
    return lists[name]


def _is_line_format(text: TextFile) -> bool:
    """Whether a text that begins with an object has one in each line."""
    if text.path.lower().removesuffix(".gz").endswith(LINE_FORMATS):
        return True
    lines = (line for _, line in _numbered_lines(text))
    first = next(lines, b"")
    if isinstance(first, LongLine) or next(lines, None) is None:
        return False
    return not isinstance(_object(first), BrokenRow)


def _numbered_lines(text: TextFile) -> Iterator[tuple[int, bytes | LongLine]]:
    for piece in text.pieces():
        if isinstance(piece, LongLine):
            yield piece.number, piece
            continue
        for number, line in enumerate(piece.body.split(b"\n"), piece.first_line):
            if len(line) > MOST_LINE:
                yield number, LongLine(number, len(line), line[:1000])
            else:
                yield number, line


def _long(line: LongLine) -> BrokenRow:
    return BrokenRow("unreadable", too_long(line.length), decode_line(line.start + b"..."))
