"""What the index did after each signal: by the fund, else by the members; it follows the bars."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.universes import universe
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.scoring.outcomes import refresh_outcomes
from pipelines.steps.scoring.score import score
from tests import models
from tests.empty_lake import lake_of_a_module
from tests.laws import law
from tests.scripted import bar_row
from tests.steps.scored_market import (
    END,
    HOURLY,
    HOURS,
    SYMBOLS,
    TRAINED,
    Row,
    all_rows,
    build_market,
    create_source,
    remove_bar,
    rows_of,
    write_bars,
    write_weights,
)
from tests.steps.served import fresh_registry

FUND = universe("qqq").fund
SINCE = HOURS[-40]
SCORED = [at for at in HOURS if at > SINCE]
WEIGHTS = dict(zip(SYMBOLS, (0.4, 0.3, 0.2, 0.1), strict=True))
AFTER = dict(pairwise(HOURS))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return fresh_registry(tmp_path_factory.mktemp("mlflow"))


def fund_rows() -> list[Row]:
    return [bar_row(FUND, ts, 400 + 7 * math.cos(i / 3), 900) for i, ts in enumerate(HOURS)]


def create_signals(lake: Lake, registry: Registry, rows: list[Row]) -> str:
    """A source whose last bars have signals, and no outcomes yet."""
    source = create_source(lake, rows, weights=False)
    write_weights(lake, source, WEIGHTS)
    model = models.store_verified(registry, HOURLY, models.body(HOURLY), 1)
    models.decide(lake, HOURLY, source, model, TRAINED)
    score(lake, registry, HOURLY, source, start=SINCE + timedelta(hours=1), end=END, now=END)
    return source


def outcomes(lake: Lake, source: str, universe_name: str = "qqq") -> dict[datetime, Row]:
    rows = rows_of(lake, source, "index_outcomes")
    return {row["ts"]: row for row in rows if row["universe"] == universe_name}  # type: ignore[misc]


def closes(rows: list[Row]) -> dict[tuple[object, object], float]:
    return {(row["symbol"], row["ts"]): float(str(row["close"])) for row in rows}


def members_return(close: dict[tuple[object, object], float], ts: datetime) -> float:
    """The members' mean return by weight, of those that have both bars."""
    ratios = {
        symbol: close[symbol, AFTER[ts]] / close[symbol, ts]
        for symbol in SYMBOLS
        if (symbol, ts) in close and (symbol, AFTER[ts]) in close
    }
    total = sum(WEIGHTS[symbol] for symbol in ratios)
    return math.log(sum(WEIGHTS[s] * ratio for s, ratio in ratios.items()) / total)


def test_each_signal_has_the_return_of_the_fund_or_else_of_the_members(
    lake: Lake, registry: Registry
) -> None:
    hole = HOURS[-10]
    rows = build_market() + [row for row in fund_rows() if row["ts"] != hole]
    source, close = create_signals(lake, registry, rows), closes(rows)
    published = all_rows(lake, source)
    report = refresh_outcomes(lake, registry, HOURLY, source)
    rows_by_bar = outcomes(lake, source)
    signals = {row["ts"] for row in rows_of(lake, source, "index_signals")}
    assert set(rows_by_bar) == signals - {HOURS[-1]}, "the newest is not known yet"
    for ts, row in rows_by_bar.items():
        of_members = hole in (ts, AFTER[ts])
        expected = members_return(close, ts) if of_members else math.log(
            close[FUND, AFTER[ts]] / close[FUND, ts]
        )  # fmt: skip
        assert row["origin"] == ("members" if of_members else FUND)
        assert row["next_return"] == pytest.approx(expected, abs=1e-12)
        assert row["spans_night"] == (AFTER[ts].date() != ts.date())
        next_minutes = 30 if AFTER[ts].hour == 19 else 60
        assert row["known_at"] == AFTER[ts] + timedelta(minutes=next_minutes)
    assert set(outcomes(lake, source, "nasdaq100")) == set(rows_by_bar)
    count = len(rows_by_bar)
    assert report.index_written == {FUND: 2 * (count - 2), "members": 4}
    assert f"{2 * (count - 2)} by {FUND}, 4 by members" in report.summary()
    assert all_rows(lake, source) == published
    snapshot = lake.snapshot
    refresh_outcomes(lake, registry, HOURLY, source)
    assert lake.snapshot == snapshot, "then nothing is to do"


