"""Read the bytes of a file into cells: a relation of text columns, and the line of each row.

The fast way is DuckDB's CSV reader. A file that it refuses, or for which it returns another number
of rows than lines, is cut line by line instead: a line is a row, cells never span lines, and a
line that cannot be cut into cells is recorded as broken.
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
CHUNK_BYTES = 8 << 20  # and bytes: a cell of one byte takes fifty meanwhile
SHOWN = 1000  # characters shown of a line that is too long


class Cells:
    """The cells of a file, as columns c0, c1, ... of a relation `raw` for SQL."""

    def __init__(self, path: str, names: list[str]) -> None:
        self.path = path
        self.names = names  # of the columns, as the file has them
        self.types: list[pa.DataType] = []  # of a Parquet file; else all is text
        self.rows = np.zeros(0, np.int64)  # the line of each row; in a Parquet file its number
        self.broken: list[tuple[int, str, str]] = []  # line number, reason, text
        self.lines: Lines | None = None  # of a CSV file that DuckDB may read
        self._by_line: Callable[[], tuple[pa.Table, np.ndarray]] | None = None
        self._file: IO[bytes] | None = None  # the file for DuckDB, written at the first query
        self._connection = _connection()

    def query(self, sql: str, per_row: bool = False) -> pa.Table:
        """Query `raw`. With `per_row` the result must have one row for each row of the file."""
        if self.lines and not self._file:
            self._file = self._open_csv(self.lines)
        try:
            answer = self._connection.execute(sql).to_arrow_table()
            if not per_row or answer.num_rows == len(self.rows):
                return answer
        except duckdb.Error as error:
            if self._by_line is None:
                raise SourceError(f"{self.path} cannot be read: {error}") from None
        assert self._by_line is not None
        self._connection = _connection()  # some bad bytes break the connection that read them
        table, self.rows = self._by_line()
        self._by_line = None
        self.register(table)
        return self.query(sql, per_row)

    def register(self, table: pa.Table, name: str = "raw") -> None:
        self._connection.register(name, table)

    def read_csv(self, lines: Lines) -> None:
        """Create `raw` from a CSV file with DuckDB, or line by line if that fails."""
        self.rows = np.arange(lines.skip, lines.skip + lines.count) + 1

        def by_line() -> tuple[pa.Table, np.ndarray]:
            return lines.cut(self.broken)

        if not lines.clean:
            table, self.rows = by_line()
            self.register(table)
            return
        self._by_line, self.lines = by_line, lines

    def _open_csv(self, lines: Lines) -> IO[bytes]:
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
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@dataclass(frozen=True)
class Lines:
    """The lines of a CSV file, which can be cut one by one."""

    body: bytes
    width: int  # cells a line
    skip: int  # lines before the data
    delimiter: str

    @cached_property
    def count(self) -> int:
        return self.body.count(b"\n") + 1 - self.skip

    @cached_property
    def clean(self) -> bool:
        """False for bytes that DuckDB's reader cannot read, and for a file without lines."""
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
        """Return cells and line numbers; add lines that cannot be cut to `broken`."""
        schema = pa.schema([(f"c{n}", pa.string()) for n in range(self.width)])
        parts, rows = [schema.empty_table()], [np.zeros(0, np.int64)]
        lines = enumerate(io.BytesIO(self.body), 1)
        for _ in range(self.skip):
            next(lines, None)
        count = 0  # of broken lines
        while chunk := _next_chunk(lines):
            filled = [(row, line) for row, line in chunk if line.strip()]
            is_simple, table = self._cut_simple(filled, schema)
            cut_lines: list[list[str]] = []
            numbers: list[int] = []
            for (row, line), simple in zip(filled, is_simple, strict=True):
                line_cells, why = ([], "") if simple else self._cut_line(line)
                if why:
                    count, last = count + 1, (row, line)
                    if count <= MOST_REJECTS:
                        broken.append((row, why, _abbreviate(line)))
                    continue
                cut_lines.append(line_cells)
                numbers.append(row)
            if table is None and cut_lines:
                columns = [pa.array(c, pa.string()) for c in zip(*cut_lines, strict=True)]
                table = pa.table(columns, schema=schema)
            if table is not None:
                parts.append(table)
                rows.append(np.array(numbers, np.int64))
        if count > MOST_REJECTS:
            note = f"the last of {count - MOST_REJECTS:,} more lines that cannot be cut into cells"
            broken.append((last[0], note, _abbreviate(last[1])))
        return pa.concat_tables(parts), np.concatenate(rows)

    def _cut_simple(
        self, lines: list[tuple[int, bytes]], schema: pa.Schema
    ) -> tuple[list[bool], pa.Table | None]:
        """Cut simple lines at once; return which lines these are, and their cells."""
        text = b"".join(line for _, line in lines)
        sign, due = self.delimiter.encode(), self.width - 1
        has_width = [line.count(sign) == due and len(line) <= MOST_LINE for _, line in lines]
        has_special = not text.isascii() or any(s in text for s in (b'"', b"\r", b"\0"))
        ends_open = (
            text.endswith(sign) or sign + b"\n" in text
        )  # one more delimiter at the end may be valid
        if has_special or ends_open or not any(has_width):
            return [False] * len(lines), None
        fitting_lines = b"".join(
            line for (_, line), fits in zip(lines, has_width, strict=True) if fits
        )
        try:
            table = pa_csv.read_csv(
                io.BytesIO(fitting_lines),
                pa_csv.ReadOptions(column_names=schema.names),
                pa_csv.ParseOptions(delimiter=self.delimiter, quote_char=False),
                pa_csv.ConvertOptions(column_types=schema, strings_can_be_null=False),
            )
        except pa.ArrowInvalid:
            return [False] * len(lines), None
        if table.num_rows != sum(has_width):
            return [False] * len(lines), None
        return has_width, table

    def _cut_line(self, line: bytes) -> tuple[list[str], str]:
        """Return the cells of one line, or the reason why it cannot be cut."""
        if len(line) > MOST_LINE:
            return [], f"{len(line):,} bytes where a line may have {MOST_LINE:,}"
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            return [], "not UTF-8 text"
        if '"' in text or "\r" in text:
            try:
                line_cells = next(csv.reader([text], delimiter=self.delimiter, strict=True), [])
            except csv.Error as error:
                return [], f"not CSV: {error}"
        else:
            line_cells = text.split(self.delimiter)
        if (
            len(line_cells) == self.width + 1 and not line_cells[-1]
        ):  # DuckDB accepts such a line, too
            line_cells.pop()
        if len(line_cells) != self.width:
            return [], f"{len(line_cells)} cells where {self.width} are due"
        return line_cells, ""


