"""Progress reports of long work."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # activity, parts done, total parts


def no_progress(activity: str, done: int, total: int) -> None:
    """Report nothing: used where nobody watches the work."""
