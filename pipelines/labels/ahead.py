"""Which rows of a block have the bars after them that decide on them."""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Block


def reached(block: Block, bars: int) -> np.ndarray:
    """Whether the row `bars` rows later is the same symbol's, and that many bars later.

    So it is False for a symbol's last bars, and where one of the bars between is missing.
    """
    nth, ordinal = block.nth, block.arrays["ordinal"]
    made = np.zeros(len(block), bool)
    made[:-bars] = nth[bars:] == nth[:-bars] + bars
    made[:-bars] &= ordinal[bars:] == ordinal[:-bars] + bars
    return made
