"""Files in the store are told apart from those that the catalog names, and have their time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from pipelines.lake.data_files import known_files, scheduled_files, stored_files, time_in_name
from tests.lake_rows import file_name, list_symbols, replace_series

NOW = timedelta(0)


def test_a_files_name_says_when_it_was_written(lake: Lake) -> None:
    start = datetime.now(UTC)
    replace_series(lake, list_symbols())
    [path] = lake.store.listing("silver/series")
    written_at = time_in_name(path)
    assert written_at
    assert timedelta(seconds=-1) < written_at - start < timedelta(minutes=1)
    assert time_in_name("silver/series/ducklake-mine.parquet") is None


def test_a_file_that_no_commit_recorded_is_stored_and_not_known(lake: Lake) -> None:
    replace_series(lake, list_symbols())
    [path] = lake.store.listing("silver/series")
    leftover_time = datetime(2026, 9, 1, 12, 30, tzinfo=UTC)
    leftover = f"silver/series/{file_name(leftover_time)}"
    lake.store.write(leftover, b"PAR1")
    lake.store.write("silver/series/notes.txt", b"not DuckLake's")
    stored = stored_files(lake.store, lake.tables)
    with lake.view() as view:
        known = known_files(view)
    assert stored.keys() == {path, leftover}
    assert stored[leftover] == leftover_time
    assert {path: size for path, size in known.items() if path.startswith("silver/series")} == {
        path: lake.store.checksum(path)[0]
    }


def test_a_replaced_file_is_scheduled_for_removal_and_stays_known(lake: Lake) -> None:
    replace_series(lake, list_symbols(), "1")
    [path] = lake.store.listing("silver/series")
    replace_series(lake, list_symbols(), "2")
    compact(lake, keep=NOW)
    now = datetime.now(UTC)
    with lake.view() as view:
        assert path in scheduled_files(view)
        assert path in known_files(view)
        assert scheduled_files(view, now - timedelta(hours=1)) == []
