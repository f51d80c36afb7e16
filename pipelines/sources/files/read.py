"""From the bytes of a file to cells: one relation of text columns, and the line of each row.

The fast way is DuckDB's CSV reader. A file that it refuses, or where its rows are not as many
as the lines, is cut line by line instead: a line is a row, cells never span lines, and a line
that cannot be cut into cells is kept as broken.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import IO

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from pipelines.core.errors import SourceError
from pipelines.sources.files.limits import (
    MOST_LINE,
    MOST_REJECTS,
    check_shape,
    has_long_line,
    unpack,
)
from pipelines.sources.files.mapping import Csv
from pipelines.sources.files.parquet import read_parquet

DELIMITERS = ",;\t|"
PAGE = re.compile(rb"<(!doctype|!--|html|head|body|\?xml|svg|error|message)", re.IGNORECASE)
CHUNK = 100_000  # lines turned into columns at a time
CHUNK_BYTES = 8 << 20  # and bytes, for a cell of one byte takes fifty on its way
SHOWN = 1000  # signs of a line that is too long


class Cells:
    """The cells of a file, as columns c0, c1, ... of a relation `raw` that SQL can ask."""

    def __init__(self, path: str, names: list[str]) -> None:
        self.path = path
        self.names = names  # of the columns, as the file has them
        self.types: list[pa.DataType] = []  # of a Parquet file; else all is text
        self.rows = np.zeros(0, np.int64)  # the line of each row; in a Parquet file its number
        self.broken: list[tuple[int, str, str]] = []  # line, why, the line
        self.lines: Lines | None = None  # of a CSV file that DuckDB may read
        self._by_line: Callable[[], tuple[pa.Table, np.ndarray]] | None = None
        self._file: IO[bytes] | None = None  # what DuckDB reads, written when it is first asked
        self._connection = _connection()

    def query(self, sql: str, per_row: bool = False) -> pa.Table:
        """Ask `raw`. `per_row` says that the answer must have one row for each of the file."""
        if self.lines and not self._file:
            self._file = self._opened(self.lines)
        try:
            answer = self._connection.execute(sql).to_arrow_table()
            if not per_row or answer.num_rows == len(self.rows):
                return answer
        except duckdb.Error as error:
            if self._by_line is None:
                raise SourceError(f"{self.path} cannot be read: {error}") from None
        assert self._by_line is not None
        self._connection = _connection()  # some bad bytes break the one that met them
        table, self.rows = self._by_line()
        self._by_line = None
        self.register(table)
        return self.query(sql, per_row)

    def register(self, table: pa.Table, name: str = "raw") -> None:
        self._connection.register(name, table)

    def read_csv(self, lines: Lines) -> None:
        """Make `raw` of a CSV file through DuckDB, or through `lines` if that fails."""
        self.rows = np.arange(lines.skip, lines.skip + lines.count) + 1

        def by_line() -> tuple[pa.Table, np.ndarray]:
            return lines.cut(self.broken)

        if not lines.clean:
            table, self.rows = by_line()
            self.register(table)
            return
        self._by_line, self.lines = by_line, lines

    def _opened(self, lines: Lines) -> IO[bytes]:
        file = tempfile.NamedTemporaryFile(suffix=".csv")  # noqa: SIM115 - close() does
        file.write(lines.body)
        file.flush()
        columns = ", ".join(f"'c{n}': 'VARCHAR'" for n in range(lines.width))
        delimiter = lines.delimiter.replace("'", "''")
        self._connection.execute(
            f"CREATE VIEW raw AS SELECT * FROM read_csv('{file.name}', auto_detect = false, "
            f"header = false, skip = {lines.skip}, delim = '{delimiter}', quote = '\"', "
            f"escape = '\"', nullstr = '', columns = {{{columns}}})"
        )
        return file

    def close(self) -> None:
        self._connection.close()
        if self._file:
            self._file.close()


def _connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("SET TimeZone = 'UTC'")
    return made


@dataclass(frozen=True)
class Lines:
    """The lines of a CSV file, to be cut one by one."""

    body: bytes
    width: int  # cells a line
    skip: int  # lines before the data
    delimiter: str

    @cached_property
    def count(self) -> int:
        return self.body.count(b"\n") + 1 - self.skip

    @cached_property
    def clean(self) -> bool:
        """False for bytes that DuckDB's reader trips over, and when there is nothing to read."""
        if self.count == 0 or b"\r" in self.body or has_long_line(self.body):
            return False
        if self.body.isascii():
            return True
        try:
            self.body.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return True

    def cut(self, broken: list[tuple[int, str, str]]) -> tuple[pa.Table, np.ndarray]:
        """The cells and the number of each line; lines without cells go to `broken`."""
        schema = pa.schema([(f"c{n}", pa.string()) for n in range(self.width)])
        parts, rows = [schema.empty_table()], [np.zeros(0, np.int64)]
        lines = enumerate(io.BytesIO(self.body), 1)
        for _ in range(self.skip):
            next(lines, None)
        count = 0  # of broken lines
        while chunk := _chunk(lines):
            filled = [(row, line) for row, line in chunk if line.strip()]
            good, table = self._plain(filled, schema)
            kept: list[list[str]] = []
            numbers: list[int] = []
            for (row, line), read in zip(filled, good, strict=True):
                found, why = ([], "") if read else self._cells(line)
                if why:
                    count, last = count + 1, (row, line)
                    if count <= MOST_REJECTS:
                        broken.append((row, why, _shown(line)))
                    continue
                kept.append(found)
                numbers.append(row)
            if table is None and kept:
                columns = [pa.array(c, pa.string()) for c in zip(*kept, strict=True)]
                table = pa.table(columns, schema=schema)
            if table is not None:
                parts.append(table)
                rows.append(np.array(numbers, np.int64))
        if count > MOST_REJECTS:
            more = f"the last of {count - MOST_REJECTS:,} more lines that cannot be cut into cells"
            broken.append((last[0], more, _shown(last[1])))
        return pa.concat_tables(parts), np.concatenate(rows)

    def _plain(
        self, lines: list[tuple[int, bytes]], schema: pa.Schema
    ) -> tuple[list[bool], pa.Table | None]:
        """Which lines have their cells, and these, if nothing in them needs a closer look."""
        text = b"".join(line for _, line in lines)
        sign, due = self.delimiter.encode(), self.width - 1
        good = [line.count(sign) == due and len(line) <= MOST_LINE for _, line in lines]
        close = not text.isascii() or any(s in text for s in (b'"', b"\r", b"\0"))
        ends = text.endswith(sign) or sign + b"\n" in text  # a delimiter too many may be right
        if close or ends or not any(good):
            return [False] * len(lines), None
        fitting = b"".join(line for (_, line), fits in zip(lines, good, strict=True) if fits)
        try:
            table = pa_csv.read_csv(
                io.BytesIO(fitting),
                pa_csv.ReadOptions(column_names=schema.names),
                pa_csv.ParseOptions(delimiter=self.delimiter, quote_char=False),
                pa_csv.ConvertOptions(column_types=schema, strings_can_be_null=False),
            )
        except pa.ArrowInvalid:
            return [False] * len(lines), None
        if table.num_rows != sum(good):
            return [False] * len(lines), None
        return good, table

    def _cells(self, line: bytes) -> tuple[list[str], str]:
        """The cells of one line, or why it has none."""
        if len(line) > MOST_LINE:
            return [], f"{len(line):,} bytes where a line may have {MOST_LINE:,}"
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            return [], "not UTF-8 text"
        if '"' in text or "\r" in text:
            try:
                found = next(csv.reader([text], delimiter=self.delimiter, strict=True), [])
            except csv.Error as error:
                return [], f"not CSV: {error}"
        else:
            found = text.split(self.delimiter)
        if len(found) == self.width + 1 and not found[-1]:  # DuckDB lets a line end so too
            found.pop()
        if len(found) != self.width:
            return [], f"{len(found)} cells where {self.width} are due"
        return found, ""


