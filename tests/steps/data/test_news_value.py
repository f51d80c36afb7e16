"""News are worth to a forecast what the sample's oracle says, and nothing where they are noise.
Those of the hour that is forecast are worth more than any honest forecast can have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from pipelines.core.calendar import utc
from pipelines.features import inputs
from pipelines.forecasts import NASDAQ100_HOURLY, Forecast
from pipelines.forecasts.tables import FEATURE_TABLES
from pipelines.lake import Lake, companions
from pipelines.sentiment.choice import chosen_model
from pipelines.sources.sample import Sample, SampleNoise
from pipelines.steps import ingest, ingest_news, refresh_features, score_stories
from pipelines.steps.data.news_signals import refresh_news_signals
from tests.empty_lake import at, create_lake
from tests.steps.data.news_value import (
    FEATURES,
    HOUR,
    TOPIC,
    Gain,
    feature_rows,
    measure_gain,
    read_stories,
)

END = utc("2026-11-01")
START = utc("2025-11-01")
LONG_START = utc("2020-11-01")
SYMBOLS = ("SPY", "QQQ")
SHARE = 0.7  # of what the oracle says news add


def describe(gain: Gain) -> str:
    return (
        f"correlation {gain.without:.3f}, with news {gain.with_news:.3f}; the oracle's"
        f" {gain.oracle_without:.3f} and {gain.oracle_with:.3f}:"
        f" {gain.gained / (gain.possible or np.nan):.0%} of what news add"
    )


def test_news_add_what_the_oracle_says_and_those_of_the_hour_to_come_add_too_much() -> None:
    """A window joined by its start is read an hour too early, and is seen by what it gains."""
    source = Sample()
    stories = read_stories(source, START, END)
    for symbol in SYMBOLS:
        gain = measure_gain(source, symbol, stories, START, END)
        print(f"\n{symbol}: {describe(gain)}")
        assert gain.possible > 0.1
        assert SHARE * gain.possible <= gain.gained <= 1.05 * gain.possible
        early = measure_gain(source, symbol, stories, START, END, shift=HOUR)
        print(f"{symbol}, read an hour early: {describe(early)}")
        assert early.gained > 1.2 * early.possible, "more than the oracle: it saw the future"


def test_noise_adds_nothing() -> None:
    source, start = SampleNoise(), utc("2026-07-01")
    stories = read_stories(source, start, END)
    for shift in (timedelta(0), HOUR):
        gain = measure_gain(source, "SPY", stories, start, END, shift)
        print(f"\nnoise: {describe(gain)}")
        assert gain.possible == 0
        assert gain.with_news < 0.1, "two deviations of chance"


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [7, 1, 2, 3, 4])
def test_six_years_of_other_markets_give_the_same(seed: int) -> None:
    source = Sample(seed=seed)
    stories = read_stories(source, LONG_START, END)
    for symbol in SYMBOLS:
        gain = measure_gain(source, symbol, stories, LONG_START, END)
        early = measure_gain(source, symbol, stories, LONG_START, END, shift=HOUR)
        print(f"\nseed {seed}, {symbol}: {describe(gain)}; early: {describe(early)}")
        assert gain.gained >= SHARE * gain.possible
        assert early.gained > 1.2 * early.possible


# -- the same by way of a lake

DAYS = (utc("2026-10-12"), utc("2026-10-15"))
COUNT = next(n for n, feature in enumerate(FEATURES) if feature.name.endswith("article_count"))
FORECAST = Forecast(
    name="spy_and_news",
    meaning="SPY and the news",
    universe="spy",
    interval="1h",
    features=FEATURES,
    targets=(replace(NASDAQ100_HOURLY.targets[0], combinations=()),),
)


@pytest.fixture
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    config = at(tmp_path_factory.mktemp("news"))
    create_lake(config).close()
    with Lake(config, feature_tables=(*FEATURE_TABLES, FORECAST.table)) as lake:
        yield lake


def test_a_lake_gives_the_features_that_are_measured(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, (start, end) = Sample(), DAYS
    bars_start = start - timedelta(days=10)
    ingest(lake, source, ("SPY",), FORECAST.bar, bars_start, end)
    ingest_news(lake, source, TOPIC, start, end, as_of=end)
    score_stories(lake, source.name)
    model = chosen_model().model
    refresh_news_signals(lake, source.name, TOPIC, start, end, model=model)
    stories = read_stories(source, start, end)
    names = ", ".join(feature.name for feature in FEATURES)

    def compare(shift: timedelta) -> None:
        refresh_features(lake, FORECAST, source.name)
        stored = lake.rows(
            f"SELECT {names} FROM {FORECAST.table.full_name} WHERE ts >= ? ORDER BY ts", [start]
        )
        measured = feature_rows(source, "SPY", stories, bars_start, end, shift)[-len(stored) :]
        # A lake leaves out the few stories whose titles are near-equal.
        is_whole = np.array(stored, float)[:, COUNT] == measured[:, COUNT]
        assert (len(stored), is_whole.sum() >= 18) == (21, True)
        np.testing.assert_allclose(
            np.array(stored, float)[is_whole], measured[is_whole], rtol=1e-5, atol=1e-7
        )

    compare(timedelta(0))
    by_start = replace(inputs.NEWS, about="window_start", known_at="window_start")
    monkeypatch.setattr(
        companions, "group_by_dataset", lambda references: [(by_start, list(references))]
    )
    with lake.write("forget") as writer:
        writer.delete("meta.feature_state", "source = ?", [source.name])
    compare(HOUR)
