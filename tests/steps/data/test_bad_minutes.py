"""Bad minutes are counted and said; a feature that cannot be computed is missing, not filled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest

from pipelines.core.calendar import utc
from pipelines.features import FAMILIES
from pipelines.forecasts import SP500_INTRADAY as MINUTES
from pipelines.lake import Lake
from pipelines.steps import ingest, refresh_features
from pipelines.steps.data.missing_inputs import describe_missing_inputs
from tests.scripted import Scripted, bars_table, hours, with_quotes
from tests.steps.forecast_market import market_rows

Row = dict[str, object]
START, END = "2026-08-03", "2026-08-06"  # three sessions
BAD = date(2026, 8, 4)
BAD_ROWS, LATER = slice(390, 780), slice(780, 1170)
QUOTES = {f.name for f in MINUTES.features if {"bid", "ask"} & set(f.inputs)}
NEWS = {f.name for f in FAMILIES["News"]}


def bring(lake: Lake, change: Callable[[Row], Row | None] = lambda row: row) -> dict[str, int]:
    """Bring three sessions of minutes, each row changed; return the counts with the reasons."""
    rows = [with_quotes(r, 1 + i % 3) for i, r in enumerate(minutes())]
    changed = [row for row in map(change, rows) if row is not None]
    source = Scripted(bars_table(changed), interval="1m", missing_bars={"default": "warn"})
    report = ingest(lake, source, ("ES",), MINUTES.bar, utc(START), utc(END))
    refresh_features(lake, MINUTES, source.name)
    return report.counts | dict(report.landed.reasons)


def minutes() -> list[Row]:
    return market_rows(("ES",), hours(START, END, "1m"))


def is_bad(row: Row) -> bool:
    return row["ts"].date() == BAD  # type: ignore[attr-defined]


def features(lake: Lake) -> dict[str, np.ndarray]:
    names = ", ".join(MINUTES.feature_names)
    table = lake.sql(f"SELECT {names} FROM {MINUTES.table.full_name} ORDER BY ts")
    return {name: table[name].to_numpy().astype(float) for name in MINUTES.feature_names}


def test_clean_minutes_have_all_their_features_from_the_250th_on(lake: Lake) -> None:
    counts = bring(lake)
    assert (counts["received"], counts["accepted"]) == (1170, 1170)
    for name, values in features(lake).items():
        assert np.isfinite(values[249:]).all(), name


@pytest.mark.parametrize("absent", [("bid", "ask"), ("ask",)])
def test_a_day_without_quotes_has_prices_and_no_features_of_quotes(
    lake: Lake, absent: tuple[str, ...]
) -> None:
    counts = bring(lake, lambda r: r | dict.fromkeys(absent) if is_bad(r) else r)
    assert counts["accepted"] == 1170
    for name, values in features(lake).items():
        if name in QUOTES:
            assert np.isnan(values[BAD_ROWS]).all(), name
            assert np.isfinite(values[LATER][60:]).all(), name
        else:
            assert np.isfinite(values[249:]).all(), name


def test_crossed_quotes_are_quarantined_with_their_reason_and_not_repaired(lake: Lake) -> None:
    def cross(row: Row) -> Row:
        is_crossed = is_bad(row) and row["ts"].minute % 10 == 0  # type: ignore[attr-defined]
        return row | {"bid": row["ask"], "ask": row["bid"]} if is_crossed else row

    counts = bring(lake, cross)
    assert counts["crossed_quote"] == counts["quarantined"] == 39
    assert counts["accepted"] == 1170 - 39
    [(missing,)] = lake.rows("SELECT sum(missing) FROM silver.gaps")
    assert missing == 39
    assert len(features(lake)["rsi_14"]) == 1170 - 39


def test_a_stream_without_volume_has_no_flow_or_impact_and_all_the_rest(lake: Lake) -> None:
    bring(lake, lambda row: row | {"volume": 0.0} if is_bad(row) else row)
    values = features(lake)
    for name in ("signed_flow_10", "price_impact_20", "amihud_20", "volume_z_score_20"):
        assert np.isnan(values[name][BAD_ROWS][50:]).all(), name
        assert np.isfinite(values[name][LATER][60:]).all(), name
    assert np.isfinite(values["quoted_spread"]).all()
    assert set(values["money_flow_14"][BAD_ROWS][20:]) == {50.0}, "the stated value"


def test_a_day_that_is_missing_is_a_gap_and_no_outcome_spans_it(lake: Lake) -> None:
    bring(lake, lambda row: None if is_bad(row) else row)
    assert lake.rows("SELECT session, expected, missing FROM silver.gaps") == [(BAD, 390, 390)]
    outcomes = lake.rows(
        f"SELECT count(*), count(outcome_direction_30) FROM {MINUTES.table.full_name}"
    )
    assert outcomes == [(780, 780 - 2 * 30)]


def test_absent_news_are_neutral_flagged_and_named(lake: Lake) -> None:
    bring(lake)
    values = features(lake)
    stated = {f.name: 0.0 if f.is_flag else f.neutral for f in FAMILIES["News"]}
    for name in NEWS:
        assert set(values[name][249:]) == {stated[name]}, name
    with lake.view() as view:
        first = utc(START)
        [sentence] = describe_missing_inputs(
            view, MINUTES, "scripted", first, first + timedelta(days=3)
        )
    assert "news(sp500).avg_sentiment" in sentence
    assert "missing at all" in sentence
    assert "the stated neutral value" in sentence
    assert "no value" not in sentence