@contextmanager
def cells(path: str, body: bytes, shape: Csv) -> Iterator[Cells]:
    """Open the table in `body`, which came from `path`."""
    body = unpack(path, body)
    if body.startswith(b"PAR1"):
        yield _parquet(path, body)
        return
    body = _text(path, body)
    names, delimiter = _columns(path, body, shape)
    made = Cells(path, names)
    skip = shape.skip + (0 if shape.names else 1)
    lines = Lines(body, len(names), skip, delimiter)
    check_shape(path, lines.count, len(names))
    made.read_csv(lines)
    with closing(made):
        yield made


def _columns(path: str, body: bytes, shape: Csv) -> tuple[list[str], str]:
    """The names of the columns and what cuts the cells."""
    lines = io.BytesIO(body)
    for _ in range(shape.skip):
        if not lines.readline():
            break
    line = lines.readline(MOST_LINE + 1)
    if len(line) > MOST_LINE:
        raise SourceError(
            f"{path}: its first line has more than {MOST_LINE:,} bytes",
            "write one bar in each line, and only its columns",
        )
    first = line.decode("utf-8", "replace").rstrip("\r\n")
    if not first:
        raise SourceError(f"{path} has no header in line {shape.skip + 1}", "change csv.skip")
    delimiter = shape.delimiter or max(DELIMITERS, key=first.count)
    try:
        found = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error as error:  # such as a cell of more than 131,072 signs
        raise SourceError(
            f"{path}: its first line {first[:200]!r} is not CSV: {error}", "write that file again"
        ) from None
    if len(found) < 2:
        raise SourceError(
            f"{path}: its first line {first[:200]!r} has one column when cut at {delimiter!r}",
            _other(first, delimiter) or "set csv.delimiter to the sign between its cells",
        )
    if not shape.names:
        return [name.strip() for name in found], delimiter
    if len(found) == len(shape.names) + 1 and not found[-1]:
        found.pop()
    if len(found) != len(shape.names):
        raise SourceError(
            f"{path}: its first line has {len(found)} cells, csv.names lists "
            f"{len(shape.names)}: {first[:200]!r}",
            _other(first, delimiter) or "list one name for each column in csv.names",
        )
    return list(shape.names), delimiter


