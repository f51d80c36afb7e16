"""Features kept in step with silver: a part refreshed is as the whole computed anew."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import FORECASTS, Forecast
from pipelines.lake import Lake
from pipelines.steps import refresh_features
from tests.dated_universe import write_universe
from tests.empty_lake import lake_of_a_module
from tests.laws import law
from tests.scripted import bar_row
from tests.steps.forecast_market import HOURS, build_market, market_rows, write_bars

HOURLY = next(f for f in FORECASTS if f.interval == "1h")
fresh_name = (f"source_{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake


def features(lake: Lake, forecast: Forecast, name: str) -> list[tuple[object, ...]]:
    columns = ", ".join(f'"{c.name}"' for c in forecast.table.columns if c.name != "batch")
    return lake.rows(
        f"SELECT {columns} FROM {forecast.table.full_name} WHERE source = ? ORDER BY symbol, ts",
        [name],
    )


def recompute(lake: Lake, forecast: Forecast, name: str) -> list[tuple[object, ...]]:
    with lake.write("forget") as writer:
        writer.delete("meta.feature_state", "source = ?", [name])
    assert refresh_features(lake, forecast, name).whole
    return features(lake, forecast, name)


def test_a_first_refresh_has_a_row_for_every_bar(lake: Lake) -> None:
    name = next(fresh_name)
    write_bars(lake, name, market_rows())
    refresh = refresh_features(lake, HOURLY, name)
    assert (refresh.symbols, refresh.written) == (3, 3 * len(HOURS))
    rows = lake.rows(
        f"""SELECT count(*) FILTER (WHERE volatility_20 IS NULL),
                   count(*) FILTER (WHERE outcome_action IS NULL),
                   bool_and(known_at_action > closes_at)
            FROM {HOURLY.table.full_name} WHERE source = ?""",
        [name],
    )
    # 20 bars to look back at, 20 to scale an outcome by, and the last has none yet.
    assert rows == [(3 * 20, 3 * 21, True)]


def test_one_more_bar_reads_a_window_and_not_the_history(lake: Lake) -> None:
    name = next(fresh_name)
    rows = market_rows()
    write_bars(lake, name, [r for r in rows if r["ts"] != HOURS[-1]])
    refresh_features(lake, HOURLY, name)
    write_bars(lake, name, [r for r in rows if r["ts"] == HOURS[-1]])
    refresh = refresh_features(lake, HOURLY, name)
    assert refresh.written == 3 * 2, "the new bar, and the one whose outcome it decides"
    assert refresh.read < 3 * len(HOURS)
    assert features(lake, HOURLY, name) == recompute(lake, HOURLY, name)
    assert refresh_features(lake, HOURLY, name).symbols == 0, "and then there is nothing to do"


def test_a_corrected_bar_is_in_every_row_that_looks_at_it(lake: Lake) -> None:
    name = next(fresh_name)
    rows = market_rows()
    write_bars(lake, name, rows)
    refresh_features(lake, HOURLY, name)
    write_bars(lake, name, [bar_row("MSFT", HOURS[100], 111.0)])
    refresh = refresh_features(lake, HOURLY, name)
    assert (refresh.symbols, refresh.written) == (1, 1 + 1 + 20), "before it, itself, and after it"
    assert features(lake, HOURLY, name) == recompute(lake, HOURLY, name)


def test_a_split_found_later_is_in_every_feature(lake: Lake) -> None:
    name = next(fresh_name)
    at = utc("2026-09-01")
    old = [r for r in market_rows(("AAPL",)) if r["ts"] < at]  # type: ignore[operator]
    write_bars(lake, name, old, received_at=datetime(2026, 8, 31, 22, tzinfo=UTC))
    refresh_features(lake, HOURLY, name)
    before = features(lake, HOURLY, name)
    split = {"symbol": "AAPL", "date": date(2026, 9, 1), "kind": "split", "value": 4.0}
    later = [bar_row("AAPL", ts, 25 + i / 100) for i, ts in enumerate(h for h in HOURS if h >= at)]
    write_bars(lake, name, later, actions=[split])
    refresh_features(lake, HOURLY, name)
    after = features(lake, HOURLY, name)
    assert after == recompute(lake, HOURLY, name)
    returns = [column.name for column in HOURLY.table.columns].index("log_return_1")
    changed = max(
        abs(float(str(a[returns])) - float(str(b[returns])))
        for a, b in zip(before[1:], after[1:], strict=False)
    )
    assert changed < 1e-6, "a return does not know in which shares it is counted"


parts = st.lists(st.sampled_from(["day", "bar", "fix", "spike"]), min_size=2, max_size=6)


@pytest.mark.parametrize("forecast", FORECASTS, ids=lambda row: row.name)
@law(4)
@given(parts, st.data())
def test_a_refresh_in_parts_equals_the_whole(
    lake: Lake, forecast: Forecast, steps: list[str], data: st.DataObject
) -> None:
    """Whatever comes, in whatever order, missing bars, corrections and spikes included."""
    name, interval = next(fresh_name), forecast.interval
    rows = build_market(forecast)
    holes = data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=15))
    rows = [r for i, r in enumerate(rows) if i not in holes]
    days = sorted({r["ts"].date() for r in rows})  # type: ignore[attr-defined]
    late_days = data.draw(st.sets(st.sampled_from(days), max_size=3))
    early_rows = [r for r in rows if r["ts"].date() not in late_days]  # type: ignore[attr-defined]
    write_bars(lake, name, early_rows, interval=interval)
    refresh_features(lake, forecast, name)
    for step in steps:
        if step == "day" and late_days:
            day = min(late_days)
            late_days.discard(day)
            changed = [r for r in rows if r["ts"].date() == day]  # type: ignore[attr-defined]
        else:
            row = dict(rows[data.draw(st.integers(0, len(rows) - 1))])
            factor = {"fix": 1.01, "spike": 100.0}.get(step, 1.0)
            for price in ("open", "high", "low", "close"):
                row[price] = float(str(row[price])) * factor
            changed = [row]
        write_bars(lake, name, changed, interval=interval)
        refresh_features(lake, forecast, name)
    rows_in_parts = features(lake, forecast, name)
    # At the most three of six days never came.
    assert len(rows_in_parts) > sum(row["symbol"] in forecast.symbols for row in rows) // 3
    assert repr(rows_in_parts) == repr(recompute(lake, forecast, name))


def test_symbols_of_two_exchanges_are_refused_and_nothing_is_written(lake: Lake) -> None:
    name = next(fresh_name)
    write_bars(lake, name, market_rows())
    with lake.write("another exchange") as writer:
        writer.touch("silver.series")
        writer.run(
            "UPDATE silver.series SET calendar = 'XLON' WHERE source = ? AND symbol = "
            "(SELECT max(symbol) FROM silver.series WHERE source = ?)",
            [name, name],
        )
    with pytest.raises(InvalidRequest, match="do not share one calendar and grid"):
        refresh_features(lake, HOURLY, name)
    assert features(lake, HOURLY, name) == []


def test_a_symbol_that_joins_the_universe_has_all_its_bars_computed(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bars may have been there before it joined, and have not changed since."""
    name = next(fresh_name)
    combined = replace(HOURLY.targets[0], combinations=())
    write_universe(tmp_path / "two", monkeypatch, "mine", "AAPL,,,", "MSFT,,,")
    mine = replace(HOURLY, universe="mine", targets=(combined,))
    write_bars(lake, name, market_rows())
    assert refresh_features(lake, mine, name).written == 2 * len(HOURS)
    for folder, symbols in (("three", 1), ("fewer", 0), ("again", 1)):
        lines = ["AAPL,,,", "MSFT,,,"] + ["NVDA,,2026-09-01,"] * symbols
        write_universe(tmp_path / folder, monkeypatch, "mine", *lines)
        refresh = refresh_features(lake, mine, name)
        assert (refresh.symbols, refresh.written) == (symbols, symbols * len(HOURS)), folder
        assert refresh_features(lake, mine, name).symbols == 0
