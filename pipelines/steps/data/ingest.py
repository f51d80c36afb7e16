"""Bring bars from a source to silver."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa

from pipelines.contracts.silver import SILVER_BARS
from pipelines.core.calendar import Interval
from pipelines.core.errors import InvalidRequest, UnknownSymbol
from pipelines.core.progress import Progress, no_progress
from pipelines.core.universes import MemberCount, name_some
from pipelines.lake import Lake, Writer
from pipelines.landing import ExpectedBars, Group, LandingReport, land
from pipelines.landing.bronze import keep_answers
from pipelines.quality import checks
from pipelines.sources.base import Answer, Parsed, Request, Source
from pipelines.steps.data.pieces import (
    GIVE_UP_AFTER,
    describe_failures,
    finished_pieces,
    parsed_answers,
)

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
DEFAULT_SPAN = timedelta(days=30)  # before the end, where no start is named
COMMIT_ROWS = 500_000  # rows gathered before they are committed
COMMIT_BYTES = 256 << 20
COMMIT_SECONDS = 30.0  # gathered at most by a source that resumes: a killed run loses no more


@dataclass
class IngestReport:
    """What an ingest did, in counts and in words."""

    source: str
    about: str
    requested: tuple[str, ...] = ()  # empty: whatever the source has
    noun: str = "symbols"  # what these are
    with_bars: set[str] = field(default_factory=set)
    landed: LandingReport = field(default_factory=LandingReport)
    resumed: int = 0  # pieces that an earlier run had brought already
    failures: list[str] = field(default_factory=list)
    missing_bars: dict[str, str] = field(default_factory=dict)  # by symbol: fail, warn or pass
    unavailable: int = 0  # pieces in a row for which the source was down
    unknown_symbols: set[str] = field(default_factory=set)  # that the source said it does not have
    snapshot: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return self.landed.counts

    @property
    def members(self) -> MemberCount:
        """How many of the requested symbols had bars, and which had none."""
        absent = tuple(symbol for symbol in self.requested if symbol not in self.with_bars)
        return MemberCount(len(self.requested), absent)

    def summary(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        lines = [f"{self.source} {self.about}: {counts}"]
        if self.requested and (self.noun != "symbols" or self.members.absent):
            lines.append(self.members.describe(self.noun))
        if self.landed.settled:
            lines.append(
                f"{self.landed.settled:,} bars built from the stream were settled, "
                f"{self.landed.differing:,} of them had other prices"
            )
        if self.landed.reasons:
            reasons = ", ".join(f"{n:,} {r}" for r, n in self.landed.reasons.most_common())
            lines.append(f"quarantined: {reasons}")
        lines += [f"not_in_session: {hint}" for hint in self.landed.hints]
        if self.resumed:
            lines.append(f"{self.resumed} pieces were there already (--force asks again)")
        lines += [
            f"warning: {v.check}: {v.detail}"
            for v in self.landed.verdicts
            if v.kind == "warning" and not v.passed
        ]
        return "\n".join(lines)

    def enforce(self) -> None:
        """Raise for what went wrong, once everything good is committed."""
        if self.failures:
            raise describe_failures(self.failures)
        bars = self.landed.accepted + self.landed.replaced
        outcome = f"{bars:,} bars committed" if bars else "no bars committed"
        if not bars and self.landed.unchanged:
            outcome = f"no bars committed, as {self.landed.unchanged:,} were there already"
        checks.enforce(self.landed.verdicts, outcome)


def ingest(
    lake: Lake,
    source: Source,
    symbols: Sequence[str],
    interval: Interval,
    start: datetime | None,
    end: datetime,
    *,
    as_of: datetime | None = None,
    about: str = "",
    run: str = "cli",
    force: bool = False,
    members: Sequence[str] = (),
    progress: Progress = no_progress,
) -> IngestReport:
    """Bring the bars that open in [start, end) from a source to silver.

    Of the `members` of a universe, whom the symbols are requested for, those without bars are
    named. Without symbols a source returns all it has; without a start, everything where the
    source is `whole`, or else 30 days. Nothing later than `as_of` (default: now) is used. Every
    commit is complete; a run that was stopped continues where it was, and a repeated run changes
    nothing.
    """
    now = datetime.now(UTC)
    as_of = min(as_of or now, now)
    if start is None and not source.whole:
        start = end - DEFAULT_SPAN
    if not interval.intraday:
        start, end = _whole_days(start, end)
    if end <= (start or FIRST):
        raise InvalidRequest(f"the range ends at {end}, before it starts at {start}")
    if start is not None and start > as_of:
        raise InvalidRequest(f"the range starts at {start}, after {as_of:%Y-%m-%d %H:%M} UTC")
    until = min(end, as_of) if interval.intraday else end
    about = about or ",".join(symbols) or "everything found"
    requested = tuple(dict.fromkeys(members or symbols))
    report = IngestReport(source.name, about, requested, "members" if members else "symbols")
    request = Request(tuple(symbols), interval, start or FIRST, until, as_of)
    pieces = list(source.pieces(request))
    finished = set[str]()
    if source.resumes and not force:
        finished = finished_pieces(lake, source.name, "bars", {_name(p): p.end for p in pieces})
    pending = _PendingAnswers(
        lake, report, request, start is not None, run, COMMIT_SECONDS if source.resumes else None
    )
    progress("asking", 0, len(pieces))
    for number, piece in enumerate(pieces, 1):
        if _name(piece) in finished:
            report.resumed += 1
            report.with_bars.update(piece.symbols)
        elif report.unavailable >= GIVE_UP_AFTER:
            report.failures.append(f"{len(pieces) - number + 1} more pieces were not requested")
            break
        elif not piece.symbols or not report.unknown_symbols.issuperset(piece.symbols):
            answers = parsed_answers(partial(_fetch, source, piece, report), source.parse, report)
            pending.take(piece, answers)
        progress(f"{','.join(piece.symbols[:3])} {piece.start:%Y-%m-%d}", number, len(pieces))
    pending.commit(last=True)
    return report


def _fetch(source: Source, piece: Request, report: IngestReport) -> Iterator[Answer]:
    """Fetch a piece; note the symbols that the source does not have, so as to ask only once."""
    try:
        yield from source.fetch(piece)
    except UnknownSymbol:
        report.unknown_symbols.update(piece.symbols)
        raise


def listed_symbols(source: Source, symbols: Sequence[str], about: str) -> tuple[str, ...]:
    """Return the members of a universe that a source lists; all of them where it has no list."""
    listed = source.symbols()
    known = tuple(symbol for symbol in symbols if listed is None or symbol in listed)
    if symbols and not known:
        raise InvalidRequest(
            f"{source.name} has none of the {len(symbols):,} members of {about}: "
            f"{name_some(symbols)}",
            "name another source or universe, or bring the members' files",
        )
    return known


def _whole_days(start: datetime | None, end: datetime) -> tuple[datetime | None, datetime]:
    """Widen the range to whole days, by which bars of a day and longer are named."""
    first = start and start.replace(hour=0, minute=0, second=0, microsecond=0)
    last = end.replace(hour=0, minute=0, second=0, microsecond=0)
    return first, last if last == end else last + timedelta(days=1)


class _PendingAnswers:
    """Answers that are gathered for one commit."""

    def __init__(
        self,
        lake: Lake,
        report: IngestReport,
        request: Request,
        bounded: bool,
        run: str,
        seconds: float | None,
    ) -> None:
        self._lake, self._report, self._request, self._run = lake, report, request, run
        # Without a start the data says where it begins, and no gap lies before that.
        self._requested_span = (request.start, request.end) if bounded else None
        self._answers: list[tuple[Request, Answer, Parsed]] = []
        self._rows = self._bytes = 0
        self._seconds = seconds  # after which what was gathered is committed; None: never
        self._began = time.monotonic()

    def take(self, piece: Request, answers: Iterator[tuple[Answer, Parsed]]) -> None:
        for answer, parsed in answers:
            # Not before another comes: the last ones share their commit with the run's record.
            if self._is_due():
                self.commit()
            self._answers.append((piece, answer, parsed))
            counts = parsed.count_bars()
            self._report.with_bars.update(counts)
            self._rows += counts.total()
            self._bytes += answer.size

    def _is_due(self) -> bool:
        if self._seconds is not None and time.monotonic() - self._began >= self._seconds:
            return True
        return self._rows >= COMMIT_ROWS or self._bytes >= COMMIT_BYTES

    def commit(self, last: bool = False) -> None:
        if not self._answers and not last:
            return
        report, landed = self._report, LandingReport()
        groups: dict[Group, list[tuple[Answer, Parsed]]] = {}
        symbols: dict[Group, set[str]] = {}
        for piece, answer, parsed in self._answers:
            group = Group.of(answer, parsed)
            groups.setdefault(group, []).append((answer, parsed))
            symbols.setdefault(group, set()).update(piece.symbols)
            report.missing_bars |= _missing_bars_of(parsed)
        with self._lake.write(f"ingest {report.source}") as writer:
            keep_answers(writer, [(_name(piece), answer) for piece, answer, _ in self._answers])
            for group, pieces in groups.items():
                expected = ExpectedBars(tuple(symbols[group]), self._requested_span)
                landed.add(land(writer, group, pieces, expected, self._request.as_of))
            report.landed.add(landed)
            if last:
                report.landed.verdicts = checks.merge_verdicts(
                    [*report.landed.verdicts, *_overall(report)]
                )
            _record(writer, report, landed, self._request, self._run, last)
            report.snapshot = writer.batch
        self._answers, self._rows, self._bytes = [], 0, 0
        self._began = time.monotonic()


def _missing_bars_of(parsed: Parsed) -> dict[str, str]:
    """Return what follows from missing bars, by symbol: of those that came or are named."""
    choices = dict(parsed.missing_bars)
    default = choices.pop("default", "fail")
    return dict.fromkeys(parsed.count_bars(), default) | choices


def _overall(report: IngestReport) -> list[checks.Verdict]:
    landed, name = report.landed, SILVER_BARS.full_name
    rows = landed.received + report.resumed
    verdicts = [
        checks.not_empty(name, rows),
        checks.some_stand(name, landed.received, landed.reasons),
    ]
    kinds: dict[str, checks.Kind] = {"fail": "blocking", "warn": "warning"}
    for choice, kind in kinds.items():
        symbols = {s for s in landed.expected if report.missing_bars.get(s, "fail") == choice}
        expected, missing = (
            Counter({s: n for s, n in counts.items() if s in symbols})
            for counts in (landed.expected, landed.missing)
        )
        if expected.total():
            verdicts.append(checks.completeness(name, expected, missing, kind=kind))
    return verdicts


def _record(
    writer: Writer,
    report: IngestReport,
    landed: LandingReport,
    request: Request,
    run: str,
    last: bool,
) -> None:
    """Write the run record and the verdicts in the commit of the rows that they are about."""
    verdicts = report.landed.verdicts if last else landed.verdicts
    now = datetime.now(UTC)
    if verdicts:
        writer.append("gold.checks", checks.as_table(verdicts, now))
    bad = [v for v in report.landed.verdicts if not v.passed]
    status = "ok" if not bad and not report.failures else "warned"
    if report.failures or any(v.blocks for v in bad):
        status = "failed"
    counts: dict[str, Any] = landed.counts | {"reasons": dict(landed.reasons)}
    if landed.settled:
        counts |= {"settled": landed.settled, "differing": landed.differing}
    absent = [report.members.describe(report.noun)] if last and report.members.absent else []
    row: dict[str, Any] = {
        "run": run,
        "step": "ingest",
        "source": report.source,
        "about": report.about,
        "interval_start": request.start,
        "interval_end": request.end,
        "status": status,
        "counts": json.dumps(counts),
        "message": "; ".join([*report.failures, *(v.detail for v in bad), *absent]) or None,
        "finished_at": now,
    }
    writer.append("gold.runs", pa.Table.from_pylist([row]))


def _name(piece: Request) -> str:
    span = f"{piece.start.isoformat()} {piece.end.isoformat()}"
    return f"{','.join(piece.symbols)} {piece.interval} {span}"
