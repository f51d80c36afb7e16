"""The newest rows of a snapshot: which are read, which are stale, and which paths they answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from pipelines.forecasts import FORECASTS, NVDA_5M
from pipelines.forecasts.target import Schedule
from pipelines.lake import View
from serving.state.cache import SignalCache, calendar_fields, load
from tests.serving.daily import DAILY
from tests.serving.scored_api import LAST_CLOSE, NIGHT, SOURCE
from tests.steps.scored_market import HOURLY, SYMBOLS

GRACE = timedelta(minutes=5)


@pytest.fixture(scope="module")
def cache(view: View) -> SignalCache:
    return load(view, FORECASTS, SOURCE, GRACE, NIGHT)


def test_the_newest_prediction_of_each_symbol_and_target_is_cached(
    view: View, cache: SignalCache
) -> None:
    hourly, daily = cache.forecasts[HOURLY.name], cache.forecasts[DAILY.name]
    assert set(hourly.predictions) == set(SYMBOLS)
    (targets,) = daily.predictions.values()
    assert set(targets) == set(DAILY.target_names)
    for forecast in (hourly, daily):
        newest = view.one(
            "SELECT max(ts) FROM gold.predictions WHERE forecast = ? AND role = 'champion'",
            [forecast.forecast.name],
        )
        assert {row["ts"] for row in forecast.newest_rows.values()} == {newest}
        assert forecast.newest_bar == LAST_CLOSE
        assert {model.model_version for model in forecast.models.values()} == {1}


def test_the_members_of_a_signal_are_ordered_by_weight_and_sum_to_it(cache: SignalCache) -> None:
    signal = cache.forecasts[HOURLY.name].signals["qqq"]
    members = signal["members"]
    assert {member["symbol"] for member in members} == set(SYMBOLS)
    weights = [member["weight"] for member in members]
    assert weights == sorted(weights, reverse=True)
    assert sum(member["contribution"] for member in members) == pytest.approx(signal["wss"])


def test_polled_paths_have_the_answer_of_their_forecast(cache: SignalCache) -> None:
    hourly = cache.forecasts[HOURLY.name]
    for path in ("/signal/index", f"/forecasts/{HOURLY.name}/signal"):
        for query in (b"", b"universe=qqq"):
            assert cache.hot[path, query] is hourly.ready["qqq"]
    assert cache.hot["/predict/component", b"symbol=NVDA"] is hourly.symbols["NVDA"]
    features = cache.hot[f"/forecasts/{HOURLY.name}/features", b"symbol=NVDA"]
    assert features is hourly.vectors["NVDA"]
    latest = orjson.loads(cache.hot[f"/forecasts/{DAILY.name}/latest", b""].body(NIGHT.timestamp()))
    assert latest["forecast"] == DAILY.name
    daily = cache.forecasts[DAILY.name]
    assert cache.hot[f"/forecasts/{DAILY.name}/signal", b""] is daily.ready["aapl"]
    assert ("/forecasts/nvda_5m/signal", b"") not in cache.hot, "nothing of it was scored"


def test_a_source_without_rows_has_no_answers(view: View) -> None:
    cache = load(view, FORECASTS, "yahoo", GRACE, NIGHT)
    assert cache.hot == {}
    assert (cache.sample, cache.marks["notices"]) == (False, [])
    for forecast in cache.forecasts.values():
        assert forecast.newest_bar is forecast.latest is forecast.stale(NIGHT.timestamp()) is None


def test_a_forecast_is_stale_with_the_first_of_its_predictions(cache: SignalCache) -> None:
    forecast = cache.forecasts[HOURLY.name]
    stale_at = min(row["stale_at"] for row in forecast.newest_rows.values()).timestamp()
    assert not forecast.stale(stale_at - 1)
    assert forecast.stale(stale_at)


@pytest.mark.parametrize(
    ("ts", "closes_at", "next_close", "over_night"),
    [
        ("2026-08-31T18:30", "2026-08-31T19:30", "2026-08-31T20:00", False),
        ("2026-08-31T19:30", "2026-08-31T20:00", "2026-09-01T14:30", True),
        ("2025-11-28T17:30", "2025-11-28T18:00", "2025-12-01T15:30", True),  # over a weekend
    ],
)
def test_a_row_turns_stale_when_the_next_bar_should_be_scored(
    ts: str, closes_at: str, next_close: str, over_night: bool
) -> None:
    times = {"ts": ts, "closes_at": closes_at, "timestamp_next": next_close}
    row = {name: datetime.fromisoformat(at).replace(tzinfo=UTC) for name, at in times.items()}
    fields = calendar_fields(HOURLY, row, GRACE)
    assert fields["stale_at"] == row["timestamp_next"] + HOURLY.schedule.grace + GRACE
    assert fields["spans_night"] is over_night


@pytest.mark.parametrize(
    ("ts", "next_run"),
    [
        ("2026-08-31T13:44", "2026-08-31T14:00"),  # the last bar of a run
        ("2026-08-31T13:40", "2026-08-31T13:45"),  # scored by hand amid a run
        ("2026-08-31T19:59", "2026-09-01T13:45"),  # the last of the session
    ],
)
def test_with_a_run_every_quarter_a_row_turns_stale_when_the_next_run_should_have_scored(
    ts: str, next_run: str
) -> None:
    schedule = Schedule(grace=timedelta(seconds=5), every=timedelta(minutes=15))
    forecast = replace(NVDA_5M, interval="1m", schedule=schedule)
    opens, due = (datetime.fromisoformat(at).replace(tzinfo=UTC) for at in (ts, next_run))
    closes_at = opens + timedelta(minutes=1)
    row = {"ts": opens, "closes_at": closes_at, "timestamp_next": closes_at + timedelta(minutes=1)}
    assert calendar_fields(forecast, row, GRACE)["stale_at"] == due + schedule.grace + GRACE
