"""The first run brings its history, a later one the missing bars, and no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pyarrow as pa
import pytest

from pipelines.lake import Lake
from pipelines.steps.data import due
from tests.steps.scored_market import HOURLY, HOURS, SYMBOLS, Row, build_market, write_bars

ACTION_FORECAST = HOURLY.target_forecast()

HISTORY = timedelta(days=12)
START = HOURS[-1]
HISTORY_START = START - HISTORY


def write_run(
    lake: Lake, rows: list[Row], since: datetime | None = HISTORY_START, status: str = "ok"
) -> None:
    """Write bars to silver, and a run that requested all bars from an instant on."""
    write_bars(lake, "s", rows)
    if since is None:
        return
    row = {
        "run": "r",
        "step": "ingest",
        "source": "s",
        "about": HOURLY.name,
        "interval_start": since,
        "interval_end": START,
        "status": status,
        "counts": "{}",
        "finished_at": datetime.now(UTC),
    }
    with lake.write("run") as writer:
        writer.append("gold.runs", pa.Table.from_pylist([row]))


def until(last: datetime, symbols: tuple[str, ...] = SYMBOLS) -> list[Row]:
    return [row for row in build_market(symbols) if row["ts"] <= last]  # type: ignore[operator]


missing_since = partial(
    due.missing_since, forecast=HOURLY, source="s", symbols=SYMBOLS, start=START, history=HISTORY
)
look_back_since = partial(
    due.look_back_since, forecast=HOURLY, source="s", symbols=SYMBOLS, start=START
)


def test_the_first_run_brings_all(lake: Lake) -> None:
    assert missing_since(lake) == due.MissingBars(HISTORY_START, SYMBOLS, HISTORY_START)


@pytest.mark.parametrize(
    ("since", "status"), [(None, ""), (HISTORY_START, "failed"), (START, "ok")]
)
def test_bars_that_came_in_another_way_are_not_the_history(
    lake: Lake, since: datetime | None, status: str
) -> None:
    write_run(lake, build_market(), since, status)
    assert missing_since(lake).since == HISTORY_START


def test_a_later_run_goes_on_a_day_before_the_newest_bar(lake: Lake) -> None:
    write_run(lake, until(HOURS[-2]))
    missing_bars = missing_since(lake)
    assert (missing_bars.symbols, missing_bars.late) == (SYMBOLS, ())
    assert START - timedelta(days=2) < missing_bars.since < START - timedelta(hours=20)


def test_what_is_about_something_else_has_its_own_first_run(lake: Lake) -> None:
    write_run(lake, until(HOURS[-2]))
    assert missing_since(lake, about="fund QQQ 1h").since == HISTORY_START


def test_a_hole_is_asked_for_again(lake: Lake) -> None:
    hole = HOURS[-20]
    write_run(lake, [row for row in until(HOURS[-2]) if row["ts"] != hole])
    assert missing_since(lake).since == hole


def test_one_of_many_runs_a_day_goes_on_at_the_newest_bar(lake: Lake) -> None:
    hole, newest = HOURS[-20], HOURS[-2]
    rows = [row for row in until(newest) if row["ts"] != hole]
    write_run(lake, rows)
    newest_close = lake.rows("SELECT max(closes_at) FROM silver.bars")[0][0]
    assert missing_since(lake, only_new=True).since == newest_close
    assert missing_since(lake).since == hole


def test_the_first_of_many_runs_a_day_brings_all(lake: Lake) -> None:
    assert missing_since(lake, only_new=True).since == HISTORY_START


def test_symbols_that_lag_are_asked_for_from_where_they_stand(lake: Lake) -> None:
    write_run(lake, [*until(HOURS[-2], SYMBOLS[:2]), *until(HOURS[-30], SYMBOLS[:3])[-1:]])
    missing_bars = missing_since(lake)
    assert (missing_bars.symbols, missing_bars.late) == (SYMBOLS[:2], SYMBOLS[2:])
    assert missing_bars.late_since == HISTORY_START, "one of them has no bars at all"


def test_what_lies_before_a_bar_is_brought_only_where_it_is_not_there(lake: Lake) -> None:
    empty = look_back_since(lake)
    assert empty.since < START
    assert empty.symbols == SYMBOLS
    write_run(lake, build_market(SYMBOLS[:3]))
    missing_bars = look_back_since(lake)
    assert (missing_bars.since, missing_bars.symbols) == (START, SYMBOLS[:3])
    assert (missing_bars.late_since, missing_bars.late) == (empty.since, SYMBOLS[3:])


def scored(lake: Lake, closes: list[datetime]) -> None:
    rows = [
        {
            "forecast": HOURLY.name,
            "target": ACTION_FORECAST.label.name,
            "source": "s",
            "symbol": SYMBOLS[0],
            "interval": "1h",
            "ts": at - timedelta(hours=1),
            "closes_at": at,
            "timestamp_next": at + timedelta(hours=1),
            "role": "champion",
            "candidate": "c",
            "model_version": 1,
            "action": ACTION_FORECAST.label.classes[0],
            "score": 0.0,
            "expected_score": 0.0,
            "confidence": 0.5,
            "proven": True,
            "live": False,
            "scored_at": at,
        }
        for at in closes
    ]
    with lake.write("scored") as writer:
        writer.append("gold.predictions", pa.Table.from_pylist(rows))


def test_what_was_not_scored_begins_at_the_first_hole(lake: Lake) -> None:
    unscored = partial(due.unscored_since, forecast=HOURLY, source="s")
    write_bars(lake, "s", build_market())
    closes = [
        at.astimezone(UTC)
        for (at,) in lake.rows("SELECT DISTINCT closes_at FROM silver.bars ORDER BY 1")
    ]
    assert unscored(lake, before=closes[-1]) is None
    scored(lake, closes[4:10])
    assert unscored(lake, before=closes[-1]) == closes[9], "those before the first do not count"
    scored(lake, closes[12:-1])
    assert unscored(lake, before=closes[-1]) == closes[9]
    scored(lake, closes[10:12])
    assert unscored(lake, before=closes[-1]) == closes[-2]
