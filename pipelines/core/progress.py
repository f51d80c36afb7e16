"""Progress reports of long work."""

from __future__ import annotations

import threading
from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # activity, parts done, total parts


def no_progress(activity: str, done: int, total: int) -> None:
    """Report nothing: used where nobody watches the work."""


class CountedProgress:
    """Report work of several threads as one count."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._lock = threading.Lock()

    def __call__(self, what: str, steps: int) -> None:
        """Report what begins now, and takes that many steps."""
        with self._lock:
            self._progress(what, self._done, self._total)
            self._done += steps
