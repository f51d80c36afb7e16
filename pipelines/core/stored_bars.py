"""Bars of one answer that are too many for memory: they lie in a file of their own until landed."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import UTC_TYPE

BARS = pa.schema(
    [
        ("symbol", pa.string()),
        ("ts", UTC_TYPE),  # the bar's open; from one day up, midnight UTC of the date that names it
        ("open", pa.float64()),
        ("high", pa.float64()),
        ("low", pa.float64()),
        ("close", pa.float64()),
        ("volume", pa.float64()),
        ("bid", pa.float64()),  # closing quote, null where the source has none
        ("ask", pa.float64()),
        ("row", pa.int64()),  # place in the answer, from 1 (the line of a file)
    ]
)
MEMORY_ROWS = 500_000  # more than so many are written to a file


class StoredBars:
    """Bars in the order of their answer: in memory while they are few, else in TMPDIR."""

    def __init__(self, *, stays_in_memory: bool = False) -> None:
        self._stays_in_memory = stays_in_memory
        self.counts: Counter[str] = Counter()  # rows by symbol
        self.first: datetime | None = None  # the earliest bar's time
        self.last: datetime | None = None
        self._tables: list[pa.Table] = []
        self._file: IO[bytes] | None = None
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._symbols: list[frozenset[str]] = []  # of each batch in the file

    @property
    def num_rows(self) -> int:
        return self.counts.total()

    @property
    def in_memory(self) -> bool:
        return self._file is None

    def add(self, bars: pa.Table) -> None:
        """Add rows (BARS) after those that are there."""
        if bars.num_rows == 0:
            return
        for pair in pc.value_counts(bars["symbol"]).to_pylist():
            self.counts[pair["values"]] += pair["counts"]
        ends = pc.min_max(bars["ts"]).as_py()
        self.first = min(ends["min"], self.first or ends["min"])
        self.last = max(ends["max"], self.last or ends["max"])
        if self._file is None:
            self._tables.append(bars)
            if not self._stays_in_memory and self.num_rows > MEMORY_ROWS:
                self._move_to_file()
        else:
            self._write(bars)

    def finish(self) -> None:
        """End the file: no rows are added any more."""
        if self._writer:
            self._writer.close()
            self._writer = None

    def table(self) -> pa.Table:
        """Return the rows that are in memory."""
        return pa.concat_tables([BARS.empty_table(), *self._tables])

    def tables(self, symbols: Collection[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of these symbols, or all, a few at a time."""
        if self._file is None:
            batches: Iterator[tuple[pa.Table, Collection[str]]] = (
                (table, self.counts) for table in self._tables
            )
        else:
            batches = self._read(symbols)
        symbol_filter = None if symbols is None else pa.array(sorted(symbols), pa.string())
        for table, symbols_of_table in batches:
            if symbol_filter is None or set(symbols_of_table) <= set(symbols or ()):
                yield table
            else:
                yield table.filter(pc.is_in(table["symbol"], symbol_filter))

    def _read(self, symbols: Collection[str] | None) -> Iterator[tuple[pa.Table, Collection[str]]]:
        assert self._file is not None
        self._file.seek(0)
        reader = pa.ipc.open_file(pa.PythonFile(self._file, "r"))
        for number, symbols_of_batch in enumerate(self._symbols):
            if symbols is None or not symbols_of_batch.isdisjoint(symbols):
                yield pa.Table.from_batches([reader.get_batch(number)]), symbols_of_batch

    def _move_to_file(self) -> None:
        # It is gone once it is closed, with these bars.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._writer = pa.ipc.new_file(
            pa.PythonFile(self._file, "w"),
            BARS,
            options=pa.ipc.IpcWriteOptions(compression="lz4"),
        )
        for table in self._tables:
            self._write(table)
        self._tables = []

    def _write(self, bars: pa.Table) -> None:
        assert self._writer is not None
        # Many small batches take four times as long to read as one.
        for batch in bars.cast(BARS).combine_chunks().to_batches():
            self._writer.write_batch(batch)
            self._symbols.append(frozenset(pc.unique(batch["symbol"]).to_pylist()))
