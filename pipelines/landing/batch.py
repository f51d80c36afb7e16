"""One group of answers: read alike, judged together, written in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.silver import SILVER_BARS
from pipelines.core.calendar import UTC_TYPE, Calendar, calendar
from pipelines.lake import Writer
from pipelines.landing import bronze, gaps, grid, judge, place, quarantine, settle
from pipelines.landing.group import ExpectedBars, Group, LandingReport
from pipelines.landing.relations import Judgement, Scratch, SilverChanges
from pipelines.landing.series import record_series
from pipelines.quality import checks
from pipelines.sources.base import BARS, Answer, Parsed


def land(
    writer: Writer,
    group: Group,
    pieces: Sequence[tuple[Answer, Parsed]],
    expected: ExpectedBars,
    as_of: datetime,
) -> LandingReport:
    """Take one group's bars into bronze and silver."""
    market = calendar(group.calendar)
    bars = pa.concat_tables([_stamped_bars(answer, parsed, as_of) for answer, parsed in pieces])
    rejects = pa.concat_tables([_stamped(parsed.rejects, answer) for answer, parsed in pieces])
    actions = pa.concat_tables([_stamped(parsed.actions, answer) for answer, parsed in pieces])
    symbols = sorted(pc.unique(bars["symbol"]).to_pylist())
    report, spans, changed_sessions = LandingReport(), None, None
    with Scratch(writer.connection, writer.check_files) as scratch:
        split_symbols = bronze.append_actions(writer, scratch, group, actions)
        span = bronze.span_to_judge(writer, group, bars, split_symbols)
        if span is not None:
            touched = sorted({*symbols, *split_symbols})
            report, placed, changed_sessions = _land_bars(
                writer, scratch, group, market, span, bars, touched
            )
            record_series(writer, group, symbols)
            if not expected.span:
                spans = gaps.received_spans(scratch, placed)
        quarantine.quarantine_unreadable(writer, scratch, group, rejects)
        if expected.span:
            expected_symbols = sorted({*symbols, *expected.symbols})
            spans = gaps.requested_spans(scratch, expected_symbols, expected.span)
        report.expected, report.missing = gaps.replace_gaps(
            writer, scratch, group, market, spans, changed_sessions, as_of
        )
    report.received = bars.num_rows + rejects.num_rows
    report.reasons.update(rejects["reason"].to_pylist())
    report.quarantined = report.reasons.total()
    return report


def judge_again(
    writer: Writer, group: Group, symbols: Sequence[str], span: tuple[datetime, datetime]
) -> None:
    """Bring silver to what bronze has now of these symbols, in the span and around it."""
    market = calendar(group.calendar)
    with Scratch(writer.connection, writer.check_files) as scratch:
        _, _, changed_sessions = _land_bars(writer, scratch, group, market, span, _NO_BARS, symbols)
        now = datetime.now(UTC)
        gaps.replace_gaps(writer, scratch, group, market, None, changed_sessions, now)


def _land_bars(
    writer: Writer,
    scratch: Scratch,
    group: Group,
    market: Calendar,
    span: tuple[datetime, datetime],
    bars: pa.Table,
    symbols: Sequence[str],
) -> tuple[LandingReport, str, str | None]:
    """Judge the rows of these symbols, and write them.

    Returns also the relations of the placed rows, and of the sessions that changed with them.
    """
    stretch = grid.build_grid(market, group.interval, group.grid, *span)
    incoming, order = grid.place_rows(bars, stretch)
    splits = bronze.recall_splits(writer, scratch, group, market, symbols)
    placed = place.check_rows(scratch, incoming)
    unique = place.choose_one_a_bar(scratch, placed, repeats=order.repeats)
    known = bronze.recall_versions(scratch, group, stretch, symbols)
    judgement = judge.judge(scratch, unique, known, splits, in_order=order.ascending)
    bronze.append_bars(writer, group, placed, known, order)
    changes = settle.replace_bars(writer, scratch, group, symbols, stretch, judgement, order)
    quarantine.quarantine_rows(writer, scratch, group, stretch, placed, unique, judgement)
    report = settle.count_rows(writer, placed, unique, judgement, changes)
    report.hints.update({placed.hint: 1} if placed.hint else {})
    report.verdicts = _check(writer, stretch, judgement, changes)
    return report, placed.all_rows, changes.sessions


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


def _stamped_bars(answer: Answer, parsed: Parsed, as_of: datetime) -> pa.Table:
    rows = _stamped(parsed.bars.cast(BARS), answer)
    known = pa.scalar(min(as_of, answer.received_at), UTC_TYPE)
    return rows.append_column("as_of", pa.repeat(known, rows.num_rows))


def _stamped(rows: pa.Table, answer: Answer) -> pa.Table:
    received = pa.repeat(pa.scalar(answer.received_at, UTC_TYPE), rows.num_rows)
    return rows.append_column("received_at", received)


_NO_BARS = (
    BARS.empty_table()
    .append_column("received_at", pa.array([], UTC_TYPE))
    .append_column("as_of", pa.array([], UTC_TYPE))
)
