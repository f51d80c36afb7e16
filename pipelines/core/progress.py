"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # what is being done, parts done, of how many parts


def no_progress(what: str, done: int, total: int) -> None:
    """Report nothing: the progress of work that nobody watches."""