def _text(path: str, body: bytes) -> bytes:
    """UTF-8 without a mark at its begin, lines that end in a line feed, none empty at the end."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        body = body.decode("utf-16", "replace").encode()
    body = body.removeprefix(codecs.BOM_UTF8)
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
        if b"\n" not in body:
            body = body.replace(b"\r", b"\n")
    body = body.rstrip(b"\r\n\x1a")
    start = body[:200].lstrip()
    if not start:
        raise SourceError(f"{path} is empty", "take it away or write it again")
    if PAGE.match(start):
        raise SourceError(
            f"{path} is a web page or XML, not a table: it begins with "
            f"{start[:60].decode('utf-8', 'replace')!r}",
            "download the file again: a login or error page was saved in its place",
        )
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise SourceError(f"{path} is a zip or Excel file", "save it as CSV or Parquet")
    if start.startswith((b"{", b"[")):
        raise SourceError(f"{path} is JSON, not a table", "save it as CSV or Parquet")
    if b"\0" in start.split(b"\n")[0]:
        raise SourceError(f"{path} is not text", "save it as CSV, CSV.gz or Parquet")
    return body


def _chunk(lines: Iterator[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """The next of the numbered lines: as many as are cut at a time."""
    chunk, size = list[tuple[int, bytes]](), 0
    for numbered in lines:
        chunk.append(numbered)
        size += len(numbered[1])
        if len(chunk) == CHUNK or size > CHUNK_BYTES:
            break
    return chunk


def _shown(line: bytes) -> str:
    """A broken line as text; of one that is too long its begin."""
    if len(line) > MOST_LINE:
        line = line[:SHOWN] + b"..."
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")


def _other(first: str, delimiter: str) -> str:
    """The hint at a delimiter that fits the line better."""
    best = max(DELIMITERS, key=first.count)
    if best == delimiter or first.count(best) <= first.count(delimiter):
        return ""
    shown = '"\\t"' if best == "\t" else f"'{best}'"
    return f"its cells look cut by {best!r}: set csv.delimiter to {shown}"


def _parquet(path: str, body: bytes) -> Cells:
    table = read_parquet(path, body)
    made = Cells(path, list(table.column_names))
    made.types = list(table.schema.types)
    made.rows = np.arange(1, table.num_rows + 1)
    try:
        made.register(table.rename_columns([f"c{n}" for n in range(table.num_columns)]))
    except duckdb.Error as error:  # no columns, or of a type such as half floats
        raise SourceError(
            f"{path} has columns that cannot be read: {error}",
            "write its columns as numbers, texts and timestamps",
        ) from None
    return made
