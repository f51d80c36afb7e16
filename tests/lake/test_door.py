"""The lake: whole commits, one snapshot a view, writers in turn."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb
import pytest

from pipelines.core.errors import InvalidRequest, LakeError
from pipelines.core.settings import Settings
from pipelines.lake import Lake, View
from pipelines.lake.catalog import CATALOG
from pipelines.lake.errors import redacted, translated
from pipelines.lake.verification import verify
from tests.conftest import OutsideReached
from tests.job_server import Jobs
from tests.kill_rounds import read_content, run_undisturbed, torture
from tests.lake_rows import (
    count_versions,
    list_symbols,
    replace_series,
    series,
    snapshot_row,
    write_series,
)
from tests.small_disk import run_on


def test_no_test_reaches_beyond_the_machine() -> None:
    with socket.socket() as outside, pytest.raises(OutsideReached, match=r"192\.0\.2\.1"):
        outside.connect(("192.0.2.1", 80))


def test_the_sqlite_catalog_is_in_wal_mode(lake: Lake) -> None:
    assert lake.rows(f"FROM sqlite_query('{CATALOG}', 'PRAGMA journal_mode')") == [("wal",)]


def test_a_commit_over_several_tables_is_all_or_nothing(lake: Lake) -> None:
    replace_series(lake, list_symbols(), "1")
    before = lake.snapshot

    def half() -> None:
        with lake.write() as writer:
            write_series(writer, list_symbols(), "2")
            writer.append("meta.kept_snapshots", snapshot_row(1, "half"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
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


def test_small_writes_stay_in_the_catalog_and_large_ones_become_files(lake: Lake) -> None:
    replace_series(lake, list_symbols(count=10))
    assert lake.store.listing("silver/series") == set()
    replace_series(lake, list_symbols(), source="t")
    assert len(lake.store.listing("silver/series")) == 1


def test_a_row_carries_the_number_of_the_snapshot_that_first_holds_it(lake: Lake) -> None:
    for version in ("1", "2"):
        batch = replace_series(lake, ["A"], version)
        assert lake.snapshot == batch
        assert lake.rows("SELECT batch FROM silver.series") == [(batch,)]
    with lake.view(batch - 1) as view:
        assert view.one("SELECT batch FROM silver.series") == batch - 1


@pytest.mark.parametrize("count", [5, 3000])
def test_an_older_snapshot_shows_its_own_rows(lake: Lake, count: int) -> None:
    first = replace_series(lake, list_symbols(count=count), "1")
    replace_series(lake, list_symbols(count=count), "2")
    assert count_versions(lake, first) == {"1": count}
    assert count_versions(lake) == {"2": count}


def test_a_snapshot_that_never_was_says_so(lake: Lake) -> None:
    for snapshot, kind in ((999, LakeError), (-1, InvalidRequest), (2**63, InvalidRequest)):
        with pytest.raises(kind, match="snapshot") as caught, lake.view(snapshot):
            pass
        assert "lake.snapshots()" in caught.value.hint


def test_a_view_stays_on_its_snapshot_while_a_writer_commits(lake: Lake) -> None:
    replace_series(lake, ["A"], "1")
    with lake.view() as view:
        assert view.one("SELECT calendar FROM silver.series") == "1"
        replace_series(lake, ["A"], "2")
        replace_series(lake, list_symbols(), "9", source="t")
        assert view.rows("SELECT calendar FROM silver.series") == [("1",)]
    assert count_versions(lake)["2"] == 1


def test_an_end_by_an_error_leaves_other_views_and_the_next_ones_alone(lake: Lake) -> None:
    def failing(opened: Callable[[], AbstractContextManager[View]]) -> None:
        with opened() as view:
            view.connection.execute("FROM range(1000000)")  # its answer is not taken
            raise ZeroDivisionError

    replace_series(lake, list_symbols(), "1")
    with lake.view() as beside:
        for opened in (lake.view, lake.write):
            with pytest.raises(ZeroDivisionError):
                failing(opened)
        assert beside.one("SELECT count(*) FROM silver.series") == len(list_symbols())
    replace_series(lake, list_symbols(), "2")
    assert count_versions(lake) == {"2": len(list_symbols())}


def test_a_writer_reads_its_own_rows_before_they_are_committed(lake: Lake) -> None:
    with lake.write() as writer:
        write_series(writer, ["A"])
        assert writer.one("SELECT count(*) FROM silver.series") == 1
        assert count_versions(lake) == {}


def test_threads_take_turns_and_lose_nothing(lake: Lake) -> None:
    def write(name: str) -> None:
        for number in range(5):
            with lake.write(name) as writer:
                writer.append("silver.series", series([f"{name}{number}"]))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = lake.rows(
        "SELECT count(DISTINCT symbol), count(*), count(DISTINCT batch) FROM silver.series"
    )
    assert rows == [(20, 20, 20)]


def test_processes_take_turns_and_lose_nothing(lake: Lake, jobs: Jobs) -> None:
    running = [jobs.start("append", name, 6) for name in "abcd"]
    made = [number for job in running for number in job.result()]
    assert len(set(made)) == 24
    rows = lake.rows(
        """SELECT count(*), count(DISTINCT symbol), bool_and(s.batch = k.snapshot)
           FROM silver.series s FULL JOIN meta.kept_snapshots k ON s.symbol = k.reason"""
    )
    assert rows == [(24, 24, True)]


def test_four_processes_that_ingest_the_same_bars_leave_what_one_leaves(
    lake: Lake, jobs: Jobs
) -> None:
    values = "source, symbol, ts, open, high, low, close, volume"
    asked = f"SELECT {values} FROM silver.bars ORDER BY ALL"
    rejected = "SELECT symbol, ts, reason, original FROM silver.quarantine ORDER BY ALL"
    for job in [jobs.start("ingest_once") for _ in range(4)]:
        job.result()
    together = [lake.rows(asked), lake.rows(rejected)]
    heard = lake.rows("SELECT count(*) FROM bronze.bars")
    jobs.run("ingest_once")
    assert [lake.rows(asked), lake.rows(rejected)] == together
    assert lake.rows("SELECT count(*) FROM bronze.bars") == heard
    assert len(together[0]) == len({row[:3] for row in together[0]}) == 4 * (7 + 6) - 4


def test_processes_that_make_the_lake_at_once_make_one(lake_settings: Settings, jobs: Jobs) -> None:
    running = [jobs.start("make") for _ in range(4)]
    assert len({job.result() for job in running}) == 1
    with Lake() as lake:
        # With the feature tables, and without: each is written once.
        rows = lake.rows("SELECT count(*), count(DISTINCT fingerprint) FROM meta.layouts")
        assert rows == [(2, 2)]


def test_who_waits_too_long_is_told_who_holds_the_turn(
    lake: Lake, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = jobs.start("hold")
    holder.said("held")
    monkeypatch.setenv("BULLION_LAKE_LOCK_TIMEOUT", "0.1")
    with Lake() as late, pytest.raises(LakeError) as caught, late.write("late"):
        pass
    assert f"held by hold (process {holder.pid}" in caught.value.message
    assert "BULLION_LAKE_LOCK_TIMEOUT" in caught.value.hint
    assert count_versions(lake) == {}  # a reader need not wait

    note = Path(lake.target + ".writer")
    note.write_bytes(b"hold\xff")  # as a torn write leaves it
    with Lake() as late, pytest.raises(LakeError, match="held by hold"), late.write("late"):
        pass
    note.unlink()
    note.mkdir()
    with Lake() as late, pytest.raises(LakeError, match="an unknown writer"), late.write("late"):
        pass
    note.rmdir()

    holder.kill()
    replace_series(lake, ["A"])  # the turn died with its holder
    assert count_versions(lake) == {"1": 1}


def test_a_lake_for_reading_refuses_to_write(lake: Lake) -> None:
    with Lake(read_only=True) as reader:
        with pytest.raises(LakeError, match="reading only"), reader.write():
            pass
        with reader.compacting() as commit, pytest.raises(LakeError), commit("x"):
            pass


def test_reading_a_lake_that_is_not_there_makes_none(lake_settings: Settings) -> None:
    with pytest.raises(LakeError, match="there is no lake") as caught:
        Lake(read_only=True)
    assert "bullion ingest" in caught.value.hint
    assert not Path(lake_settings.lake_catalog.removeprefix("sqlite:")).exists()


def test_a_catalog_that_is_none_says_how_to_write_one() -> None:
    with pytest.raises(InvalidRequest, match="no catalog") as caught:
        Lake(Settings(lake_catalog="mysql:x"))
    assert "sqlite:PATH" in caught.value.hint


@pytest.mark.parametrize("damage", ["torn", "gone"])
def test_reading_a_damaged_file_leads_to_verify(
    lake: Lake, lake_settings: Settings, damage: str
) -> None:
    replace_series(lake, list_symbols())
    file = Path(lake_settings.lake_data) / lake.store.listing("silver/series").pop()
    if damage == "torn":
        file.write_bytes(file.read_bytes()[:500])
    else:
        file.unlink()
    with Lake() as anew, pytest.raises(LakeError, match=file.name) as caught:
        anew.rows("SELECT max(symbol) FROM silver.series")
    assert "bullion verify" in caught.value.hint


def test_an_unreachable_postgresql_is_named_without_its_password() -> None:
    target = "postgres:host=127.0.0.1 port=1 dbname=x password=geheim"
    with pytest.raises(LakeError, match="cannot be reached") as caught:
        Lake(Settings(lake_catalog=target))
    assert "port 1" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "BULLION_LAKE_CATALOG" in caught.value.hint
    assert redacted("postgresql://me:geheim@h/x password='ge heim'") == (
        "postgresql://me:***@h/x password=***"
    )


def test_an_error_of_the_query_stays_duckdbs_own(lake: Lake) -> None:
    with pytest.raises(duckdb.BinderException), translated(), lake.view() as view:
        view.connection.execute("SELECT nothing FROM silver.series")


# -- disks


def test_a_file_that_cannot_grow_commits_nothing(lake: Lake, jobs: Jobs) -> None:
    replace_series(lake, list_symbols(), "kept")
    before = lake.snapshot
    for rows, limit in ((60_000, 20_000), (50, 4_096)):  # a data file; the catalog
        error = jobs.run("failing_write", rows, limit)
        assert error is not None
        assert "nothing was committed" in error["hint"]
        assert lake.snapshot == before
        assert count_versions(lake) == {"kept": len(list_symbols())}
    replace_series(lake, ["A"], "next", source="t")
    assert count_versions(lake)["next"] == 1
    assert verify(lake).problems == []


FULL = """
import os
from pathlib import Path
from pipelines.core.errors import LakeError
from pipelines.lake import Lake
from pipelines.lake.verification import verify
from tests.lake_rows import list_symbols, write_series, replace_series, count_versions

