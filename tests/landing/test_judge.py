"""Rows that lie in order are judged without sorting them, and as if they had been."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.calendar import UTC_TYPE
from pipelines.lake import Lake
from pipelines.landing.judge import judge
from pipelines.landing.relations import Judgement, KnownVersions, Scratch, Splits, UniqueRows
from tests.laws import law
from tests.scripted import Scripted, bar_row, bars_table
from tests.steps.data.ingest_helpers import (
    HOURS,
    assert_nothing_vanished,
    clean,
    fresh_name,
    ingest,
    silver,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
closes = st.lists(st.sampled_from([100.0, 101.0, 50.0, 700.0, 10_000.0]), min_size=2, max_size=40)


def winners(series: dict[str, list[float]], per_day: int) -> pa.Table:
    rows = []
    for symbol, prices in series.items():
        for n, price in enumerate(prices):
            at = START + timedelta(minutes=n)
            rows.append(
                {
                    "symbol": symbol, "ts": at, "label": at, "closes_at": at + timedelta(minutes=1),
                    "session": date(2026, 1, 1) + timedelta(days=n // per_day), "place": n,
                    "open": price, "high": price, "low": price, "close": price, "volume": 1.0,
                    "bid": None, "ask": None, "row": len(rows) + 1, "received_at": START,
                }
            )  # fmt: skip
    table = pa.Table.from_pylist(rows)
    for name in ("bid", "ask"):
        table = table.set_column(
            table.schema.get_field_index(name), name, pa.nulls(len(table), pa.float64())
        )
    for name in ("ts", "label", "closes_at", "received_at"):
        table = table.set_column(
            table.schema.get_field_index(name), name, table[name].cast(UTC_TYPE)
        )
    return table


def judge_rows(rows: pa.Table, *, in_order: bool) -> tuple[Judgement, list[object], list[object]]:
    """The judgement of a first load, with the rows it flagged and chose."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    with Scratch(connection) as scratch:
        winners = scratch.arrow("rows", rows)
        known = scratch.view("known", f"SELECT *, 0 AS batch FROM {winners} WHERE false")
        judgement = judge(
            scratch,
            UniqueRows(winners, winners, 0),
            KnownVersions(known, known),
            Splits("splits", exist=False, prices_adjusted=True),
            "NULL::VARCHAR",
            in_order=in_order,
        )
        flagged = connection.execute(
            f"SELECT symbol, row, reason, detail FROM {judgement.flagged} ORDER BY ALL"
        ).fetchall()
        chosen = connection.execute(
            f"SELECT symbol, ts, close FROM {judgement.chosen} ORDER BY ALL"
        ).fetchall()
    return judgement, flagged, chosen


@law(20)
@given(st.dictionaries(st.sampled_from("ABC"), closes, min_size=1), st.integers(1, 5))
def test_rows_in_order_are_judged_as_rows_sorted(
    series: dict[str, list[float]], per_day: int
) -> None:
    rows = winners(dict(sorted(series.items())), per_day)
    quick, slow = judge_rows(rows, in_order=True), judge_rows(rows, in_order=False)
    assert quick[0].has_leaps == slow[0].has_leaps
    assert quick[1:] == slow[1:]


def test_rows_that_are_wrongly_said_to_lie_in_order_are_sorted() -> None:
    """The one series whose rows do not rise is judged with its rows sorted."""
    rows = winners({"A": [100.0] * 100 + [700.0] + [100.0] * 60}, 200)
    # Seen in this order the leap lies behind a hole, which would say nothing.
    places = [n for n in reversed(range(rows.num_rows)) if n != 100] + [100]
    judgement = judge_rows(rows.take(pa.array(places)), in_order=True)
    assert judgement[1:] == judge_rows(rows, in_order=False)[1:]
    assert len(judgement[1]) == 1


def test_a_block_in_another_unit_is_caught_and_the_rest_stays(lake: Lake) -> None:
    name = next(fresh_name)
    rows = clean("A")
    for row in rows[40:46]:
        for price in ("open", "high", "low", "close"):
            row[price] = float(str(row[price])) * 100
    report = ingest(lake, Scripted(bars_table(rows), name=name))
    assert_nothing_vanished(report)
    assert dict(report.landed.reasons) == {"unit_error": 6}
    assert len(silver(lake, name)) == len(HOURS) - 6


def test_a_crash_of_the_market_is_not_rejected(lake: Lake) -> None:
    """Half the value in a day, bar by bar, is a market; only leaps are doubted."""
    name = next(fresh_name)
    rows = [bar_row("A", ts, 100 * (0.8 ** min(i, 12))) for i, ts in enumerate(HOURS)]
    report = ingest(lake, Scripted(bars_table(rows), name=name))
    assert report.counts["accepted"] == len(HOURS)


def test_a_price_level_that_lasts_is_accepted_in_the_end(lake: Lake) -> None:
    name = next(fresh_name)
    rows = [bar_row("A", ts, 100.0 if i < 60 else 14.0) for i, ts in enumerate(HOURS)]
    report = ingest(lake, Scripted(bars_table(rows), name=name))
    assert dict(report.landed.reasons) == {"missed_split": 10}
    assert silver(lake, name)[-1][7] == 14.0
