"""Silver changes only where the judged rows differ from it."""

from __future__ import annotations

import math
from datetime import timedelta

import duckdb

from pipelines import steps
from pipelines.core.calendar import utc
from pipelines.core.settings import Settings
from pipelines.forecasts import NASDAQ100_HOURLY
from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from pipelines.sources.sample import Sample
from pipelines.steps.lake import open_lake
from tests.scripted import Scripted, bars_table
from tests.steps.data.ingest_helpers import (
    HOURS,
    assert_nothing_vanished,
    clean,
    fresh_name,
    ingest,
    quarantine,
    silver,
)


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
    differences = [a != b for a, b in zip(before, silver(lake, name), strict=True)]
    assert differences.index(True) == 9
    assert sum(differences) == 1
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
