"""Find the rows of a panel whose following bars, which decide their outcome, are present."""

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
