"""The jobs that tests of the lake run in processes of their own."""

from __future__ import annotations

import os
import pwd
import resource
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import filelock  # noqa: F401  imported here so that a forked job need not
import psycopg2  # noqa: F401

from pipelines import steps
from pipelines.core.calendar import interval_of
from pipelines.core.errors import LakeError
from pipelines.core.settings import settings
from pipelines.lake import Lake
from pipelines.lake.attach import attach_statements
from pipelines.lake.file_store import FolderStore
from pipelines.steps.lake import open_lake
from tests.apart_jobs import read_files, run_bullion, run_on_disk
from tests.job_server import announce
from tests.lake_rows import list_symbols, series, snapshot_row, write_series
from tests.scripted import Scripted, bar_row, bars_table, hours

DAYS = ("2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05")
VERSIONS = 2


def make() -> int:
    """Open the lake, which makes it."""
    with open_lake() as lake:
        return lake.snapshot


def append(name: str, commits: int) -> list[int]:
    """Small commits over two tables; the snapshots they became."""
    batches = []
    with open_lake() as lake:
        for number in range(commits):
            with lake.write(name) as writer:
                writer.append("silver.series", series([f"{name}-{number}"]))
                writer.append("meta.kept_snapshots", snapshot_row(writer.batch, f"{name}-{number}"))
                batches.append(writer.batch)
    return batches


def rewrite(name: str, seconds: float) -> int:
    """Replace one source's rows in two tables for a while; the number of commits."""
    end, commits = time.monotonic() + seconds, 0
    with open_lake() as lake:
        while time.monotonic() < end:
            commits += 1
            with lake.write(name) as writer:
                rows = list_symbols(count=1500) if commits % 4 == 0 else list_symbols(count=20)
                write_series(writer, rows, str(commits), source=name)
                writer.delete("meta.kept_snapshots", "reason = ?", [name])
                writer.append("meta.kept_snapshots", snapshot_row(commits, name))
    return commits


def read(seconds: float) -> dict[str, Any]:
    """Poll as an analyst would, by a DuckDB connection of one's own, six times at the least.

    A reader that meets a commit asks again a second later: in so many seconds it may read twice.
    """
    connection = duckdb.connect()
    for statement in attach_statements(settings(), read_only=True):
        connection.execute(statement)
    end, waits, torn, back = time.monotonic() + seconds, [], [], []
    newest: dict[str, int] = {}
    while time.monotonic() < end or len(waits) < 6:
        start = time.monotonic()
        rows = connection.execute(
            """SELECT k.reason, k.snapshot, s.low, s.high
               FROM (SELECT reason, max(snapshot) AS snapshot FROM meta.kept_snapshots
                     GROUP BY 1) k
               FULL JOIN (SELECT source, min(calendar::BIGINT) AS low, max(calendar::BIGINT) AS high
                          FROM silver.series GROUP BY 1) s ON k.reason = s.source"""
        ).fetchall()
        waits.append(time.monotonic() - start)
        for name, kept_at, low, high in rows:
            if not kept_at == low == high:
                torn.append([name, kept_at, low, high])
            elif kept_at < newest.get(name, 0):
                back.append([name, kept_at, newest[name]])
            else:
                newest[name] = kept_at
        time.sleep(0.005)
    return {"reads": len(waits), "longest": max(waits), "torn": torn, "back": back}


def read_during_compaction(how: str, proceed: str) -> dict[str, Any]:
    """Begin to read, and read on once the file `proceed` is there: what was read each time."""
    query = "SELECT source, calendar, count(*), max(symbol) FROM silver.series GROUP BY ALL"
    lake = open_lake(read_only=True)
    with ExitStack() as stack:
        if how == "view":
            connection = stack.enter_context(lake.view()).connection
        else:
            connection = duckdb.connect()
            for statement in attach_statements(settings(), read_only=True):
                connection.execute(statement)
        if how == "shell":
            connection.execute("BEGIN")
        if how == "stream":
            connection.execute("SET threads = 1")
            before = lake.rows("SELECT symbol, calendar FROM silver.series ORDER BY ALL")
            answer = connection.execute("SELECT symbol, calendar FROM silver.series")
            rows = answer.fetchmany(10)
        else:
            before = connection.execute(f"{query} ORDER BY ALL").fetchall()
        announce("began")
        while not Path(proceed).exists():
            time.sleep(0.01)
        if how == "stream":
            after = sorted(rows + answer.fetchall())
        else:
            after = connection.execute(f"{query} ORDER BY ALL").fetchall()
        return {"same": before == after, "before": len(before), "after": len(after)}


def hold() -> None:
    """Take the writers' turn, and keep it."""
    with open_lake() as lake, lake.write("hold") as writer:
        writer.append("silver.series", series(["held"]))
        announce("held")
        time.sleep(600)


def stop_before_the_mark() -> None:
    """Commit a row, and stay before the folder's mark is written."""

    def wait(self: FolderStore, path: str, content: bytes) -> None:
        announce("committed", path)
        time.sleep(600)

    FolderStore.write = wait  # type: ignore[method-assign]
    with open_lake() as lake, lake.write("stop") as writer:
        writer.append("silver.series", series(["committed"]))


def answers(day: str, version: int) -> Scripted:
    """What the scripted source says of a day: the second time some closes differ."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    end = start + timedelta(days=1)
    opens = hours(day, end.date().isoformat())
    rows = [
        bar_row(symbol, ts, 100 + n + (0.25 if version and n % 2 else 0))
        for symbol in ("AAA", "BBB")
        for n, ts in enumerate(opens)
        if (symbol, n) != ("BBB", 3)  # a gap
    ]
    rows[1]["high"] = 1.0  # broken: goes to quarantine
    return Scripted(bars_table(rows), received_at=end + timedelta(hours=version))


def ingest() -> int:
    """Every day, then its correction; the newest snapshot."""
    with open_lake() as lake:
        for day in DAYS:
            for version in range(VERSIONS):
                ingest_day(lake, day, version)
        return lake.snapshot


def ingest_once() -> int:
    """The first days, without their corrections."""
    with open_lake() as lake:
        for day in DAYS[:2]:
            ingest_day(lake, day, 0)
        return lake.snapshot


def ingest_day(lake: Lake, day: str, version: int) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    steps.ingest(
        lake,
        answers(day, version),
        ("AAA", "BBB"),
        interval_of("1h"),
        start,
        start + timedelta(days=1),
        run=f"{day} {version}",
    )


def failing_write(rows: int, file_bytes: int = 0, user: str = "", read_only: bool = False) -> Any:
    """A write that should fail, in a file size limit or as another user: the error, in words."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    unlimited = resource.RLIM_INFINITY
    if user:
        account = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    try:
        with open_lake(read_only=read_only) as lake:
            if file_bytes:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, unlimited))
            try:
                with lake.write("failing") as writer:
                    write_series(writer, list_symbols(count=rows), "failed")
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
    except LakeError as error:
        return {"message": error.message, "hint": error.hint}
    return None


JOBS: Mapping[str, Callable[..., object]] = {
    job.__name__: job
    for job in (
        make,
        append,
        rewrite,
        read,
        read_during_compaction,
        hold,
        stop_before_the_mark,
        ingest,
        ingest_once,
        failing_write,
        read_files,
        run_on_disk,
        run_bullion,
    )
}
