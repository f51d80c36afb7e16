"""Closed minutes that the lake does not have yet, in a file that outlives a kill -9.

A minute is written here before it is committed, and forgotten once it is. What a killed process
left is committed by the next one; to commit it twice changes nothing.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from pipelines.core.state_folder import OWNER_ONLY
from pipelines.stream.minutes import MinuteBar


class Journal:
    """The minutes of one stream that wait for their commit. Threads may share it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, OWNER_ONLY)
        self._path = path
        self._lock = threading.Lock()
        self._waiting: set[MinuteBar] = set()

    def read(self) -> list[MinuteBar]:
        """Return the minutes that wait. A line that was cut off, or damaged, is left out."""
        bars = []
        for line in self._path.read_text(errors="replace").splitlines():
            try:
                fields = json.loads(line)
                bars.append(MinuteBar(**fields | {"ts": datetime.fromisoformat(fields["ts"])}))
            except (ValueError, TypeError, KeyError):
                continue
        self._waiting.update(bars)
        return bars

    def append(self, bars: Sequence[MinuteBar]) -> None:
        """Add minutes, on the disk when this returns."""
        lines = (json.dumps(asdict(bar) | {"ts": bar.ts.isoformat()}) for bar in bars)
        with self._lock:
            self._waiting.update(bars)
            # The first line break ends what a killed process may have left half-written.
            os.write(self._descriptor, ("\n" + "\n".join(lines) + "\n").encode())
            os.fsync(self._descriptor)

    def forget(self, bars: Sequence[MinuteBar]) -> None:
        """Forget minutes that are committed. The file is emptied once no other waits."""
        with self._lock:
            self._waiting.difference_update(bars)
            if not self._waiting:
                os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        os.close(self._descriptor)
