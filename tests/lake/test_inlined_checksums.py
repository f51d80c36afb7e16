"""Rows in the catalog are compared with the checksum of the commit that wrote them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import duckdb
import pytest

from pipelines.core.errors import LakeError
from pipelines.lake import Lake, inlined_checksums
from pipelines.lake.catalog import CATALOG, FILES
from pipelines.lake.compaction import compact
from pipelines.lake.verification import verify
from tests.lake_rows import (
    count_versions,
    keep_snapshot,
    list_symbols,
    release_snapshot,
    replace_series,
)

NOW = timedelta(0)
TAMPER = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as catalog:
    assert catalog.execute(sys.argv[2]).rowcount != 0
"""


def tamper(lake: Lake, statement: str) -> None:
    """Change the catalog behind the lake's back, in a process of its own: see verification.py."""
    with lake.view() as view:
        ((name, number),) = view.rows(
            f"""SELECT i.table_name, table_id FROM {CATALOG}.ducklake_inlined_data_tables i
                JOIN {CATALOG}.ducklake_table t USING (table_id)
                WHERE t.table_name = 'series'"""
        )
    statement = statement.format(table=name, deletions=f"ducklake_inlined_delete_{number}")
    subprocess.run([sys.executable, "-c", TAMPER, lake.target, statement], check=True)


def problems(lake: Lake) -> list[tuple[str, str]]:
    return [(problem.path, problem.what) for problem in verify(lake).problems]


def problem_of(commit: int, rows: str = "rows") -> tuple[str, str]:
    return "silver.series", f"has {rows} in the catalog that are not what commit {commit} wrote"


def delete(lake: Lake, first: str, last: str) -> int:
    """Delete some rows of a file, so few that the catalog keeps which."""
    with lake.write() as writer:
        writer.delete("silver.series", "symbol BETWEEN ? AND ?", [first, last])
        return writer.batch


def count_rows(lake: Lake) -> int:
    return int(lake.rows("SELECT count(*) FROM silver.series")[0][0])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET calendar = 'SELL' WHERE symbol = 'S00003' AND source = 'b'",
        "UPDATE {table} SET calendar = NULL WHERE symbol = 'S00003' AND source = 'b'",
        "UPDATE {table} SET symbol = CAST(symbol AS BLOB) WHERE source = 'b'",
        "UPDATE {table} SET row_id = row_id + 1000 WHERE source = 'b'",
        "DELETE FROM {table} WHERE source = 'b'",
        "DELETE FROM {table} WHERE symbol = 'S00003' AND source = 'b'",
        "INSERT INTO {table} SELECT * FROM {table} WHERE symbol = 'S00003' AND source = 'b'",
    ],
)
def test_a_change_behind_the_lakes_back_is_named_with_its_table_and_commit(
    lake: Lake, statement: str
) -> None:
    replace_series(lake, list_symbols(count=5), source="a")
    commit = replace_series(lake, list_symbols(count=5), source="b")
    assert problems(lake) == []
    tamper(lake, statement)
    assert problems(lake) == [problem_of(commit)]
    replace_series(lake, list_symbols(count=5), source="c")  # a later commit does not hide it
    assert problems(lake) == [problem_of(commit)]


def test_rows_that_were_hidden_or_brought_back_are_named(lake: Lake) -> None:
    first = replace_series(lake, list_symbols(count=5), "1", source="a")
    second = replace_series(lake, list_symbols(count=5), "2", source="a")
    assert problems(lake) == []
    tamper(lake, "UPDATE {table} SET end_snapshot = NULL WHERE calendar = '1'")
    assert problems(lake) == [problem_of(second)]
    tamper(lake, f"UPDATE {{table}} SET end_snapshot = {second} WHERE calendar = '1'")
    assert problems(lake) == []
    tamper(lake, f"UPDATE {{table}} SET end_snapshot = {second} WHERE calendar = '2'")
    assert problem_of(second) in problems(lake)
    assert problem_of(first) not in problems(lake)


