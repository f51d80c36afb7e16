"""Plausible bars for features."""

from __future__ import annotations

import numpy as np

from pipelines.features import SETS, Panel, feature_matrix
from pipelines.features.base import collect_references
from pipelines.features.inputs import BARS

FEATURES = {feature.name: feature for features in SETS for feature in features}
REFERENCES = collect_references(tuple(FEATURES.values()))
# What features read of their own bars, but for the time: what a test can change.
MOVABLE = ("open", "high", "low", "close", "volume", "bid", "ask", "place")


def walk(seed: int, bars: int) -> dict[str, np.ndarray]:
    """Plausible bars of one symbol."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, bars)))
    open_ = close * np.exp(random.normal(0, 0.005, bars))
    place = np.arange(bars) % 7
    beside = {}
    for subject in dict.fromkeys(r.subject for r in REFERENCES if r.dataset == BARS):
        other = 50 * np.exp(np.cumsum(random.normal(0, 0.01, bars)))
        beside |= {f"{subject}.close": other, f"{subject}.log_close": np.log(other)}
    for reference in (r for r in REFERENCES if r.dataset != BARS):
        beside[reference.name] = random.uniform(0, 1, bars)
    half_spread = 0.01 * random.integers(1, 4, bars)
    middle = close + half_spread * random.uniform(-1, 1, bars)
    return beside | {
        "open": open_,
        "high": np.maximum(open_, close) * (1 + random.exponential(0.002, bars)),
        "low": np.minimum(open_, close) * (1 - random.exponential(0.002, bars)),
        "close": close,
        "volume": random.integers(1, 10_000, bars).astype(float),
        "bid": middle - half_spread,
        "ask": middle + half_spread,
        "place": place.astype(float),
        "session_start": place == 0,
        "session_bars": np.full(bars, 7.0),
        "weekday": (np.arange(bars) // 7 % 5).astype(float),
    }


def panel_of(*symbols: dict[str, np.ndarray]) -> Panel:
    """Put symbols end to end."""
    arrays = {name: np.concatenate([s[name] for s in symbols]) for name in symbols[0]}
    lengths = [len(s["close"]) for s in symbols]
    return Panel(arrays, np.cumsum([0, *lengths])[:-1])


def cut(bars: dict[str, np.ndarray], first: int, last: int | None = None) -> dict[str, np.ndarray]:
    return {name: values[first:last] for name, values in bars.items()}


def assert_values(bars: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Compare features with their expected values, from the first bar that has all of them."""
    for name, values in expected.items():
        first = FEATURES[name].look_back
        column = feature_matrix([FEATURES[name]], panel_of(bars))[:, 0]
        assert np.isnan(column[:first]).all(), name
        np.testing.assert_allclose(
            column[first:], values[first:], rtol=2e-6, atol=1e-9, err_msg=name
        )
