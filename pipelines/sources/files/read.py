"""Read a file into cells, piece by piece: a relation of text columns, and the line of each row.

The fast way is DuckDB's CSV reader. A file that it refuses, or for which it returns another number
of rows than lines, is cut line by line instead: a line is a row, cells never span lines, and a
line that cannot be cut into cells is recorded as broken.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import IO, Protocol

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.core.errors import SourceError
from pipelines.sources.files.limits import (
    MOST_LINE,
    check_shape,
)
from pipelines.sources.files.lines import BrokenLines, Lines, decode_line, too_long
from pipelines.sources.files.mapping import Csv
from pipelines.sources.files.parquet import ParquetTable, is_parquet, unpacked
from pipelines.sources.files.pieces import PIECE_BYTES, LongLine, TextFile

DELIMITERS = ",;\t|"


class Cells:
    """The cells of a piece of a file, as columns c0, c1, ... of a relation `raw` for SQL."""

    def __init__(self, path: str, names: list[str]) -> None:
        self.path = path
        self.names = names  # of the columns, as the file has them
        self.types: list[pa.DataType] = []  # of a Parquet file; else all is text
        self.rows = np.zeros(0, np.int64)  # the line of each row; in a Parquet file its number
        self.broken = BrokenLines()
        self.lines: Lines | None = None  # of a CSV file that DuckDB may read
        self._by_line: Callable[[], tuple[pa.Table, np.ndarray]] | None = None
        self._file: IO[bytes] | None = None  # the file for DuckDB, written at the first query
        self._opened_connection: duckdb.DuckDBPyConnection | None = None

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        # Opened at the first query: a piece that is read the quick way has none, and an opening
        # costs a tenth of reading a piece.
        if self._opened_connection is None:
            self._opened_connection = duckdb.connect()
            self._opened_connection.execute("SET TimeZone = 'UTC'")
        return self._opened_connection

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
        self._opened_connection = None  # some bad bytes break the connection that read them
        table, self.rows = self._by_line()
        self._by_line = None
        self.register(table)
        return self.query(sql, per_row)

    def register(self, table: pa.Table, name: str = "raw") -> None:
        self._connection.register(name, table)

    def read_csv(self, lines: Lines) -> None:
        """Create `raw` from a CSV file with DuckDB, or line by line if that fails."""
        self.rows = np.arange(lines.skip, lines.skip + lines.count) + lines.first

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
            f"CREATE TEMP VIEW raw AS SELECT * FROM read_csv('{file.name}', auto_detect = false, "
            f"header = false, skip = {lines.skip}, delim = '{delimiter}', quote = '\"', "
            f"escape = '\"', nullstr = '', columns = {{{columns}}})"
        )
        return file

    def close(self) -> None:
        if self._opened_connection is not None:
            self._opened_connection.close()
        self._by_line = self.lines = None  # else the piece would stay until cycles are collected
        if self._file:
            self._file.close()


class TableFile(Protocol):
    """A file with a table, whose cells are read piece by piece, any number of times."""

    path: str
    names: list[str]  # of the columns, as the file has them

    @property
    def is_single(self) -> bool:
        """Whether it has one piece at most."""
        ...

    def pieces(self, broken: BrokenLines) -> Iterator[Cells]:
        """Yield the cells of each piece; add lines that cannot be cut to `broken`."""
        ...


class CsvFile:
    """A CSV file."""

    def __init__(self, text: TextFile, shape: Csv) -> None:
        self.path = text.path
        self._text = text
        self.names, self._delimiter = read_header(text, shape)
        self._skip = shape.skip + (0 if shape.names else 1)
        check_shape(self.path, text.lines - self._skip, len(self.names))

    @property
    def is_single(self) -> bool:
        return self._text.is_single

    def pieces(self, broken: BrokenLines) -> Iterator[Cells]:
        for piece in self._text.pieces():
            if isinstance(piece, LongLine):
                if piece.number > self._skip:
                    text = decode_line(piece.start + b"...")
                    broken.add(piece.number, too_long(piece.length), text)
                continue
            skip = max(0, self._skip - piece.first_line + 1)
            lines = Lines(piece.body, len(self.names), skip, self._delimiter, piece.first_line)
            if lines.count <= 0:
                continue
            table = Cells(self.path, self.names)
            table.broken = broken
            with closing(table):
                table.read_csv(lines)
                yield table


class ParquetCells:
    """A Parquet file."""

    def __init__(self, path: str, file: IO[bytes], piece_bytes: int) -> None:
        self.path = path
        self._parquet = ParquetTable(path, file, piece_bytes)
        self.names = list(self._parquet.schema.names)

    @property
    def is_single(self) -> bool:
        return self._parquet.is_single

    def pieces(self, broken: BrokenLines) -> Iterator[Cells]:
        row = 1
        for table in self._parquet.pieces():
            file_cells = Cells(self.path, self.names)
            with closing(file_cells):
                file_cells.types = list(table.schema.types)
                file_cells.rows = np.arange(row, row + table.num_rows)
                row += table.num_rows
                try:
                    file_cells.register(
                        table.rename_columns([f"c{n}" for n in range(table.num_columns)])
                    )
                except duckdb.Error as error:  # no columns, or a type such as half floats
                    raise SourceError(
                        f"{self.path} has columns that cannot be read: {error}",
                        "write its columns as numbers, texts and timestamps",
                    ) from None
                yield file_cells


@contextmanager
def open_table(
    path: str, file: IO[bytes], shape: Csv, piece_bytes: int = PIECE_BYTES
) -> Iterator[TableFile]:
    """Open the table in a file, which came from `path`."""
    if is_parquet(path, file):
        with unpacked(path, file) as parquet:
            yield ParquetCells(path, parquet, piece_bytes)
    else:
        yield CsvFile(TextFile(path, file, piece_bytes), shape)


def read_header(text: TextFile, shape: Csv) -> tuple[list[str], str]:
    """Return the names of the columns, and the delimiter."""
    path, line = text.path, b""
    for piece in text.pieces():
        number = piece.number if isinstance(piece, LongLine) else piece.first_line
        if number > shape.skip + 1:
            break
        if isinstance(piece, LongLine):
            line = piece.start.ljust(MOST_LINE + 1)
            continue
        lines = io.BytesIO(piece.body)
        for _ in range(shape.skip + 1 - number):
            if not lines.readline():
                break
        line = lines.readline(MOST_LINE + 1).removesuffix(b"\n")
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


def _suggest_delimiter(first: str, delimiter: str) -> str:
    """Return a hint if another delimiter fits the line better."""
    best = max(DELIMITERS, key=first.count)
    if best == delimiter or first.count(best) <= first.count(delimiter):
        return ""
    sign = '"\\t"' if best == "\t" else f"'{best}'"
    return f"its cells look cut by {best!r}: set csv.delimiter to {sign}"
