"""A row is decided when the next bars of its own symbol are all there."""

from __future__ import annotations

import numpy as np

from pipelines.features import Panel
from pipelines.labels.ahead import has_bars_ahead


def panel(*symbols: list[int]) -> Panel:
    """Symbols end to end, by the numbers of their bars."""
    starts = np.cumsum([0, *map(len, symbols)])[:-1]
    return Panel({"ordinal": np.concatenate([np.array(s, int) for s in symbols])}, starts)


def test_the_last_bars_of_each_symbol_are_not_decided() -> None:
    bars = panel([1, 2, 3, 4], [5, 6])  # the second begins where the first ends
    assert has_bars_ahead(bars, 1).tolist() == [True, True, True, False, True, False]
    assert has_bars_ahead(bars, 2).tolist() == [True, True, False, False, False, False]
    assert not has_bars_ahead(bars, 4).any()


def test_a_missing_bar_between_leaves_a_row_undecided() -> None:
    bars = panel([1, 2, 4, 5, 6])
    assert has_bars_ahead(bars, 1).tolist() == [True, False, True, True, False]
    assert has_bars_ahead(bars, 2).tolist() == [False, False, True, False, False]
