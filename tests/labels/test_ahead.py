"""A row is decided when the next bars of its own symbol are all there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.features import Panel
from pipelines.labels import Action, NextDirection, NextReturn, Risk
from pipelines.labels.ahead import has_bars_ahead, has_outcome


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


def sessions(*lengths: int) -> Panel:
    """Bars of one symbol in sessions of so many bars, closing at 1, 2, 3, ..."""
    place = np.concatenate([np.arange(length) for length in lengths])
    close = 1.0 + np.arange(len(place))
    return Panel(
        dict.fromkeys(("open", "high", "low", "close"), close)
        | {
            "ordinal": np.arange(len(place)),
            "place": place.astype(np.float64),
            "session_bars": np.repeat(lengths, lengths).astype(np.float64),
        },
        np.zeros(1, int),
    )


def test_a_horizon_that_would_cross_the_sessions_end_is_left_out() -> None:
    bars = sessions(5, 3, 4)  # the second is a half-day
    within = has_outcome(bars, 2, within_session=True)
    assert (
        within.tolist()
        == [True] * 3 + [False] * 2 + [True] + [False] * 2 + [True] * 2 + [False] * 2
    )
    across = has_outcome(bars, 2, within_session=False)
    assert across.tolist() == [True] * 10 + [False] * 2


def test_a_session_that_has_not_ended_decides_nothing_beyond_what_has_come() -> None:
    bars = sessions(5)
    begun = Panel({name: values[:3] for name, values in bars.arrays.items()}, bars.starts)
    assert has_outcome(begun, 2, within_session=True).tolist() == [True, False, False]


@pytest.mark.parametrize("kind", [NextReturn, NextDirection, Risk, Action])
def test_each_label_can_be_kept_within_its_session(kind: Any) -> None:
    bars = sessions(30, 15, 30)
    changes = {"scale": 5} if kind is Action else {}
    across, within = (kind(horizon=4, within_session=w, **changes) for w in (False, True))
    has_outcome = np.isfinite(within.outcome(bars))
    expected = np.isfinite(across.outcome(bars))
    last_bars = [*range(26, 30), *range(41, 45)]
    assert expected[last_bars].all()
    expected[last_bars] = False
    np.testing.assert_array_equal(has_outcome, expected)
    np.testing.assert_array_equal(
        within.outcome(bars)[has_outcome], across.outcome(bars)[has_outcome]
    )
    assert across.within_session is False
    assert within.definition == (*across.definition, "within_session")
    assert kind().definition == kind(within_session=False).definition