def test_a_row_of_a_commit_that_left_none_is_named(lake: Lake) -> None:
    before = replace_series(lake, list_symbols())  # to a file
    replace_series(lake, list_symbols(count=5), source="b")
    tamper(
        lake,
        f"INSERT INTO {{table}} SELECT 9, {before}, NULL, source, symbol, interval, calendar, "
        "grid, split_adjusted, batch FROM {table} LIMIT 1",
    )
    assert problems(lake) == [problem_of(before)]


def test_changed_rows_are_not_moved_to_a_file_with_a_checksum_of_its_own(lake: Lake) -> None:
    commit = replace_series(lake, list_symbols(count=5))
    tamper(lake, "UPDATE {table} SET calendar = 'SELL' WHERE symbol = 'S00003'")
    with pytest.raises(LakeError, match=rf"silver\.series .* commit {commit} wrote") as caught:
        compact(lake)
    assert "bullion verify" in caught.value.hint
    tamper(lake, "UPDATE {table} SET calendar = '1' WHERE symbol = 'S00003'")
    assert compact(lake).flushed >= 5
    assert problems(lake) == []


def test_checksums_go_with_the_last_rows_they_speak_for(lake: Lake) -> None:
    def commits() -> set[int]:
        with lake.view() as view:
            rows = view.rows(
                f"""SELECT snapshot FROM {CATALOG}.{inlined_checksums.CHECKSUMS}
                    JOIN {CATALOG}.ducklake_inlined_data_tables USING (table_name)
                    JOIN {CATALOG}.ducklake_table t USING (table_id)
                    WHERE t.table_name = 'series'"""
            )
        return {snapshot for (snapshot,) in rows}

    first = replace_series(lake, list_symbols(count=30), "1")
    second = replace_series(lake, list_symbols(count=20), "2")
    keep_snapshot(lake, first, "model 1")
    compact(lake, keep=NOW)
    compact(lake, keep=NOW)
    assert first in commits()
    assert problems(lake) == []
    assert count_versions(lake, first) == {"1": 30}
    tamper(lake, "UPDATE {table} SET calendar = 'SELL' WHERE symbol = 'S00003'")
    assert problems(lake) == [problem_of(first)]
    compact(lake, keep=NOW)  # no row of the newest snapshot: nothing is moved to a file
    assert problems(lake) == [problem_of(first)]
    release_snapshot(lake, "model 1")
    compact(lake, keep=NOW)
    compact(lake, keep=NOW)
    assert not commits() & {first, second}
    assert problems(lake) == []


def forget(lake: Lake) -> None:
    """Bring the catalog to what one was before these checksums were kept."""
    subprocess.run(
        [
            sys.executable,
            "-c",
            "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute(sys.argv[2])",
            lake.target,
            f"DROP TABLE {inlined_checksums.CHECKSUMS}",
        ],
        check=True,
    )


def test_a_lake_that_has_none_gets_them_with_its_next_commit(lake: Lake) -> None:
    commit = replace_series(lake, list_symbols(count=5), source="a")
    forget(lake)
    assert problems(lake) == []
    replace_series(lake, list_symbols(count=5), source="b")
    assert problems(lake) == []
    tamper(lake, "UPDATE {table} SET calendar = 'SELL' WHERE source = 'a'")
    assert problems(lake) == [problem_of(commit)]


