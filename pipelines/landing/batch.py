"""One group of answers: read alike, judged together, written in the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa

from pipelines.contracts.silver import SILVER_BARS
from pipelines.core.calendar import UTC_TYPE, Calendar, calendar
from pipelines.lake import Writer
from pipelines.landing import bronze, gaps, grid, judge, place, quarantine, settle
from pipelines.landing.group import ExpectedBars, Group, LandingReport
from pipelines.landing.relations import Judgement, OffSession, Scratch, SilverChanges
from pipelines.landing.series import record_series
from pipelines.quality import checks
from pipelines.sources.base import BARS, Answer, Parsed

PART_ROWS = 1_000_000  # landed at a time: they are held in memory


def land(
    writer: Writer,
    group: Group,
    pieces: Sequence[tuple[Answer, Parsed]],
    expected: ExpectedBars,
    as_of: datetime,
) -> LandingReport:
    """Take one group's bars into bronze and silver."""
    market = calendar(group.calendar)
    rejects = pa.concat_tables([_stamped(parsed.rejects, answer) for answer, parsed in pieces])
    actions = pa.concat_tables([_stamped(parsed.actions, answer) for answer, parsed in pieces])
    counts, ends = Counter[str](), list[datetime | None]()
    for _, parsed in pieces:
        counts.update(parsed.count_bars())
        ends += parsed.bar_ends()
    known_ends = [end for end in ends if end is not None]
    ends = [min(known_ends), max(known_ends)] if known_ends else []
    symbols = sorted(counts)
    report, spans = LandingReport(), None
    with Scratch(writer.connection, writer.check_files) as scratch:
        split_symbols = bronze.append_actions(writer, scratch, group, actions)
    result = _LandingResult()
    span = bronze.span_to_judge(writer, group, ends, split_symbols)
    if span is not None:
        stretch = grid.build_grid(market, group.interval, group.grid, *span)
        parts = cut_by_symbol({**dict.fromkeys(split_symbols, 0), **counts}, PART_ROWS)
        for part in parts:
            is_whole = len(parts) == 1
            check_files = writer.check_files
            with Scratch(writer.connection, check_files, on_disk=not is_whole) as scratch:
                bars = _part_of(pieces, part, as_of, is_whole=is_whole)
                part_result = _land_bars(writer, scratch, group, market, stretch, bars, part)
                del bars  # before the next ones come
                result.add(part_result)
                if not expected.span:
                    result.spans += gaps.received_spans(scratch, part_result.placed)
        report = result.report
        hint = place.find_calendar_hint(result.off_session)
        report.hints.update({hint: 1} if hint else {})
        record_series(writer, group, symbols)
    with Scratch(writer.connection, writer.check_files) as scratch:
        quarantine.quarantine_unreadable(writer, scratch, group, rejects)
        if expected.span:
            expected_symbols = sorted({*symbols, *expected.symbols})
            spans = gaps.requested_spans(scratch, expected_symbols, expected.span)
        else:
            spans = gaps.merged_spans(scratch, result.spans)
        report.expected, report.missing = gaps.replace_gaps(
            writer, scratch, group, market, spans, result.changed_sessions(scratch), as_of
        )
    report.received = counts.total() + rejects.num_rows
    report.reasons.update(rejects["reason"].to_pylist())
    report.quarantined = report.reasons.total()
    return report


@dataclass
class _LandingResult:
    """What became of the parts that were landed."""

    report: LandingReport = field(default_factory=LandingReport)
    off_session: OffSession = field(default_factory=OffSession)
    placed: str = ""  # the relation of the rows of the last part
    spans: list[pa.Table] = field(default_factory=list)  # in which bars were received, by symbol
    sessions: list[pa.Table] = field(default_factory=list)  # that changed with them

    def add(self, part: _LandingResult) -> None:
        self.report.add(part.report)
        self.off_session += part.off_session
        self.sessions += part.sessions

    def changed_sessions(self, scratch: Scratch) -> str | None:
        """Return the relation of the sessions that changed; None where none can have."""
        if not self.sessions:
            return None
        return scratch.arrow("all_changed_sessions", pa.concat_tables(self.sessions))


def cut_by_symbol(counts: Mapping[str, int], most_rows: int) -> list[list[str]]:
    """Cut symbols, by their rows, into parts of at most so many rows, or of one symbol.

    A bar is judged by others of its symbol alone, so the parts can be landed one by one.
    """
    parts: list[list[str]] = []
    rows = 0
    for symbol in sorted(counts):
        rows += counts[symbol]
        if not parts or rows > most_rows:
            parts.append([])
            rows = counts[symbol]
        parts[-1].append(symbol)
    return parts


