"""Bring closed minutes to bronze and silver, in a thread of its own that the prices never wait for.

Minutes that come while the lake is busy, or cannot be written, wait in the journal and in memory
and are committed together later; none is dropped. Another thread writes the journal, so that a
minute is on the disk at once, however long the commit before it takes.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa

from pipelines.contracts.columns import STREAM
from pipelines.core.calendar import interval_of
from pipelines.core.errors import BullionError
from pipelines.lake import Lake, Writer
from pipelines.landing import ExpectedBars, Group, LandingReport, land
from pipelines.quality import checks
from pipelines.sources.base import BARS, Answer, Parsed
from pipelines.steps.lake import open_lake
from pipelines.stream.journal import Journal
from pipelines.stream.messages import PriceFeed
from pipelines.stream.minutes import MinuteBar

log = logging.getLogger(__name__)

RECORD_EVERY = timedelta(hours=1)  # a row of gold.runs
LONGEST_WAIT = 30.0  # seconds between two tries to write the lake
INTERVAL = interval_of("1m")


class MinuteLander:
    """Commits the minutes of one stream.

    `on_commit` is called after each commit, with the minutes that silver had not had.
    """

    def __init__(
        self,
        feed: PriceFeed,
        journal: Journal,
        on_commit: Callable[[Sequence[MinuteBar]], None] = lambda bars: None,
        counts: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.bars = 0  # committed
        self.newest_bar: datetime | None = None
        self.delay_seconds: float | None = None
        self._feed, self._journal, self._on_commit = feed, journal, on_commit
        self._counts = counts  # of the stream, for the run's record
        self._closed: queue.SimpleQueue[Sequence[MinuteBar] | None] = queue.SimpleQueue()
        self._kept: queue.SimpleQueue[Sequence[MinuteBar] | None] = queue.SimpleQueue()
        self._pending = journal.read()
        self._landed = LandingReport()
        self._recorded_at = datetime.now(UTC)
        self._run = f"stream:{self._recorded_at:%Y-%m-%dT%H:%M:%S}"
        self._lake: Lake | None = None
        self._stopping = False
        self._keeper = threading.Thread(target=self._keep, name="keep the minutes", daemon=True)
        self._thread = threading.Thread(target=self._work, name="land the minutes", daemon=True)

    @property
    def waiting(self) -> int:
        """How many minutes are closed and not committed yet."""
        return len(self._pending) + self._closed.qsize() + self._kept.qsize()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() and self._keeper.is_alive()

    def start(self) -> None:
        self._keeper.start()
        self._thread.start()

    def add(self, bars: Sequence[MinuteBar]) -> None:
        """Take closed minutes. It never waits."""
        self._closed.put(bars)

    def stop(self) -> None:
        """Commit what waits, if the lake can be written, and end the threads."""
        self._closed.put(None)
        self._keeper.join()
        self._stopping = True
        self._kept.put(None)
        self._thread.join()
        self._journal.close()

    def _keep(self) -> None:
        """Write closed minutes to the journal, as they come."""
        while (bars := self._closed.get()) is not None:
            try:
                self._journal.append(bars)
            except OSError as error:  # they stand in memory still
                log.warning("the journal cannot be written: %s", error)
            self._kept.put(bars)

    def _work(self) -> None:
        failures = 0
        while not self._stopping or not self._kept.empty():
            if not self._pending:
                self._take(None)
            elif failures:
                self._take(min(LONGEST_WAIT, 2.0**failures / 2))
            while not self._kept.empty():
                self._take(None)
            if self._pending:
                failures = 0 if self._try_to_commit() else failures + 1
        if self._landed.received:
            self._try_to_commit()  # the record of the last hour
        if self._lake is not None:
            self._lake.close()

    def _take(self, seconds: float | None) -> None:
        """Take what was closed; wait for it so long at most."""
        try:
            self._pending += self._kept.get(timeout=seconds) or ()
        except queue.Empty:
            return

    def _try_to_commit(self) -> bool:
        bars = sorted(set(self._pending), key=lambda bar: (bar.symbol, bar.ts))
        try:
            if self._lake is None:
                self._lake = open_lake()
            fresh = self._commit(self._lake, bars)
        except (BullionError, duckdb.Error, OSError) as error:
            log.warning("%d minutes wait, the lake cannot be written: %s", len(bars), error)
            if self._lake is not None:
                self._lake.close()
                self._lake = None
            return False
        self._pending = []
        try:
            self._journal.forget(bars)
        except OSError as error:  # to commit them again changes nothing
            log.warning("the journal cannot be emptied: %s", error)
        if fresh:
            self._on_commit(fresh)
        return True

    def _commit(self, lake: Lake, bars: Sequence[MinuteBar]) -> list[MinuteBar]:
        """Land minutes in one commit; return those that silver had not had.

        Without minutes it records what was landed since the last record: the stream ends.
        """
        # A clock that is behind the provider's does not make a closed minute an open one.
        at = max([self._feed.now(), *(bar.closes_at for bar in bars)])
        by_calendar: dict[str, list[MinuteBar]] = {}
        for bar in bars:
            by_calendar.setdefault(self._feed.calendar_of(bar.symbol), []).append(bar)
        landed, fresh = LandingReport(), list[MinuteBar]()
        with lake.write(f"stream {self._feed.source}") as writer:
            for calendar, group_bars in by_calendar.items():
                answer, parsed = _build_answer(self._feed.source, calendar, group_bars, at)
                pieces = [(answer, parsed)]
                landed.add(land(writer, Group.of(answer, parsed), pieces, _AS_RECEIVED, at))
            bad = [verdict for verdict in landed.verdicts if not verdict.passed]
            if bad:
                writer.append("gold.checks", checks.as_table(bad, datetime.now(UTC)))
            now, total = datetime.now(UTC), LandingReport()
            total.add(self._landed)
            total.add(landed)
            is_due = not bars or now - self._recorded_at >= RECORD_EVERY
            if is_due:
                self._record(writer, total, now)
            fresh = _find_fresh(writer, self._feed.source, bars)
        # Only now, as what was not committed is landed and counted again.
        self._landed = LandingReport() if is_due else total
        self._recorded_at = now if is_due else self._recorded_at
        self.bars += len(fresh)
        if bars:
            self.newest_bar = max(bar.closes_at for bar in bars)
            self.delay_seconds = max(0.0, (self._feed.now() - self.newest_bar).total_seconds())
        return fresh

    def _record(self, writer: Writer, landed: LandingReport, now: datetime) -> None:
        """Write what the stream did since the last record."""
        counts = {**landed.counts, "reasons": dict(landed.reasons), **self._counts()}
        row = {
            "run": self._run,
            "step": "stream",
            "source": self._feed.source,
            "about": ",".join(self._feed.symbols),
            "interval_start": self._recorded_at,
            "interval_end": now,
            "status": "ok",
            "counts": json.dumps(counts),
            "message": None,
            "finished_at": now,
        }
        writer.append("gold.runs", pa.Table.from_pylist([row]))


_AS_RECEIVED = ExpectedBars((), None)


def _build_answer(
    source: str, calendar: str, bars: Sequence[MinuteBar], at: datetime
) -> tuple[Answer, Parsed]:
    """Return minutes of one calendar as landing takes them."""
    rows = [asdict(bar) | {"row": number} for number, bar in enumerate(bars, 1)]
    table = pa.Table.from_pylist(rows, schema=BARS)
    query = {"built_from": STREAM, "symbols": sorted({bar.symbol for bar in bars})}
    answer = Answer(source, "bars", query, b"", "application/json", at)
    return answer, Parsed(INTERVAL, table, calendar=calendar, built_from=STREAM)


def _find_fresh(writer: Writer, source: str, bars: Sequence[MinuteBar]) -> list[MinuteBar]:
    """Return the minutes that this commit brought to silver."""
    if not bars:
        return []
    keys = set(
        writer.rows(
            """SELECT symbol, epoch(ts)::BIGINT FROM silver.bars
               WHERE source = ? AND "interval" = ? AND ts BETWEEN ? AND ? AND batch = ?""",
            [
                source,
                INTERVAL.name,
                min(bar.ts for bar in bars),
                max(bar.ts for bar in bars),
                writer.batch,
            ],
        )
    )
    return [bar for bar in bars if (bar.symbol, int(bar.ts.timestamp())) in keys]
