"""Tables that took computing, for as long as the lake has the snapshot that they are of."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock

import pyarrow as pa

from serving.state.answers import Row

MOST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class ComputedTable:
    """Rows, and what is said about all of them."""

    rows: pa.Table
    about: Row


class ComputedTables:
    """Holds what was computed of the newest snapshot, so that many who poll cost one query.

    A version is the catalog's file and the snapshot in it: a catalog that was restored may have
    the numbers of another one.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._version: Hashable = None
        self._tables: dict[Hashable, ComputedTable] = {}

    def get(self, key: Hashable, version: Hashable) -> ComputedTable | None:
        """Return what was computed of this version; None where it has to be computed."""
        with self._lock:
            return self._tables.get(key) if version == self._version else None

    def compute(
        self, key: Hashable, version: Hashable, compute: Callable[[], ComputedTable]
    ) -> ComputedTable:
        """Return what was computed of a version, or compute it now."""
        table = self.get(key, version)
        if table is None:
            table = compute()
            self._hold(key, version, table)
        return table

    def _hold(self, key: Hashable, version: Hashable, table: ComputedTable) -> None:
        with self._lock:
            total_bytes = (
                sum(held.rows.nbytes for held in self._tables.values()) + table.rows.nbytes
            )
            if version != self._version or total_bytes > self._most_bytes:
                self._tables.clear()
            self._version = version
            if table.rows.nbytes <= self._most_bytes:
                self._tables[key] = table
