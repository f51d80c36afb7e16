"""One group of answers: read alike, judged together, written in the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.silver import SILVER_BARS
from pipelines.core.calendar import UTC_TYPE, Grid, Interval, calendar
from pipelines.lake import Writer
from pipelines.landing import bronze, gaps, settle
from pipelines.landing import judge as silver
from pipelines.landing.grid import on_grid, wide_grid
from pipelines.quality import checks
from pipelines.sources.base import BARS, Answer, Parsed


@dataclass(frozen=True)
class Group:
    """Answers that are read alike: one source, interval, calendar, grid and kind of price."""

    source: str
    interval: Interval
    calendar: str
    grid: Grid
    split_adjusted: bool

    @staticmethod
    def of(answer: Answer, parsed: Parsed) -> Group:
        return Group(
            answer.source, parsed.interval, parsed.calendar, parsed.grid, parsed.split_adjusted
        )

    @property
    def key(self) -> list[str]:
        """What `source = ? AND interval = ?` asks for."""
        return [self.source, self.interval.name]


COUNTS = ("received", "accepted", "unchanged", "replaced", "quarantined", "unclosed", "revised")


@dataclass
class Landed:
    """What became of the rows received: the next five add up to them."""

    received: int = 0
    accepted: int = 0
    unchanged: int = 0
    replaced: int = 0
    quarantined: int = 0
    unclosed: int = 0
    revised: int = 0  # rows received before whose silver row changed: a split, a new neighbour
    reasons: Counter[str] = field(default_factory=Counter)
    verdicts: list[checks.Verdict] = field(default_factory=list)
    expected: int = 0  # bars the calendar has in the span asked for
    missing: Counter[str] = field(default_factory=Counter)  # of these, by symbol

    def add(self, other: Landed) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons.update(other.reasons)
        self.verdicts = checks.merged([*self.verdicts, *other.verdicts])
        self.expected += other.expected
        self.missing.update(other.missing)

    @property
    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in COUNTS}


@dataclass(frozen=True)
class Due:
    """What should be there afterwards: these symbols, over this span.

    Without a span each symbol's own rows say where it begins and ends.
    """

    symbols: tuple[str, ...]
    span: tuple[datetime, datetime] | None


def land(
    writer: Writer,
    group: Group,
    pieces: Sequence[tuple[Answer, Parsed]],
    due: Due,
    as_of: datetime,
) -> Landed:
    """Take one group's bars into bronze and silver."""
    market = calendar(group.calendar)
    silver.clear(writer.connection)
    bars = pa.concat_tables([_stamped(answer, parsed, as_of) for answer, parsed in pieces])
    rejects = pa.concat_tables([_at(parsed.rejects, answer) for answer, parsed in pieces])
    actions = pa.concat_tables([_at(parsed.actions, answer) for answer, parsed in pieces])
    landed = Landed(received=bars.num_rows + rejects.num_rows)
    symbols = pc.unique(bars["symbol"]).to_pylist()

    split = bronze.note_actions(writer, group, actions)
    span = bronze.span_to_judge(writer, group, bars, split)
    if span is not None:
        touched = sorted({*symbols, *split})
        grid = wide_grid(market, group.interval, group.grid, *span)
        incoming, order = on_grid(bars, grid)
        writer.connection.register("grid", grid)
        writer.connection.register("incoming", incoming)
        any_split = bronze.note_splits(writer, group, market, touched)
        silver.place(writer.connection)
        repeated = silver.settle_duplicates(writer.connection, order.repeats)
        bronze.recall(writer, group, touched)
        judged = silver.judge(
            writer.connection, silver.Rules(group.split_adjusted, any_split), order.ascending
        )
        bronze.append(writer, group, order)
        settle.replace_bars(writer, group, touched, judged, order)
        settle.quarantine(writer, group)
        settle.note_series(writer, group, sorted(symbols))
        settle.count(writer, landed, repeated)
        verdicts = checks.contract_checks(
            writer.connection, SILVER_BARS, "checked", same=("source", "interval")
        )
        judged_rows = verdicts[0].rows_checked
        verdicts.append(
            checks.outliers(
                writer.connection,
                settle.SURROUNDED,
                SILVER_BARS.full_name,
                judged_rows,
                in_order=judged.in_order,
            )
        )
        # Where no row could stand there is nothing to check: that is told of the whole run.
        landed.verdicts = [v for v in verdicts if v.rows_checked]
    settle.quarantine_unreadable(writer, group, rejects)
    if due.span or span:
        wanted = sorted({*symbols, *due.symbols}) if due.span else sorted(symbols)
        landed.expected, landed.missing = gaps.replace(
            writer, group, market, wanted, due.span, as_of
        )
    landed.reasons.update(rejects["reason"].to_pylist())
    landed.quarantined = landed.reasons.total()
    return landed


def _stamped(answer: Answer, parsed: Parsed, as_of: datetime) -> pa.Table:
    rows = _at(parsed.bars.cast(BARS), answer)
    known = pa.scalar(min(as_of, answer.received_at), UTC_TYPE)
    return rows.append_column("as_of", pa.repeat(known, rows.num_rows))


def _at(rows: pa.Table, answer: Answer) -> pa.Table:
    received = pa.repeat(pa.scalar(answer.received_at, UTC_TYPE), rows.num_rows)
    return rows.append_column("received_at", received)
