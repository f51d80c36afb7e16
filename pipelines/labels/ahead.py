"""Find the rows whose following bars, which decide their outcome, are there and of one session."""

from __future__ import annotations

import numpy as np

from pipelines.features.panel import Panel


def has_bars_ahead(panel: Panel, bars: int) -> np.ndarray:
    """Return for each row whether the next `bars` bars of its symbol are all present.

    It is False for the last bars of a symbol, and where one of the bars between is missing.
    """
    before, ordinal = panel.bars_before, panel.arrays["ordinal"]
    decided = np.zeros(len(panel), bool)
    decided[:-bars] = before[bars:] == before[:-bars] + bars
    decided[:-bars] &= ordinal[bars:] == ordinal[:-bars] + bars
    return decided


def has_outcome(panel: Panel, bars: int, *, within_session: bool) -> np.ndarray:
    """Return for each row whether its next `bars` bars are present; and of its session, if asked.

    How many bars a session has says the calendar, half-days included.
    """
    decided = has_bars_ahead(panel, bars)
    if within_session:
        decided &= panel.arrays["place"] + bars < panel.arrays["session_bars"]
    return decided


def session_suffix(within_session: bool) -> tuple[str, ...]:
    """Return what ends the definition of a label: nothing for one that may cross sessions."""
    return ("within_session",) if within_session else ()