def test_a_commit_that_ended_before_its_checksum_gets_it_with_the_next_one(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    replace_series(lake, list_symbols(count=5), source="a")
    record: Callable[[duckdb.DuckDBPyConnection, str], None] = inlined_checksums.record_checksums

    def fail(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
        raise duckdb.IOException("disk I/O error")

    monkeypatch.setattr(inlined_checksums, "record_checksums", fail)
    commit = replace_series(lake, list_symbols(count=5), source="b")
    assert "no checksum yet: disk I/O error" in caplog.text
    assert problems(lake) == []
    monkeypatch.setattr(inlined_checksums, "record_checksums", record)
    replace_series(lake, list_symbols(count=5), source="c")
    assert problems(lake) == []
    tamper(lake, "UPDATE {table} SET calendar = 'SELL' WHERE source = 'b'")
    assert problems(lake) == [problem_of(commit)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {deletions} SELECT file_id, 100, begin_snapshot FROM {deletions} LIMIT 1",
        "INSERT INTO {deletions} SELECT file_id, 100, {before} FROM {deletions} LIMIT 1",
        "INSERT INTO {deletions} SELECT * FROM {deletions} WHERE row_id = 3",
        "UPDATE {deletions} SET row_id = 100 WHERE row_id = 3",
        "UPDATE {deletions} SET begin_snapshot = begin_snapshot + 1000 WHERE row_id = 3",
        "UPDATE {deletions} SET file_id = file_id + 1000",
        "DELETE FROM {deletions} WHERE row_id = 3",
        "DELETE FROM {deletions}",
    ],
)
def test_a_deletion_of_a_files_row_that_was_made_or_undone_is_named(
    lake: Lake, statement: str
) -> None:
    before = replace_series(lake, list_symbols())  # to a file
    commit = delete(lake, "S00001", "S00005")
    assert (problems(lake), count_rows(lake)) == ([], 2995)
    tamper(lake, statement.replace("{before}", str(before)))
    expected = [problem_of(before if "{before}" in statement else commit, "deletions")]
    assert problems(lake) == expected
    replace_series(lake, list_symbols(count=5), source="c")  # a later commit does not hide it
    assert problems(lake) == expected
    with pytest.raises(LakeError, match=r"silver\.series has deletions in the catalog"):
        compact(lake)
    assert problems(lake) == expected


def test_deletions_whose_table_is_gone_are_named(lake: Lake) -> None:
    replace_series(lake, list_symbols())
    commit = delete(lake, "S00001", "S00005")
    tamper(lake, "DROP TABLE {deletions}")
    assert problems(lake) == [problem_of(commit, "deletions")]


def test_a_deletion_goes_with_the_file_it_speaks_of(lake: Lake) -> None:
    def count_deletions() -> int:
        with lake.view() as view:
            number = view.one(
                f"SELECT table_id FROM {CATALOG}.ducklake_table WHERE table_name = 'series'"
            )
            name = f"ducklake_inlined_delete_{number}"
            return int(view.one(f"SELECT count(*) FROM {CATALOG}.{name}"))

    replace_series(lake, list_symbols())
    first = delete(lake, "S00001", "S00005")
    delete(lake, "S00001", "S00020")
    assert (count_deletions(), problems(lake), count_rows(lake)) == (20, [], 2980)
    keep_snapshot(lake, first, "model 1")
    for _ in range(2):  # the second finds the files of the first without a snapshot
        compact(lake, keep=NOW)
        assert (problems(lake), count_rows(lake)) == ([], 2980)
    assert count_versions(lake, first) == {"1": 2995}
    release_snapshot(lake, "model 1")
    compact(lake, keep=NOW)
    assert (count_deletions(), problems(lake), count_rows(lake)) == (0, [], 2980)


def test_deletions_of_a_catalog_that_kept_none_of_their_checksums_get_them(lake: Lake) -> None:
    replace_series(lake, list_symbols())
    commit = delete(lake, "S00001", "S00005")
    checksums = inlined_checksums.CHECKSUMS
    tamper(lake, f"DELETE FROM {checksums} WHERE table_name LIKE 'ducklake_inlined_delete%'")
    assert problems(lake) == []
    replace_series(lake, list_symbols(count=5), source="b")
    assert problems(lake) == []
    tamper(lake, "DELETE FROM {deletions} WHERE row_id = 3")
    assert problems(lake) == [problem_of(commit, "deletions")]


@pytest.mark.parametrize("kind", ["data", "delete"])
def test_a_file_that_the_catalog_forgot_is_named(lake: Lake, kind: str) -> None:
    replace_series(lake, list_symbols())
    delete(lake, "S00001", "S02500")  # too many for the catalog: to a delete file
    with lake.view() as view:
        path = view.one(
            f"SELECT path FROM ({FILES}) WHERE kind = ? AND full_name = 'silver.series'", [kind]
        )
    assert problems(lake) == []
    tamper(lake, f"DELETE FROM ducklake_{kind}_file WHERE path = '{path.rpartition('/')[2]}'")
    assert problems(lake) == [(path, "was committed, and the catalog names it no more")]
