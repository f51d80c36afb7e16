"""Companions read from the lake, kept in memory as long as its snapshot is the newest.

Callers who score the newest bar all ask for the same span, and it changes with the next commit.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

from pipelines.features.companions import Companions
from pipelines.features.inputs import Reference
from pipelines.lake import View
from pipelines.lake.companions import read_companions

MOST = 32  # spans that are kept: some 60 bars of a few symbols each

Key = tuple[object, ...]


class StoredCompanions:
    """The companions of the spans that were read last, by the snapshot that they were read from."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._by_key: OrderedDict[Key, Companions] = OrderedDict()
        self._lock = threading.Lock()

    def read(
        self,
        view: View,
        references: Sequence[Reference],
        source: str,
        interval: str,
        first: datetime,
        last: datetime,
    ) -> Companions:
        """Return what is known by the closes from `first` to `last`; read it where it is new."""
        key: Key = (view.snapshot, tuple(references), source, interval, first, last)
        with self._lock:
            if key in self._by_key:
                self._by_key.move_to_end(key)
                return self._by_key[key]
        companions = read_companions(view, references, source, interval, first, last)
        with self._lock:
            self._by_key[key] = companions
            while len(self._by_key) > self._most:
                self._by_key.popitem(last=False)
        return companions
