"""Tables that took computing, for as long as the lake has the snapshot that they are of."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock

import pyarrow as pa

from serving.state.answers import Row
from serving.state.reader import Reader

MOST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class ComputedTable:
    """Rows, and what is said about all of them."""

    rows: pa.Table
    about: Row


class ComputedTables:
    """Holds what was computed of the newest snapshot, so that many who poll cost one query."""

    def __init__(self, reader: Reader, most_bytes: int = MOST_BYTES) -> None:
        self._reader, self._most_bytes = reader, most_bytes
        self._lock = Lock()
        self._catalog: object = None  # its file: one that was restored may have older numbers
        self._snapshot = -1
        self._tables: dict[Hashable, ComputedTable] = {}

    def get(self, key: Hashable, snapshot: int) -> ComputedTable | None:
        """Return what was computed of this snapshot; None where it has to be computed."""
        with self._lock:
            is_newest = (self._reader.catalog_file, snapshot) == (self._catalog, self._snapshot)
            return self._tables.get(key) if is_newest else None

    def compute(
        self, key: Hashable, snapshot: int, compute: Callable[[], ComputedTable]
    ) -> ComputedTable:
        """Return what was computed of a snapshot, or compute it now."""
        table = self.get(key, snapshot)
        if table is None:
            table = compute()
            self._hold(key, snapshot, table)
        return table

    def _hold(self, key: Hashable, snapshot: int, table: ComputedTable) -> None:
        with self._lock:
            if self._reader.catalog_file != self._catalog:
                self._catalog, self._snapshot = self._reader.catalog_file, -1
            if snapshot < self._snapshot:
                return
            taken = sum(held.rows.nbytes for held in self._tables.values()) + table.rows.nbytes
            if snapshot > self._snapshot or taken > self._most_bytes:
                self._tables.clear()
            self._snapshot = snapshot
            if table.rows.nbytes <= self._most_bytes:
                self._tables[key] = table
