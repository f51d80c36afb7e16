"""Tables that are computed once for a snapshot, however many clients ask for them."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import pyarrow as pa

from pipelines.lake import View
from serving.state.reader import Reader


class TableCache:
    """Holds the newest answer of each of a few queries that read much and return little."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._tables: dict[str, tuple[object, pa.Table]] = {}
        self._lock = Lock()

    def read(self, view: View, name: str, compute: Callable[[View], pa.Table]) -> pa.Table:
        """Return the rows of a query at the view's snapshot; it runs where that is another one."""
        # The catalog's file counts too: one that was restored may have the number it had before.
        version = (self._reader.catalog_file, view.snapshot)
        with self._lock:
            cached, rows = self._tables.get(name, (None, None))
            if cached != version:
                rows = compute(view)
                self._tables[name] = version, rows
            return rows