@contextmanager
def cells(path: str, body: bytes, shape: Csv) -> Iterator[Cells]:
    """Open the table in `body`, which came from `path`."""
    body = unpack(path, body)
    if body.startswith(b"PAR1"):
        yield _read_parquet_cells(path, body)
        return
    body = clean_text(path, body)
    names, delimiter = _read_header(path, body, shape)
    table = Cells(path, names)
    skip = shape.skip + (0 if shape.names else 1)
    lines = Lines(body, len(names), skip, delimiter)
    check_shape(path, lines.count, len(names))
    table.read_csv(lines)
    with closing(table):
        yield table


def _read_header(path: str, body: bytes, shape: Csv) -> tuple[list[str], str]:
    """Return the names of the columns, and the delimiter."""
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
        names = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error as error:  # such as a cell of more than 131,072 characters
        raise SourceError(
            f"{path}: its first line {first[:200]!r} is not CSV: {error}", "write that file again"
        ) from None
    if len(names) < 2:
        raise SourceError(
            f"{path}: its first line {first[:200]!r} has one column when cut at {delimiter!r}",
            _suggest_delimiter(first, delimiter)
            or "set csv.delimiter to the sign between its cells",
        )
    if not shape.names:
        return [name.strip() for name in names], delimiter
    if len(names) == len(shape.names) + 1 and not names[-1]:
        names.pop()
    if len(names) != len(shape.names):
        raise SourceError(
            f"{path}: its first line has {len(names)} cells, csv.names lists "
            f"{len(shape.names)}: {first[:200]!r}",
            _suggest_delimiter(first, delimiter) or "list one name for each column in csv.names",
        )
    return list(shape.names), delimiter


def clean_text(path: str, body: bytes) -> bytes:
    """Return the text as UTF-8 without BOM, with LF line ends and no empty lines at the end."""
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


def _next_chunk(lines: Iterator[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Return the next numbered lines, as many as are cut at a time."""
    chunk, size = list[tuple[int, bytes]](), 0
    for numbered in lines:
        chunk.append(numbered)
        size += len(numbered[1])
        if len(chunk) == CHUNK or size > CHUNK_BYTES:
            break
    return chunk


def _abbreviate(line: bytes) -> str:
    """Return a broken line as text; of a long one only the beginning."""
    if len(line) > MOST_LINE:
        line = line[:SHOWN] + b"..."
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")


def _suggest_delimiter(first: str, delimiter: str) -> str:
    """Return a hint if another delimiter fits the line better."""
    best = max(DELIMITERS, key=first.count)
    if best == delimiter or first.count(best) <= first.count(delimiter):
        return ""
    sign = '"\\t"' if best == "\t" else f"'{best}'"
    return f"its cells look cut by {best!r}: set csv.delimiter to {sign}"


def _read_parquet_cells(path: str, body: bytes) -> Cells:
    table = read_parquet(path, body)
    file_cells = Cells(path, list(table.column_names))
    file_cells.types = list(table.schema.types)
    file_cells.rows = np.arange(1, table.num_rows + 1)
    try:
        file_cells.register(table.rename_columns([f"c{n}" for n in range(table.num_columns)]))
    except duckdb.Error as error:  # no columns, or a type such as half floats
        raise SourceError(
            f"{path} has columns that cannot be read: {error}",
            "write its columns as numbers, texts and timestamps",
        ) from None
    return file_cells