def judge_again(
    writer: Writer, group: Group, symbols: Sequence[str], span: tuple[datetime, datetime]
) -> None:
    """Bring silver to what bronze has now of these symbols, in the span and around it."""
    market = calendar(group.calendar)
    stretch = grid.build_grid(market, group.interval, group.grid, *span)
    with Scratch(writer.connection, writer.check_files) as scratch:
        result = _land_bars(writer, scratch, group, market, stretch, _NO_BARS, symbols)
    now = datetime.now(UTC)
    with Scratch(writer.connection, writer.check_files) as scratch:
        sessions = result.changed_sessions(scratch)
        gaps.replace_gaps(writer, scratch, group, market, None, sessions, now)


def _land_bars(
    writer: Writer,
    scratch: Scratch,
    group: Group,
    market: Calendar,
    stretch: grid.BarGrid,
    bars: pa.Table,
    symbols: Sequence[str],
) -> _LandingResult:
    """Judge the rows of these symbols, and write them."""
    incoming, order = grid.place_rows(bars, stretch)
    splits = bronze.recall_splits(writer, scratch, group, market, symbols)
    placed = place.check_rows(scratch, incoming)
    unique = place.choose_one_a_bar(scratch, placed, repeats=order.repeats)
    known = bronze.recall_versions(scratch, group, stretch, symbols)
    judgement = judge.judge(
        scratch, unique, known, splits, group.built_from_literal, in_order=order.ascending
    )
    bronze.append_bars(writer, group, placed, known, order)
    changes = settle.replace_bars(writer, scratch, group, symbols, stretch, judgement, order)
    quarantine.quarantine_rows(writer, scratch, group, stretch, placed, unique, judgement)
    report = settle.count_rows(writer, placed, unique, judgement, changes)
    report.settled, report.differing = settle.count_settled(writer, changes)
    report.verdicts = _check(writer, stretch, judgement, changes)
    if report.settled:
        report.verdicts.append(
            checks.stream_agreement(SILVER_BARS.full_name, report.settled, report.differing)
        )
    result = _LandingResult(report, placed.off_session, placed.all_rows)
    if changes.sessions:
        result.sessions.append(writer.sql(f"SELECT symbol, session FROM {changes.sessions}"))
    return result


def _check(
    writer: Writer, stretch: grid.BarGrid, judgement: Judgement, changes: SilverChanges
) -> list[checks.Verdict]:
    """Return the verdicts on what silver should have now."""
    connection = writer.connection
    verdicts = checks.contract_checks(
        connection, SILVER_BARS, changes.checked, constant_columns=("source", "interval")
    )
    # The rows judged, among the bars before them.
    surrounded = f"""(SELECT symbol, ts, close, ts >= {stretch.since} AS fresh
                      FROM {judgement.chosen})"""
    total = verdicts[0].rows_checked
    verdicts.append(
        checks.outliers(
            connection, surrounded, SILVER_BARS.full_name, total, in_order=judgement.in_order
        )
    )
    # Where no row could stand there is nothing to check: the whole run has a verdict on that.
    return [v for v in verdicts if v.rows_checked]


def _part_of(
    pieces: Sequence[tuple[Answer, Parsed]],
    symbols: Sequence[str],
    as_of: datetime,
    *,
    is_whole: bool,
) -> pa.Table:
    """Return the bars of these symbols, or all of them."""
    tables = [_NO_BARS]
    for answer, parsed in pieces:
        for table in parsed.bar_tables(None if is_whole else symbols):
            rows = _stamped(table.cast(BARS), answer)
            known = pa.scalar(min(as_of, answer.received_at), UTC_TYPE)
            tables.append(rows.append_column("as_of", pa.repeat(known, rows.num_rows)))
    return pa.concat_tables(tables)


def _stamped(rows: pa.Table, answer: Answer) -> pa.Table:
    received = pa.repeat(pa.scalar(answer.received_at, UTC_TYPE), rows.num_rows)
    return rows.append_column("received_at", received)


_NO_BARS = (
    BARS.empty_table()
    .append_column("received_at", pa.array([], UTC_TYPE))
    .append_column("as_of", pa.array([], UTC_TYPE))
)
