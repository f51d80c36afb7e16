"""The laws of the way from an answer to silver: what becomes of each bar."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import steps
from pipelines.contracts.silver import SILVER_BARS
from pipelines.core.calendar import interval_of, utc
from pipelines.core.settings import Settings
from pipelines.forecasts import NASDAQ100_HOURLY
from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from pipelines.sources.sample import Sample
from pipelines.steps.lake import open_lake
from tests.empty_lake import lake_of_a_module
from tests.laws import law
from tests.scripted import VALUES, Scripted, bar_row, bars_table, hours
from tests.steps.data.ingest_helpers import (
    END,
    HOURS,
    START,
    assert_nothing_vanished,
    clean,
    fresh_name,
    ingest,
    quarantine,
    silver,
)

few = law(6)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake


def test_clean_bars_arrive_as_they_were_said(lake: Lake) -> None:
    name = next(fresh_name)
    report = ingest(lake, Scripted(bars_table(clean()), name=name))
    report.enforce()
    assert report.counts["accepted"] == 2 * len(HOURS) == len(silver(lake, name))
    assert silver(lake, name)[0][4] == clean()[0]["open"]
    assert not lake.rows("SELECT * FROM silver.gaps WHERE source = ?", [name])


def test_the_same_rows_again_make_no_new_version(lake: Lake) -> None:
    name = next(fresh_name)
    ingest(lake, Scripted(bars_table(clean()), name=name))
    count = """SELECT (SELECT count(*) FROM bronze.bars WHERE source = ?), max(batch)
               FROM silver.bars WHERE source = ?"""
    before = lake.rows(count, [name, name])
    report = ingest(lake, Scripted(bars_table(clean()), name=name))
    assert report.counts["unchanged"] == 2 * len(HOURS)
    assert lake.rows(count, [name, name]) == before


def test_a_correction_changes_its_own_row_alone(lake: Lake) -> None:
    name = next(fresh_name)
    ingest(lake, Scripted(bars_table(clean()), name=name))
    before = silver(lake, name)
    rows = clean()
    rows[9]["close"] = float(str(rows[9]["close"])) * 1.001
    report = ingest(lake, Scripted(bars_table(rows), name=name))
    assert_nothing_vanished(report)
    assert report.counts["replaced"] == 1
    changed = [a != b for a, b in zip(before, silver(lake, name), strict=True)]
    assert changed.index(True) == 9
    assert sum(changed) == 1
    versions = lake.rows(
        "SELECT count(*) FROM bronze.bars WHERE source = ? AND symbol = 'A' AND ts = ?",
        [name, rows[9]["ts"]],
    )
    assert versions == [(2,)], "bronze keeps both"


def test_a_bad_correction_leaves_the_good_bar(lake: Lake) -> None:
    name = next(fresh_name)
    ingest(lake, Scripted(bars_table(clean("A")), name=name))
    before = silver(lake, name)
    for spoil in ({"close": math.nan}, dict.fromkeys(("open", "high", "low", "close"), 12000.0)):
        rows = clean("A")
        rows[30].update(spoil)
        assert_nothing_vanished(ingest(lake, Scripted(bars_table(rows), name=name)))
        assert silver(lake, name) == before
    reasons = {str(reason) for _, _, reason, _ in quarantine(lake, name)}
    assert reasons == {"not_a_number", "unit_error"}


SPOILS = {
    "not_a_number": {"close": math.nan},
    "not_positive": {"low": -1.0},
    "negative": {"volume": -5.0},
    "high_low": {"high": 150.0, "open": 160.0},
    "crossed_quote": {"bid": 101.0, "ask": 100.0},
    "unit_error": {"low": 1.0, "close": 1.0},
    "spike": {"high": 900.0},
}


@pytest.mark.parametrize("reason", SPOILS)
def test_an_impossible_bar_is_quarantined_with_its_reason(lake: Lake, reason: str) -> None:
    name = next(fresh_name)
    rows = clean("A")
    rows[20].update(SPOILS[reason])
    report = ingest(lake, Scripted(bars_table(rows), name=name))
    assert_nothing_vanished(report)
    assert dict(report.landed.reasons) == {reason: 1}
    ((_, ts, _, original),) = quarantine(lake, name)
    assert ts == rows[20]["ts"]
    assert set(json.loads(str(original))) == set(VALUES), "the original values are kept"
    gap = lake.rows("SELECT missing, missing_ts[1] FROM silver.gaps WHERE source = ?", [name])
    assert gap == [(1, rows[20]["ts"])]


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


def test_a_crash_is_no_error(lake: Lake) -> None:
    """Half the value in a day, bar by bar, is a market; only leaps are doubted."""
    name = next(fresh_name)
    rows = [bar_row("A", ts, 100 * (0.8 ** min(i, 12))) for i, ts in enumerate(HOURS)]
    report = ingest(lake, Scripted(bars_table(rows), name=name))
    assert report.counts["accepted"] == len(HOURS)


def test_a_level_that_holds_is_believed_in_the_end(lake: Lake) -> None:
    name = next(fresh_name)
    rows = [bar_row("A", ts, 100.0 if i < 60 else 14.0) for i, ts in enumerate(HOURS)]
    report = ingest(lake, Scripted(bars_table(rows), name=name))
    assert dict(report.landed.reasons) == {"missed_split": 10}
    assert silver(lake, name)[-1][7] == 14.0


def test_a_split_readjusts_history_and_keeps_what_was_said(lake: Lake) -> None:
    name = next(fresh_name)
    before, after = hours(START, "2026-09-16"), hours("2026-09-16", END)
    old = bars_table([bar_row("A", ts, 400.0) for ts in before])
    first = Scripted(old, name=name, received_at=datetime(2026, 9, 15, 22, tzinfo=UTC))
    ingest(lake, first, end="2026-09-16")
    snapshot = lake.snapshot
    split = {"symbol": "A", "date": date(2026, 9, 16), "kind": "split", "value": 4.0}
    later = Scripted(
        bars_table([bar_row("A", ts, 100.0) for ts in after]), actions=[split], name=name
    )
    report = ingest(lake, later, start="2026-09-16")
    assert_nothing_vanished(report)
    assert report.counts["revised"] == len(before)
    rows = silver(lake, name)
    assert {row[7] for row in rows} == {100.0}
    assert [row[8] for row in rows] == [4000.0] * len(before) + [1000.0] * len(after)
    with lake.view(snapshot) as view:
        assert view.one("SELECT max(close) FROM silver.bars WHERE source = ?", [name]) == 400.0
    assert ingest(lake, later, start="2026-09-16").counts["revised"] == 0


def test_prices_never_adjusted_are_adjusted_for_every_split(lake: Lake) -> None:
    name = next(fresh_name)
    rows = [bar_row("A", ts, 400.0 if ts < utc("2026-09-16") else 100.0) for ts in HOURS]
    split = {"symbol": "A", "date": date(2026, 9, 16), "kind": "split", "value": 4.0}
    source = Scripted(bars_table(rows), actions=[split], split_adjusted=False, name=name)
    assert ingest(lake, source).counts["accepted"] == len(HOURS)
    assert {row[7] for row in silver(lake, name)} == {100.0}


def test_an_open_bar_waits(lake: Lake) -> None:
    name = next(fresh_name)
    at = utc("2026-09-15T15:00+00:00")  # in the middle of the 14:30 bar
    rows = [bar_row("A", ts, 100.0) for ts in HOURS if ts < at]
    report = ingest(lake, Scripted(bars_table(rows), name=name), as_of=at)
    assert_nothing_vanished(report)
    assert report.counts["unclosed"] == 1
    assert max(row[2] for row in silver(lake, name)) <= at  # type: ignore[type-var]
    assert not lake.rows("SELECT 1 FROM bronze.bars WHERE source = ? AND ts > ?", [name, HOURS[65]])


def test_only_bars_of_real_sessions_count(lake: Lake) -> None:
    name = next(fresh_name)
    saturday = datetime(2026, 9, 5, 14, 30, tzinfo=UTC)
    odd = datetime(2026, 9, 4, 14, 31, tzinfo=UTC)
    rows = [*clean("A"), bar_row("A", saturday, 100.0), bar_row("A", odd, 100.0)]
    report = ingest(lake, Scripted(bars_table(rows), name=name))
    assert dict(report.landed.reasons) == {"not_in_session": 2}
    assert {ts for _, ts, _, _ in quarantine(lake, name)} == {saturday, odd}


def test_the_fuller_of_two_rows_for_one_bar_counts(lake: Lake) -> None:
    name = next(fresh_name)
    thin = bar_row("A", HOURS[5], 99.0, volume=10)
    report = ingest(lake, Scripted(bars_table([thin, *clean("A")]), name=name))
    assert_nothing_vanished(report)
    assert dict(report.landed.reasons) == {"duplicate_conflict": 1}
    assert silver(lake, name)[5][7] == clean("A")[5]["close"]


spoil = st.sampled_from([{}, {}, {}, *SPOILS.values(), {"ts": datetime(2026, 9, 6, tzinfo=UTC)}])


@st.composite
def dirty(draw: st.DrawFn) -> list[dict[str, object]]:
    """Two symbols' bars, some spoiled, some leaping, some twice."""
    rows = clean()[:70] + clean("C")[:40]
    for _ in range(draw(st.integers(0, 12))):
        place = draw(st.integers(0, len(rows) - 1))
        rows[place] = rows[place] | draw(spoil)
    if draw(st.booleans()):
        first = draw(st.integers(0, 60))
        factor = draw(st.sampled_from([100.0, 0.01, 7.0]))
        for row in rows[first : first + draw(st.integers(1, 14))]:
            for price in ("open", "high", "low", "close"):
                row[price] = float(str(row[price])) * factor
    return rows + draw(st.lists(st.sampled_from(rows), max_size=8))


