"""A backup beside a bare copy of the same files, what an hour adds to it, and a restore.

The lake is of random numbers, which no compression makes smaller.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines.backup.create import create_backup
from pipelines.backup.objects import Objects
from pipelines.backup.restore import restore_backup
from pipelines.lake import Lake
from pipelines.lake.file_store import FolderStore
from pipelines.steps.lake import open_lake
from tests.bench.measure import Figure
from tests.empty_lake import at

GIGABYTES = 2.0
COMMITS = 40
BYTES_A_ROW = 40  # five random doubles
SPEED, INCREMENT, RESTORE = 0.5, 2.0, 180.0  # that are asked


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with open_lake(at(home / "lake")) as lake:
            rows = int(GIGABYTES * 1e9 / BYTES_A_ROW / COMMITS)
            for number in range(COMMITS):
                write_bars(lake, f"S{number}", rows)
            files = home / "lake" / "files"
            gigabytes = sum(f.stat().st_size for f in files.rglob("*") if f.is_file()) / 1e9
            copying = timed(lambda: shutil.copytree(files, home / "copy"))
            shutil.rmtree(home / "copy")
            objects = Objects(FolderStore(str(home / "backups")))
            backing_up = timed(lambda: create_backup(lake, objects, None))
            yield Figure(
                f"backup of {gigabytes:.1f} GB, each file hashed",
                f"{backing_up:.1f} s, {gigabytes / backing_up:.2f} GB/s",
                f"{copying:.1f} s, {gigabytes / copying:.2f} GB/s (copied, and on the disk)",
                f"{copying / backing_up:.2f} of its speed",
                f"at least {SPEED:g} asked",
            )
            write_bars(lake, "hour", 1000)
            increment = timed(lambda: create_backup(lake, objects, None))
            yield Figure(
                "the next backup, an hour later",
                f"{increment:.2f} s",
                f"at most {INCREMENT:g} s",
                f"{increment / INCREMENT:.2f}",
                "1,000 new rows",
            )
        shutil.rmtree(home / "lake")
        restoring = timed(lambda: restore_backup(objects, None, None, config=at(home / "lake")))
        yield Figure(
            "restored and verified",
            f"{restoring:.1f} s",
            f"at most {RESTORE:g} s",
            f"{restoring / RESTORE:.2f}",
            f"{gigabytes / restoring:.2f} GB/s",
        )


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of a work, until all of it is on the disk."""
    began = time.perf_counter()
    work()
    os.sync()
    return time.perf_counter() - began


def write_bars(lake: Lake, symbol: str, rows: int) -> None:
    """Write bars of random prices to silver directly."""
    with lake.write("fill") as writer:
        writer.touch("silver.bars")
        writer.run(
            f"""INSERT INTO silver.bars BY NAME
                SELECT 'sample' AS source, '{symbol}' AS symbol, '1m' AS "interval",
                       TIMESTAMPTZ '2000-01-01' + to_minutes(n) AS ts, ts + INTERVAL 1 MINUTE
                       AS closes_at, ts::DATE AS session, random() AS open, random() AS high,
                       random() AS low, random() AS close, random() AS volume,
                       1.0 AS split_factor, now() AS received_at, {writer.batch} AS batch
                FROM range({rows}) r(n)"""
        )
