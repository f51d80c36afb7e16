"""Which rows of a panel have the bars after them that decide on them."""

from __future__ import annotations

import numpy as np

from pipelines.features.panel import Panel


def has_bars_ahead(panel: Panel, bars: int) -> np.ndarray:
    """Whether the row `bars` rows later is the same symbol's, and that many bars later.

    So it is False for a symbol's last bars, and where one of the bars between is missing.
    """
    before, ordinal = panel.bars_before, panel.arrays["ordinal"]
    decided = np.zeros(len(panel), bool)
    decided[:-bars] = before[bars:] == before[:-bars] + bars
    decided[:-bars] &= ordinal[bars:] == ordinal[:-bars] + bars
    return decided
