"""A commit is whole or absent, and a reader beside writers sees whole commits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import Settings
from pipelines.lake import Lake, View
from pipelines.lake.verification import verify
from tests.job_server import Jobs
from tests.kill_rounds import read_content, run_undisturbed, torture
from tests.lake_rows import (
    count_versions,
    list_symbols,
    replace_series,
    snapshot_row,
    write_series,
)


def test_a_commit_over_several_tables_is_all_or_nothing(lake: Lake) -> None:
    replace_series(lake, list_symbols(), "1")
    before = lake.snapshot

    def write_half() -> None:
        with lake.write() as writer:
            write_series(writer, list_symbols(), "2")
            writer.append("meta.kept_snapshots", snapshot_row(1, "half"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert lake.snapshot == before
    assert count_versions(lake) == {"1": len(list_symbols())}
    assert lake.rows("FROM meta.kept_snapshots") == []
    assert verify(lake).problems == []


@pytest.mark.parametrize("count", [5, 3000])
def test_replacing_twice_leaves_what_replacing_once_does(lake: Lake, count: int) -> None:
    replace_series(lake, list_symbols(count=count), "other", source="t")
    for _ in range(2):
        replace_series(lake, list_symbols(count=count))
        assert count_versions(lake) == {"1": count, "other": count}


def test_a_row_carries_the_number_of_the_snapshot_that_first_holds_it(lake: Lake) -> None:
    for version in ("1", "2"):
        batch = replace_series(lake, ["A"], version)
        assert lake.snapshot == batch
        assert lake.rows("SELECT batch FROM silver.series") == [(batch,)]
    with lake.view(batch - 1) as view:
        assert view.one("SELECT batch FROM silver.series") == batch - 1


def test_a_writer_reads_its_own_rows_before_they_are_committed(lake: Lake) -> None:
    with lake.write() as writer:
        write_series(writer, ["A"])
        assert writer.one("SELECT count(*) FROM silver.series") == 1
        assert count_versions(lake) == {}


def test_an_end_by_an_error_leaves_other_views_and_the_next_ones_alone(lake: Lake) -> None:
    def fail_in(open_view: Callable[[], AbstractContextManager[View]]) -> None:
        with open_view() as view:
            view.connection.execute("FROM range(1000000)")  # and its rows are not fetched
            raise ZeroDivisionError

    replace_series(lake, list_symbols(), "1")
    with lake.view() as other_view:
        for open_view in (lake.view, lake.write):
            with pytest.raises(ZeroDivisionError):
                fail_in(open_view)
        assert other_view.one("SELECT count(*) FROM silver.series") == len(list_symbols())
    replace_series(lake, list_symbols(), "2")
    assert count_versions(lake) == {"2": len(list_symbols())}


def read_beside_writers(jobs: Jobs, seconds: float) -> float:
    """The longest wait of a reader beside two writers; what it reads is whole and ascends."""
    writers = [jobs.start("rewrite", name, seconds + 1) for name in ("a", "b")]
    report = jobs.start("read", seconds).result()
    commits = sum(writer.result() for writer in writers)
    print(f"\n{report['reads']} reads beside {commits} commits, longest {report['longest']:.3f} s")
    assert report["torn"] == []
    assert report["back"] == []
    return float(report["longest"])


def test_a_reader_never_fails_beside_two_writers(lake: Lake, jobs: Jobs) -> None:
    read_beside_writers(jobs, 2)


@pytest.mark.torture
def test_a_reader_never_waits_long_beside_two_writers(lake: Lake, jobs: Jobs) -> None:
    assert read_beside_writers(jobs, 30) < 3


@pytest.mark.parametrize(
    "rounds", [8, pytest.param(500, marks=[pytest.mark.torture, pytest.mark.timeout(3600)])]
)
def test_a_killed_ingest_is_never_torn_and_repeats_to_the_same_rows(
    jobs: Jobs, tmp_path: Path, rounds: int
) -> None:
    seconds = torture(jobs, rounds, seed=rounds, compact_every=rounds // 2)
    print(f"\n{seconds:.2f} s a round")
    clean = Settings(
        lake_catalog=f"sqlite:{tmp_path}/clean/catalog.sqlite", lake_data=f"{tmp_path}/clean/files"
    )
    with Lake() as lake:
        assert read_content(lake) == run_undisturbed(clean)


def test_a_nul_character_in_a_value_is_refused(lake: Lake) -> None:
    with pytest.raises(InvalidRequest, match="NUL"):
        lake.rows("SELECT ?", ["a\0b"])


def test_every_file_of_a_commit_has_its_checksum(lake: Lake) -> None:
    replace_series(lake, list_symbols("A"), source="a")
    replace_series(lake, list_symbols("B"), source="b")
    recorded = {
        path: (size, digest)
        for path, size, digest in lake.rows("SELECT path, bytes, sha256 FROM meta.checksums")
    }
    paths = lake.store.listing("silver/series")
    assert len(paths) == 2
    assert recorded == {path: lake.store.checksum(path) for path in paths}


def test_batches_are_the_answer_in_parts_and_errors_are_those_of_the_lake(lake: Lake) -> None:
    with lake.view() as view:
        parts = list(view.batches("SELECT range AS n FROM range(?)", [10_000], rows=4096))
        assert sum(part.num_rows for part in parts) == 10_000
        assert len(parts) > 1
        assert [n for part in parts for n in part["n"].to_pylist()] == list(range(10_000))
        with pytest.raises(Exception, match="no_such_table") as error:
            list(view.batches("FROM gold.no_such_table"))
        with pytest.raises(type(error.value), match="no_such_table"):
            view.sql("FROM gold.no_such_table")
