"""Volatility from ranges: by hand, and against a walk whose volatility is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipelines.features import Feature, feature_matrix
from pipelines.features.range_volatility import (
    garman_klass,
    parkinson,
    parkinson_ratio,
    range_rank,
    rogers_satchell,
    yang_zhang,
)
from tests.features.bars import panel_of
from tests.features.by_hand import value_of

E = math.e
# Logs: open 0, high 2, low -1, close 1; then open 1, high 2, low 1, close 2.
OPEN, HIGH, LOW, CLOSE = [1, E], [E**2, E**2], [1 / E, E], [E, E**2]
BARS = {"open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE}
SHARE = 0.34 / (1.34 + 3)  # of Yang and Zhang, for two bars
BY_HAND: list[tuple[Feature, dict[str, list[float]], float]] = [
    (parkinson(2), {"high": HIGH, "low": LOW}, math.sqrt((9 + 1) / 2 / (4 * math.log(2)))),
    (
        garman_klass(2),
        BARS,
        math.sqrt(((4.5 - (2 * math.log(2) - 1)) + (0.5 - (2 * math.log(2) - 1))) / 2),
    ),
    # (2 - 1)(2 - 0) + (-1 - 1)(-1 - 0) = 4; then (2 - 2)(2 - 1) + (1 - 2)(1 - 1) = 0.
    (rogers_satchell(2), BARS, math.sqrt(4 / 2)),
    (rogers_satchell(1), {n: v[1:] for n, v in BARS.items()}, 0.0),
    # Gaps 0 and 2 (deviation sqrt 2), bodies 1 and -1 (sqrt 2), ranges 0 and 2 (mean 1).
    (
        yang_zhang(2),
        {
            "open": [1, 1, E**3],
            "high": [E, E, E**3.5],
            "low": [1, 1, E**1.5],
            "close": [1, E, E**2],
        },
        math.sqrt(2 + SHARE * 2 + (1 - SHARE) * (1.5 * 0.5 + 0.5 * 1.5) / 2),
    ),
    (range_rank(3), {"high": [12, 11, 12], "low": [10, 10, 11], "close": [10, 10, 10]}, 0.25),
]


@pytest.mark.parametrize(("feature", "bars", "expected"), BY_HAND)
def test_values_worked_by_hand(
    feature: Feature, bars: dict[str, list[float]], expected: float
) -> None:
    assert value_of(feature, **bars) == pytest.approx(expected, rel=1e-6)


def test_all_find_the_volatility_of_a_walk() -> None:
    """Of 400 steps a bar, whose highest and lowest lie a little inside those of a true motion."""
    random, bars, steps, volatility = np.random.default_rng(4), 3000, 400, 0.01
    logs = np.cumsum(random.normal(0, volatility / math.sqrt(steps), bars * steps))
    paths = np.hstack(
        [np.r_[0.0, logs[steps - 1 : -1 : steps]][:, None], logs.reshape(bars, steps)]
    )
    panel = panel_of(
        {
            "open": np.exp(paths[:, 0]),
            "high": np.exp(paths.max(axis=1)),
            "low": np.exp(paths.min(axis=1)),
            "close": np.exp(paths[:, -1]),
        }
    )
    features = [parkinson(50), garman_klass(50), rogers_satchell(50), yang_zhang(50)]
    values = feature_matrix([*features, parkinson_ratio(50)], panel)[60:]
    np.testing.assert_allclose(values[:, :4].mean(axis=0), volatility, rtol=0.08)
    assert values[:, 4].mean() == pytest.approx(1, abs=0.08)
    # Ranges tell more of it than closes: the estimate spreads less.
    closes = panel.arrays["close"]
    moves = np.diff(np.log(closes))
    windows = np.lib.stride_tricks.sliding_window_view(moves, 50)[10:]
    assert (values[:, :3].std(axis=0) < 0.75 * windows.std(axis=1, ddof=1).std()).all()


def test_bars_without_a_range_have_no_volatility_and_no_ratio() -> None:
    flat = {name: [5.0] * 21 for name in ("open", "high", "low", "close")}
    for feature in (parkinson(21), garman_klass(21), rogers_satchell(21), yang_zhang(20)):
        bars = {name: values[: feature.window] for name, values in flat.items()}
        assert value_of(feature, **bars) == 0
    assert np.isnan(value_of(parkinson_ratio(20), high=flat["high"], low=flat["low"]))