disk = Path(os.environ["DISK"])
with Lake() as lake:
    replace_series(lake, list_symbols(), "kept")
    before = lake.snapshot
    ballast = disk / "ballast"
    for rows, left in ((200_000, 200_000), (900, 0)):
        room = os.statvfs(disk)
        ballast.write_bytes(bytes(room.f_bavail * room.f_bsize - left))
        try:
            replace_series(lake, list_symbols(count=rows), "failed")
        except LakeError as error:
            assert error.hint.endswith("nothing was committed"), error
            assert "full" in error.message, error
            assert str(disk) in error.message, error
        else:
            raise AssertionError("it fitted")
        ballast.unlink()
        assert lake.snapshot == before
        assert count_versions(lake) == {"kept": len(list_symbols())}
    replace_series(lake, ["A"], "next", source="t")
    assert count_versions(lake)["next"] == 1
    assert verify(lake).problems == []
print("kept")
"""


def test_a_full_disk_commits_nothing(tmp_path: Path) -> None:
    ran = run_on(tmp_path / "disk", 8, FULL)
    assert ran.stdout == "kept\n", ran.stderr


MOUNTED = """
import os, subprocess
from pipelines.core.errors import LakeError
from pipelines.lake import Lake
from tests.lake_rows import list_symbols, replace_series