@few
@given(dirty(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_order_of_arrival_gives_the_same_silver(
    lake: Lake, rows: list[dict[str, object]], random: object, answers: int
) -> None:
    straight, shuffled = next(fresh_name), next(fresh_name)
    report = ingest(lake, Scripted(bars_table(rows), name=straight))
    assert_nothing_vanished(report)
    # By whole days, backwards and dealt into answers and runs; within a day in any order.
    days: dict[object, list[dict[str, object]]] = {}
    for row in rows:
        days.setdefault(row["ts"].date(), []).append(row)  # type: ignore[attr-defined]
    dealt: list[list[dict[str, object]]] = [[] for _ in range(answers)]
    for number, day in enumerate(sorted(days, reverse=True)):  # type: ignore[type-var]
        random.shuffle(days[day])  # type: ignore[attr-defined]
        dealt[number % answers] += days[day]
    for part in dealt:
        if part:
            assert_nothing_vanished(ingest(lake, Scripted(bars_table(part), name=shuffled)))
    assert silver(lake, shuffled) == silver(lake, straight)
    assert quarantine(lake, shuffled) == quarantine(lake, straight)


@few
@given(dirty())
def test_what_comes_later_changes_nothing_before(lake: Lake, rows: list[dict[str, object]]) -> None:
    """No bar's verdict depends on a later bar."""
    full, cut = next(fresh_name), next(fresh_name)
    ingest(lake, Scripted(bars_table(rows), name=full))
    until = HOURS[30]
    ingest(lake, Scripted(bars_table([r for r in rows if r["ts"] <= until]), name=cut))  # type: ignore[operator]
    before = [row for row in silver(lake, full) if row[1] <= until]  # type: ignore[operator]
    assert silver(lake, cut) == before


def test_daily_bars_are_named_by_their_session(lake: Lake) -> None:
    name = next(fresh_name)
    days = [datetime(2026, 9, d, tzinfo=UTC) for d in (1, 2, 3, 4, 5, 8)]
    rows = bars_table([bar_row("A", day, 100.0) for day in days])
    report = ingest(lake, Scripted(rows, interval="1d", name=name), end="2026-09-09")
    assert dict(report.landed.reasons) == {"not_in_session": 1}
    first = silver(lake, name)[0]
    assert (first[1], first[2]) == (
        datetime(2026, 9, 1, 13, 30, tzinfo=UTC),
        datetime(2026, 9, 1, 20, 0, tzinfo=UTC),
    )
    assert interval_of("1d").name == "1d"


def test_silver_meets_its_contract_whatever_comes(lake: Lake) -> None:
    """The contract is enforced on what is stored, by SQL that is not the judge's."""
    broken = lake.rows(
        "SELECT count(*) FROM silver.bars WHERE high < low * (1 - 1e-6) OR low <= 0 "
        "OR NOT isfinite(close) OR closes_at <= ts OR volume < 0"
    )
    key = ", ".join(f'"{c}"' for c in SILVER_BARS.key)
    doubled = lake.rows(f"SELECT {key} FROM silver.bars GROUP BY ALL HAVING count(*) > 1")
    assert (broken, doubled) == ([(0,)], [])


def test_the_newest_bars_of_all_symbols_lie_together_in_few_rows(lake_settings: Settings) -> None:
    """What reads the newest bar of each opens one row group, however long the history is."""
    with open_lake(lake_settings) as lake:
        start, end = utc("2026-01-01"), utc("2026-09-01")
        hourly = NASDAQ100_HOURLY.bar
        steps.ingest(lake, Sample(), NASDAQ100_HOURLY.symbols[:24], hourly, start, end).enforce()
        assert newest_groups(lake) == 1
        with lake.write() as writer:  # holes have it written anew
            writer.delete("silver.bars", "symbol = 'AAPL'")
        compact(lake, keep=timedelta(0), readers=timedelta(0))
        assert newest_groups(lake) == 1


def newest_groups(lake: Lake) -> int:
    """How many row groups of silver.bars hold a bar of the last session."""
    (day,) = lake.rows("SELECT max(ts)::DATE FROM silver.bars")[0]
    groups = [
        newest.date() == day
        for path in lake.store.listing("silver/bars")
        for (newest,) in duckdb.execute(
            """SELECT stats_max_value::TIMESTAMPTZ FROM parquet_metadata(?)
               WHERE path_in_schema = 'ts'""",
            [f"{lake.config.lake_data}/{path}"],
        ).fetchall()
    ]
    assert len(groups) > 1
    return sum(groups)
