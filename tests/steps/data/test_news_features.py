"""Features of news in a forecast's table: nothing known later changes them, late and corrected
stories included; and a window joined by its start is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.calendar import calendar, utc
from pipelines.features import Feature, inputs
from pipelines.features.news import news_signals
from pipelines.features.returns import log_return
from pipelines.forecasts import NASDAQ100_HOURLY, Forecast
from pipelines.forecasts.tables import FEATURE_TABLES
from pipelines.lake import Lake, companions
from pipelines.steps import refresh_features
from pipelines.steps.data.news_signals import refresh_news_signals
from tests.empty_lake import at, create_lake
from tests.steps.data.news_stories import (
    GLAD,
    MODEL,
    SAD,
    SOURCE,
    TOPIC,
    minutes,
    story,
    write_stories,
)
from tests.steps.forecast_market import market_rows, write_bars

FEATURES: tuple[Feature, ...] = (log_return(1), *news_signals(TOPIC))
FORECAST = Forecast(
    name="news_hourly",
    meaning="A company and the news",
    universe="nasdaq100",
    interval="1h",
    features=FEATURES,
    targets=(replace(NASDAQ100_HOURLY.targets[0], combinations=()),),
)
CLOSES = [
    close.replace(tzinfo=UTC)
    for close in calendar()
    .bars(FORECAST.bar, utc("2026-08-03"), utc("2026-08-08"))
    .closes_at.tolist()
]
START, END = CLOSES[0] - minutes(120), CLOSES[-1] + minutes(120)
SENTIMENT, COUNT, FLAG = (
    f"news_{TOPIC}_avg_sentiment",
    f"news_{TOPIC}_article_count",
    f"has_news_{TOPIC}_avg_sentiment",
)


@contextmanager
def news_lake(folder: Path) -> Iterator[Lake]:
    create_lake(at(folder)).close()
    with Lake(at(folder), feature_tables=(*FEATURE_TABLES, FORECAST.table)) as lake:
        write_bars(lake, SOURCE, [r for r in market_rows(("AAPL",)) if r["ts"] < END])
        yield lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with news_lake(tmp_path / "news") as lake:
        yield lake


def signals(lake: Lake, start: datetime, end: datetime, now: datetime) -> None:
    refresh_news_signals(lake, SOURCE, TOPIC, start, end, model=MODEL, now=now)


def features(lake: Lake) -> dict[datetime, tuple[Any, ...]]:
    """Return the features of news of each bar, by its close."""
    refresh_features(lake, FORECAST, SOURCE)
    rows = lake.rows(
        f"SELECT closes_at, {SENTIMENT}, {COUNT}, {FLAG} FROM {FORECAST.table.full_name}"
    )
    return {close.astimezone(UTC): tuple(values) for close, *values in rows if close <= END}


def test_a_bar_sees_the_news_of_the_hour_that_had_ended(lake: Lake) -> None:
    close = CLOSES[3]
    write_stories(lake, story("a", close - minutes(20)))
    write_stories(lake, story("b", close + minutes(1)), probabilities=SAD)
    signals(lake, START, END, END + minutes(60))
    rows = features(lake)
    assert rows[close] == pytest.approx((0.7, 1, 1))
    assert rows[CLOSES[2]] == (0, 0, 1)
    # Of two stories the next bar sees what was known in the hour up to the newest window's end.
    assert rows[CLOSES[4]] == pytest.approx((-0.6, 1, 1))


def test_bars_without_windows_are_neutral_and_flagged(lake: Lake) -> None:
    assert set(features(lake).values()) == {(0, 0, 0)}


def test_bars_are_joined_with_the_news_that_their_source_names(lake: Lake) -> None:
    """Yahoo has no news of its own, and names gdelt."""
    close = CLOSES[3]
    write_bars(lake, "yahoo", [r for r in market_rows(("AAPL",)) if r["ts"] < END])
    write_stories(lake, story("a", close - minutes(20)))
    signals(lake, START, END, END + minutes(60))
    refresh_features(lake, FORECAST, "yahoo")
    query = f"SELECT {SENTIMENT}, {FLAG} FROM {FORECAST.table.full_name} WHERE closes_at = ?"
    assert lake.rows(f"{query} AND source = 'yahoo'", [close]) == [(0, 0)]
    with lake.write("as gdelt's") as writer:
        writer.touch("gold.news_signals")
        writer.run("UPDATE gold.news_signals SET source = 'gdelt', batch = ?", [writer.batch])
    refresh_features(lake, FORECAST, "yahoo")
    assert lake.rows(f"{query} AND source = 'yahoo'", [close]) == [(pytest.approx(0.7), 1)]
    assert FORECAST.news_source("yahoo") == "gdelt"


def run_live(lake: Lake, until: datetime) -> None:
    """Compute each window a minute after its end, as it is done live."""
    end = START
    while end < until:
        end += timedelta(minutes=15)
        signals(lake, end - timedelta(minutes=15), end, end + minutes(1))


def test_late_and_corrected_stories_change_nothing_that_was_seen(lake: Lake) -> None:
    close = CLOSES[3]
    write_stories(lake, story("a", close - minutes(20)))
    run_live(lake, CLOSES[4])
    before = features(lake)
    assert before[close] == pytest.approx((0.7, 1, 1))
    # A story of that hour comes two hours late, and the first is corrected.
    late = CLOSES[4] + minutes(30)
    write_stories(lake, story("b", close - minutes(10), received_at=late), probabilities=SAD)
    write_stories(
        lake,
        story("a", close - minutes(20), corrections=1, corrected_title="No", corrected_at=late),
    )
    signals(lake, START, late, late + minutes(1))
    restated = lake.rows("SELECT count(*) FROM gold.news_signals WHERE known_at > window_end")
    assert restated[0][0] > 0
    after = features(lake)
    assert {at: values for at, values in after.items() if at <= CLOSES[4]} == {
        at: values for at, values in before.items() if at <= CLOSES[4]
    }


def test_a_window_joined_by_its_start_is_noticed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The law above fails on the mistake that others have made."""
    close = CLOSES[3]
    write_stories(lake, story("a", close + minutes(20)), probabilities=GLAD)
    signals(lake, START, END, END + minutes(60))
    assert features(lake)[close] == (0, 0, 1)
    by_start = replace(inputs.NEWS, about="window_start", known_at="window_start")
    monkeypatch.setattr(
        companions, "group_by_dataset", lambda references: [(by_start, list(references))]
    )
    with lake.write("forget") as writer:
        writer.delete("meta.feature_state", "source = ?", [SOURCE])
    assert features(lake)[close] != (0, 0, 1)