with Lake() as lake:
    replace_series(lake, list_symbols(), "kept")
subprocess.run(["mount", "-o", "remount,ro", os.environ["DISK"]], check=True)
elsewhere = os.environ["BULLION_LAKE_CATALOG"].replace("/lake/", "/other/")
for catalog in (os.environ["BULLION_LAKE_CATALOG"], elsewhere):
    os.environ["BULLION_LAKE_CATALOG"] = catalog
    try:
        Lake()
    except LakeError as error:
        assert "the disk is mounted read-only" in error.hint, error
        assert "who owns" not in error.hint, error
        print("refused")
"""


def test_a_disk_that_is_mounted_read_only_is_told_from_one_of_another_owner(tmp_path: Path) -> None:
    ran = run_on(tmp_path / "disk", 8, MOUNTED)
    assert ran.stdout == "refused\nrefused\n", ran.stderr


def test_a_read_only_folder_is_a_clear_error(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere, so the write is made as someone else, outside pytest's own folder.
    folder = Path(tempfile.mkdtemp(prefix="bullion-lake-"))
    try:
        monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{folder}/lake/catalog.sqlite")
        monkeypatch.setenv("BULLION_LAKE_DATA", f"{folder}/lake/files")
        user = "nobody" if os.geteuid() == 0 else ""
        folder.chmod(0o555)
        error = jobs.run("failing_write", 10, 0, user)
        assert "ermission denied" in error["message"]
        assert str(folder) in error["message"]
        folder.chmod(0o755)
        with Lake() as lake:
            replace_series(lake, list_symbols(), "kept")
            for path in (folder / "lake", *(folder / "lake").rglob("*")):
                path.chmod(0o555 if path.is_dir() else 0o444)
            for rows in (10, 5000):
                error = jobs.run("failing_write", rows, 0, user)
                assert str(folder) in error["message"]
                assert "permissions" in error["hint"]
            assert count_versions(lake) == {"kept": len(list_symbols())}
    finally:
        for path in folder.rglob("*"):
            path.chmod(0o755)
        shutil.rmtree(folder)


# -- readers beside writers, and writers that die


def read_beside_writers(jobs: Jobs, seconds: float) -> float:
    """The longest wait of a reader beside two writers; what it reads is whole and ascends."""
    writers = [jobs.start("rewrite", name, seconds + 1) for name in ("a", "b")]
    seen = jobs.start("read", seconds).result()
    commits = sum(writer.result() for writer in writers)
    print(f"\n{seen['reads']} reads beside {commits} commits, longest {seen['longest']:.3f} s")
    assert seen["torn"] == []
    assert seen["back"] == []
    assert seen["reads"] > 5
    return float(seen["longest"])


def test_a_reader_never_fails_beside_two_writers(lake: Lake, jobs: Jobs) -> None:
    read_beside_writers(jobs, 4)


@pytest.mark.torture
def test_a_reader_never_waits_long_beside_two_writers(lake: Lake, jobs: Jobs) -> None:
    assert read_beside_writers(jobs, 30) < 3


@pytest.mark.parametrize(
    "rounds", [20, pytest.param(500, marks=[pytest.mark.torture, pytest.mark.timeout(3600)])]
)
def test_a_killed_ingest_is_never_torn_and_repeats_to_the_same_rows(
    jobs: Jobs, tmp_path: Path, rounds: int
) -> None:
    taken = torture(jobs, rounds, seed=rounds, compact_every=rounds // 2)
    print(f"\n{taken:.2f} s a round")
    clean = Settings(
        lake_catalog=f"sqlite:{tmp_path}/clean/catalog.sqlite", lake_data=f"{tmp_path}/clean/files"
    )
    with Lake() as lake:
        assert read_content(lake) == run_undisturbed(clean)
