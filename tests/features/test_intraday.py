"""The set of minutes: how many, which families, and what it needs."""

from __future__ import annotations

import numpy as np

from pipelines.features import FAMILIES, INTRADAY, INTRADAY_MARKET, feature_matrix, look_back
from tests.features.bars import panel_of, walk


def test_there_are_114_each_of_one_family_with_unit_window_and_formula() -> None:
    assert len(INTRADAY) == len({feature.name for feature in INTRADAY}) == 114
    assert sorted(f.name for family in FAMILIES.values() for f in family) == sorted(
        f.name for f in INTRADAY
    )
    for feature in INTRADAY:
        assert feature.formula, feature.name
        assert feature.unit, feature.name
    assert look_back(INTRADAY) == 249


def test_the_features_of_the_market_read_no_news_and_come_first() -> None:
    assert INTRADAY[: len(INTRADAY_MARKET)] == INTRADAY_MARKET
    assert not [f.name for f in INTRADAY_MARKET if f.references]
    assert all(f.references for f in FAMILIES["News"])
    assert len(FAMILIES["News"]) == 10


def test_no_two_say_the_same() -> None:
    """A copy of another column is a feature in name only."""
    bars = walk(9, 3000)
    bars["session_bars"] = np.repeat(np.tile([7.0, 9.0, 8.0], 200), 7)[:3000]  # not all are alike
    market = feature_matrix(INTRADAY_MARKET, panel_of(bars))[249:].astype(float)
    correlation = np.abs(np.corrcoef(market.T)) - np.eye(market.shape[1])
    names = [f.name for f in INTRADAY_MARKET]
    first, second = np.unravel_index(correlation.argmax(), correlation.shape)
    pairs = sorted((names[a], names[b]) for a, b in np.argwhere(correlation > 0.9999) if a < b)
    assert pairs == [], f"closest: {names[first]} and {names[second]}"


def test_news_that_are_missing_are_neutral_and_flagged_and_the_market_is_not() -> None:
    bars = walk(10, 300)
    for name in [name for name in bars if name.startswith("news(")]:
        bars[name][-1] = np.nan
    values = dict(
        zip((f.name for f in INTRADAY), feature_matrix(INTRADAY, panel_of(bars))[-1], strict=True)
    )
    assert np.isfinite(list(values.values())).all()
    news = {f.name: values[f.name] for f in FAMILIES["News"]}
    assert news.pop("news_sp500_story_age") == 3600
    assert set(news.values()) == {0}
