"""The lines of a CSV file, and the slow way to cut them: one by one, where DuckDB cannot."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from pipelines.sources.files.limits import MOST_LINE, MOST_REJECTS, has_long_line
from pipelines.sources.files.pieces import EXCERPT_BYTES, count_sign

CHUNK = 100_000  # lines turned into columns at a time
CHUNK_BYTES = 8 << 20  # and bytes: a cell of one byte takes fifty meanwhile


class BrokenLines:
    """The lines of a file that cannot be cut into cells."""

    def __init__(self) -> None:
        self._first: list[tuple[int, str, str]] = []  # line number, reason, text
        self._last = (0, "")  # line number and text
        self._count = 0

    def add(self, row: int, why: str, text: str) -> None:
        self._count += 1
        self._last = row, text
        if self._count <= MOST_REJECTS:
            self._first.append((row, why, text))

    def list(self) -> list[tuple[int, str, str]]:
        """Return line number, reason and text of each; the last stands for all above the limit."""
        excess = self._count - MOST_REJECTS
        if excess <= 0:
            return self._first
        row, text = self._last
        note = f"the last of {excess:,} more lines that cannot be cut into cells"
        return [*self._first, (row, note, text)]


@dataclass(frozen=True)
class Lines:
    """The lines of a CSV file, which can be cut one by one."""

    body: bytes
    width: int  # cells a line
    skip: int  # lines before the data
    delimiter: str
    first: int = 1  # the number of the first line

    @cached_property
    def count(self) -> int:
        return count_sign(self.body, b"\n") + 1 - self.skip

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

    def cut(self, broken: BrokenLines) -> tuple[pa.Table, np.ndarray]:
        """Return cells and line numbers; add lines that cannot be cut to `broken`."""
        schema = pa.schema([(f"c{n}", pa.string()) for n in range(self.width)])
        parts, rows = [schema.empty_table()], [np.zeros(0, np.int64)]
        lines = enumerate(io.BytesIO(self.body), self.first)
        for _ in range(self.skip):
            next(lines, None)
        while chunk := _next_chunk(lines):
            filled = [(row, line) for row, line in chunk if line.strip()]
            is_simple, table = self._cut_simple(filled, schema)
            cut_lines: list[list[str]] = []
            numbers: list[int] = []
            for (row, line), simple in zip(filled, is_simple, strict=True):
                line_cells, why = ([], "") if simple else self._cut_line(line)
                if why:
                    broken.add(row, why, _abbreviate(line))
                    continue
                cut_lines.append(line_cells)
                numbers.append(row)
            if table is None and cut_lines:
                # An empty cell is null, as DuckDB's reader has it.
                columns = [
                    pa.array([cell or None for cell in column], pa.string())
                    for column in zip(*cut_lines, strict=True)
                ]
                table = pa.table(columns, schema=schema)
            if table is not None:
                parts.append(table)
                rows.append(np.array(numbers, np.int64))
        return pa.concat_tables(parts), np.concatenate(rows)

    def _cut_simple(
        self, lines: list[tuple[int, bytes]], schema: pa.Schema
    ) -> tuple[list[bool], pa.Table | None]:
        """Cut simple lines at once; return which lines these are, and their cells."""
        text = b"".join(line for _, line in lines)
        sign, due = self.delimiter.encode(), self.width - 1
        has_width = [line.count(sign) == due and _length(line) <= MOST_LINE for _, line in lines]
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
                pa_csv.ConvertOptions(
                    column_types=schema, null_values=[""], strings_can_be_null=True
                ),
            )
        except pa.ArrowInvalid:
            return [False] * len(lines), None
        if table.num_rows != sum(has_width):
            return [False] * len(lines), None
        return has_width, table

    def _cut_line(self, line: bytes) -> tuple[list[str], str]:
        """Return the cells of one line, or the reason why it cannot be cut."""
        if _length(line) > MOST_LINE:
            return [], too_long(_length(line))
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
    if _length(line) <= MOST_LINE:
        return decode_line(line)
    return decode_line(line.removesuffix(b"\n")[:EXCERPT_BYTES] + b"...")


def _length(line: bytes) -> int:
    """Return the bytes of a line without its end, which the last line of a piece has not."""
    return len(line) - line.endswith(b"\n")


def decode_line(line: bytes) -> str:
    """Return a line as text, whatever its bytes."""
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")


def too_long(length: int) -> str:
    """Say why a line of so many bytes is not read."""
    return f"{length:,} bytes where a line may have {MOST_LINE:,}"
