"""The catalog counts what a query counts, and what the disk has."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from pipelines.lake.contents import TableContents, count_contents, read_snapshots
from tests.lake_rows import replace_series

NOW = timedelta(0)  # nothing is too young


def contents_of(lake: Lake) -> dict[str, TableContents]:
    with lake.view() as view:
        contents = count_contents(view, lake.kind)
        for table in contents:
            assert table.rows == view.one(f"SELECT count(*) FROM {table.table}"), table
    return {table.table: table for table in contents}


def test_rows_are_those_of_a_query_after_appends_deletes_and_compaction(full: Lake) -> None:
    series = contents_of(full)["silver.series"]
    assert series.catalog_rows > 0
    assert series.rows > series.catalog_rows
    compact(full, keep=NOW, readers=NOW)
    compacted = contents_of(full)["silver.series"]
    assert (compacted.rows, compacted.catalog_rows) == (series.rows, 0)
    assert compacted.files < series.files


def test_a_deletion_that_stays_in_the_catalog_is_counted(full: Lake) -> None:
    compact(full, keep=NOW, readers=NOW)
    before = contents_of(full)["silver.series"].rows
    with full.write("test") as writer:
        symbol = writer.one("SELECT min(symbol) FROM silver.series")
        deleted = writer.delete("silver.series", "symbol = ?", [symbol])
    assert contents_of(full)["silver.series"].rows == before - deleted < before


def test_bytes_are_those_of_the_files(full: Lake) -> None:
    compact(full, keep=NOW, readers=NOW)
    folder = Path(full.config.lake_data) / "silver" / "series"
    sizes = [file.stat().st_size for file in folder.rglob("*.parquet")]
    table = contents_of(full)["silver.series"]
    assert (table.files, table.bytes) == (len(sizes), sum(sizes))


def test_snapshots_are_counted_until_they_expire(full: Lake) -> None:
    with full.view() as view:
        before = read_snapshots(view)
    replace_series(full, ["AAPL"], source="t")
    with full.view() as view:
        snapshots, newest = read_snapshots(view), view.snapshot
    assert snapshots.count == before.count + 1
    assert snapshots.oldest == before.oldest
    assert snapshots.oldest + snapshots.count - 1 == newest
    assert snapshots.oldest_at < snapshots.newest_at
    compact(full, keep=NOW, readers=NOW)
    with full.view() as view:
        assert read_snapshots(view).count < snapshots.count