def test_without_a_fund_the_members_that_have_both_bars_count(
    lake: Lake, registry: Registry
) -> None:
    hole = HOURS[-5]
    rows = [row for row in build_market() if (row["symbol"], row["ts"]) != (SYMBOLS[0], hole)]
    source = create_signals(lake, registry, rows)
    refresh_outcomes(lake, registry, HOURLY, source)
    for ts, row in outcomes(lake, source).items():
        assert row["origin"] == "members"
        assert row["next_return"] == pytest.approx(members_return(closes(rows), ts), abs=1e-12)
        assert row["coverage"] == pytest.approx(0.6 if hole in (ts, AFTER[ts]) else 1)


def test_a_corrected_or_lost_bar_of_the_fund_changes_what_it_decides_and_no_more(
    lake: Lake, registry: Registry
) -> None:
    rows = build_market() + fund_rows()
    source = create_signals(lake, registry, rows)
    refresh_outcomes(lake, registry, HOURLY, source)
    before, published = outcomes(lake, source), all_rows(lake, source)
    bar = next(row for row in fund_rows() if row["ts"] == HOURS[-8])
    write_bars(lake, source, [bar | {"close": float(str(bar["high"]))}])
    report = refresh_outcomes(lake, registry, HOURLY, source)
    assert (report.written, sum(report.index_written.values())) == (0, 4)
    after = outcomes(lake, source)
    assert {ts for ts in after if after[ts] != before[ts]} == {HOURS[-9], HOURS[-8]}
    remove_bar(lake, source, FUND, HOURS[-1])
    refresh_outcomes(lake, registry, HOURLY, source)
    assert outcomes(lake, source)[HOURS[-2]]["origin"] == "members"
    for symbol in SYMBOLS:
        remove_bar(lake, source, symbol, HOURS[-1])
    refresh_outcomes(lake, registry, HOURLY, source)
    assert HOURS[-2] not in outcomes(lake, source), "nobody has the bar that decides"
    assert all_rows(lake, source) == published


@law(2)
@given(st.lists(st.integers(60, len(HOURS) - 2), min_size=1, max_size=3), st.booleans())
def test_in_parts_and_in_any_order_they_are_those_of_the_whole(
    lake: Lake, registry: Registry, cuts: list[int], fund_first: bool
) -> None:
    """Bars of the fund that come before or after the signals lead to the same outcomes."""
    source = create_signals(lake, registry, build_market() + fund_rows())
    refresh_outcomes(lake, registry, HOURLY, source)
    whole = rows_of(lake, source, "index_outcomes")
    early = [row for row in fund_rows() if row["ts"] in [HOURS[cut] for cut in cuts]]
    parts = create_signals(lake, registry, build_market() + (early if fund_first else []))
    refresh_outcomes(lake, registry, HOURLY, parts)
    late = [row for row in fund_rows() if not fund_first or row not in early]
    write_bars(lake, parts, late)
    refresh_outcomes(lake, registry, HOURLY, parts)
    assert rows_of(lake, parts, "index_outcomes") == whole


def test_a_lake_that_had_no_such_table_gets_all_outcomes(lake: Lake, registry: Registry) -> None:
    source = create_signals(lake, registry, build_market() + fund_rows())
    refresh_outcomes(lake, registry, HOURLY, source)
    whole = rows_of(lake, source, "index_outcomes")
    with lake.write("as before") as writer:
        writer.delete("gold.index_outcomes", "source = ?", [source])
        writer.touch("meta.outcome_state")
        writer.run("UPDATE meta.outcome_state SET index_followed = NULL WHERE source = ?", [source])
    report = refresh_outcomes(lake, registry, HOURLY, source)
    assert report.changed == 0
    assert rows_of(lake, source, "index_outcomes") == whole


def test_the_fund_is_no_constituent(lake: Lake, registry: Registry) -> None:
    source = create_signals(lake, registry, build_market() + fund_rows())
    for table in ("predictions", "contributions", "features_nasdaq100_hourly"):
        symbols = {row["symbol"] for row in rows_of(lake, source, table)}
        assert symbols == set(SYMBOLS)
