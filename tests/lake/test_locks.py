"""Writers take turns, threads and processes alike, and no row is lost."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pipelines.core.errors import LakeError
from pipelines.core.settings import Settings
from pipelines.lake import Lake
from tests.job_server import Jobs
from tests.lake_rows import (
    count_versions,
    replace_series,
    series,
)
from tests.many_processes import append_at_once, make_lake_at_once


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
    append_at_once(lake, jobs, "abcd", 3)


def test_four_processes_that_ingest_the_same_bars_leave_what_one_leaves(
    lake: Lake, jobs: Jobs
) -> None:
    values = "source, symbol, ts, open, high, low, close, volume"
    bars_query = f"SELECT {values} FROM silver.bars ORDER BY ALL"
    rejects_query = "SELECT symbol, ts, reason, original FROM silver.quarantine ORDER BY ALL"
    for job in [jobs.start("ingest_once") for _ in range(4)]:
        job.result()
    bars_and_rejects = [lake.rows(bars_query), lake.rows(rejects_query)]
    bronze_count = lake.rows("SELECT count(*) FROM bronze.bars")
    jobs.run("ingest_once")
    assert [lake.rows(bars_query), lake.rows(rejects_query)] == bars_and_rejects
    assert lake.rows("SELECT count(*) FROM bronze.bars") == bronze_count
    assert (
        len(bars_and_rejects[0]) == len({row[:3] for row in bars_and_rejects[0]}) == 2 * (7 + 6) - 2
    )


def test_processes_that_make_the_lake_at_once_make_one(lake_settings: Settings, jobs: Jobs) -> None:
    make_lake_at_once(jobs)
    with Lake() as lake:
        # With the feature tables, and without: each is written once.
        rows = lake.rows("SELECT count(*), count(DISTINCT fingerprint) FROM meta.layouts")
        assert rows == [(2, 2)]


def test_a_writer_that_waits_too_long_learns_who_holds_the_lock(
    lake: Lake, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = jobs.start("hold")
    holder.said("held")
    monkeypatch.setenv("BULLION_LAKE_LOCK_TIMEOUT", "0.1")
    with Lake() as waiting, pytest.raises(LakeError) as caught, waiting.write("late"):
        pass
    assert f"held by hold (process {holder.pid}" in caught.value.message
    assert "BULLION_LAKE_LOCK_TIMEOUT" in caught.value.hint
    assert count_versions(lake) == {}  # a reader need not wait

    note = Path(lake.target + ".writer")
    note.write_bytes(b"hold\xff")  # as a torn write leaves it
    with Lake() as waiting, pytest.raises(LakeError, match="held by hold"), waiting.write("late"):
        pass
    note.unlink()
    note.mkdir()
    with (
        Lake() as waiting,
        pytest.raises(LakeError, match="an unknown writer"),
        waiting.write("late"),
    ):
        pass
    note.rmdir()

    holder.kill()
    replace_series(lake, ["A"])  # the turn died with its holder
    assert count_versions(lake) == {"1": 1}
