"""Publishing: live rows stay, late constituents join them, and two writers publish once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.core.calendar import calendar, interval_of, utc
from pipelines.forecasts import Forecast
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.lake import open_lake
from pipelines.steps.scoring.score import score
from tests import models
from tests.laws import law
from tests.steps.scored_market import (
    END,
    HISTORY,
    HOURLY,
    HOURS,
    SYMBOLS,
    TRAINED,
    all_rows,
    build_market,
    create_source,
    rows_of,
    write_bars,
)
from tests.steps.scoring.test_score import (
    CLOSED,
    LAST,
    SOON,
    forget,
    lake,
    promote_model,
    registry,
    score_source,
)

__all__ = ["lake", "registry"]  # fixtures
TABLES = ("gold.predictions", "gold.index_signals")


def test_what_is_live_stays_and_late_constituents_join_it(lake: Lake, registry: Registry) -> None:
    late = [row for row in build_market() if (row["symbol"], row["ts"]) == (SYMBOLS[0], LAST)]
    source = create_source(lake, [row for row in build_market() if row not in late])
    model = promote_model(lake, registry, source)
    first = score_source(lake, registry, source, now=SOON)
    assert (first.written, first.live) == (6, 6)
    assert first.not_scored["no_bar"][SYMBOLS[0]] == 1
    published = all_rows(lake, source)
    assert score_source(lake, registry, source, now=SOON).written == 0, "a retry changes nothing"
    assert all_rows(lake, source) == published

    write_bars(lake, source, late)
    # Another model by then: the constituents published keep what was said of them.
    other_model = replace(model, version=9, challengers={})
    models.decide(lake, HOURLY, source, other_model, CLOSED - timedelta(hours=1))
    again = score_source(lake, registry, source, now=SOON + timedelta(minutes=1))
    assert (again.written, again.published, again.signals) == (1, 3, 0)
    predictions, signals, parts = all_rows(lake, source)
    assert [row for row in predictions if row["model_version"] == 1] == published[0]
    assert (signals, parts) == (published[1], published[2])

    models.decide(lake, HOURLY, source, model, CLOSED - timedelta(minutes=1))
    before = all_rows(lake, source, live=True)
    report = score_source(lake, registry, source, end=CLOSED, now=END + timedelta(days=3))
    assert (report.written, report.live, report.signals) == (8, 0, 2)
    assert all_rows(lake, source, live=True) == before
    assert [signal.live for signal in report.newest] == [True, True], (
        "the published signals are reported"
    )


def test_rows_name_the_source_of_the_news_that_features_read(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = create_source(lake, build_market())
    promote_model(lake, registry, source)
    score_source(lake, registry, source, end=CLOSED, now=END + timedelta(days=3))
    read = f"SELECT DISTINCT news_source FROM {{}} WHERE source = '{source}'"
    assert [lake.rows(read.format(table)) for table in TABLES] == [[(None,)]] * 2
    monkeypatch.setattr(Forecast, "news_source", lambda _, own: f"news of {own}")
    score_source(lake, registry, source, end=CLOSED, now=END + timedelta(days=3))
    assert [lake.rows(read.format(table)) for table in TABLES] == [[(f"news of {source}",)]] * 2


def test_a_clock_set_back_makes_nothing_live(lake: Lake, registry: Registry) -> None:
    source = create_source(lake, build_market())
    promote_model(lake, registry, source)
    report = score_source(lake, registry, source, now=HOURS[-3] + timedelta(minutes=1))
    assert (report.bars, report.scored, report.live) == (1, 4, 0)


def with_horizon(horizon: int) -> Forecast:
    """The hourly forecast with a label of another horizon."""
    target = HOURLY.targets[0]
    label = replace(target.label, horizon=horizon)  # type: ignore[type-var]
    return replace(HOURLY, targets=(replace(target, label=label),))


# The last bars of a session, those before a weekend, and the first ones after it.
AROUND_THE_WEEKEND = [at for at in HOURS if utc("2026-08-20T18:00+00:00") < at][:14]


@law(4)
@given(
    st.integers(1, 60),
    st.sampled_from(AROUND_THE_WEEKEND),
    st.one_of(
        st.sampled_from([timedelta(microseconds=-1), timedelta(0)]),
        st.timedeltas(timedelta(hours=-1), timedelta(days=3)),
    ),
)
@example(30, utc("2026-08-21T17:30+00:00"), timedelta(0))  # long before the horizon is over
@example(1, utc("2026-08-21T19:30+00:00"), timedelta(microseconds=-1))  # a weekend before Monday
def test_a_row_is_live_until_the_next_own_bar_closes_whatever_the_horizon(
    lake: Lake, registry: Registry, horizon: int, ts: datetime, late: timedelta
) -> None:
    forecast = with_horizon(horizon)
    source = create_source(lake, [row for row in build_market() if row["ts"] <= ts])  # type: ignore[operator]
    model = models.store_verified(registry, forecast, models.body(forecast), horizon)
    models.decide(lake, forecast, source, model, TRAINED)
    bars = calendar().bars(interval_of("1h"), ts, ts + timedelta(days=6))
    closes, next_close = (utc(f"{at}+00:00") for at in bars.closes_at[:2])
    now = max(next_close + late, closes)
    in_time = now < next_close
    report = score(lake, registry, forecast, source, end=closes, now=now)
    assert (report.written, report.live) == (4, 4 * in_time)
    predictions, signals, parts = all_rows(lake, source)
    assert {row["live"] for row in (*predictions, *signals, *parts)} == {in_time}
    delay = (now - closes).total_seconds() if in_time else None
    for table in ("predictions", "index_signals"):
        rows = lake.rows(
            f"SELECT DISTINCT delay_seconds FROM gold.{table} WHERE source = ?", [source]
        )
        assert rows == [(delay,)]
    assert {signal.delay_seconds for signal in report.newest} == {delay}
    assert report.counts["delay_seconds"] == delay
    forget(lake, source)


def test_two_at_once_publish_one_result(lake: Lake, registry: Registry) -> None:
    source = create_source(lake, build_market())
    promote_model(lake, registry, source)
    start, barrier = HISTORY, Barrier(2)

    def score_in_thread(_: int) -> None:
        with open_lake(lake.config) as own_lake:
            barrier.wait()
            score(own_lake, registry, HOURLY, source, start=start, end=END, now=SOON)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(score_in_thread, range(2)))
    twice = all_rows(lake, source)
    forget(lake, source)
    score_source(lake, registry, source, start=start, end=END, now=SOON)
    assert all_rows(lake, source) == twice
    assert len(rows_of(lake, source, live=True)) == 8
