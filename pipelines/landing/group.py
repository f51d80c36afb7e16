"""What a landing takes in, what it should find afterwards, and what it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from pipelines.core.calendar import Grid, Interval
from pipelines.core.sql import text_literal
from pipelines.quality import checks
from pipelines.sources.base import Answer, Parsed

KEYED = 'source = ? AND "interval" = ?'  # its parameters are Group.key


@dataclass(frozen=True)
class Group:
    """Answers that are read alike: one source, interval, calendar, grid and kind of price."""

    source: str
    interval: Interval
    calendar: str
    grid: Grid
    split_adjusted: bool
    built_from: str | None = None  # "stream": they give way to the source's own bars

    @staticmethod
    def of(answer: Answer, parsed: Parsed) -> Group:
        return Group(
            answer.source,
            parsed.interval,
            parsed.calendar,
            parsed.grid,
            parsed.split_adjusted,
            parsed.built_from,
        )

    @property
    def key(self) -> list[str]:
        """The parameters of KEYED."""
        return [self.source, self.interval.name]

    @property
    def built_from_literal(self) -> str:
        """SQL: what these bars were built from."""
        return "NULL::VARCHAR" if self.built_from is None else text_literal(self.built_from)


@dataclass(frozen=True)
class ExpectedBars:
    """The bars that silver should have afterwards: of these symbols, over this span.

    Without a span each symbol's own rows say where it begins and ends.
    """

    symbols: tuple[str, ...]
    span: tuple[datetime, datetime] | None


COUNTS = ("received", "accepted", "unchanged", "replaced", "quarantined", "unclosed", "revised")


@dataclass
class LandingReport:
    """What became of the rows received: the counts from accepted to unclosed add up to them."""

    received: int = 0
    accepted: int = 0
    unchanged: int = 0
    replaced: int = 0
    quarantined: int = 0
    unclosed: int = 0
    revised: int = 0  # rows received before whose silver row changed: a split, a new neighbour
    settled: int = 0  # bars built from the stream in whose place the source's own came
    differing: int = 0  # of these, with other prices than the source's own
    reasons: Counter[str] = field(default_factory=Counter)
    hints: Counter[str] = field(default_factory=Counter)  # what to do about rejected rows
    verdicts: list[checks.Verdict] = field(default_factory=list)
    # Bars of the calendar in the requested span, and those of them that are missing, by symbol.
    expected: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)

    def add(self, other: LandingReport) -> None:
        for name in (*COUNTS, "settled", "differing"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons.update(other.reasons)
        self.hints.update(other.hints)
        self.verdicts = checks.merge_verdicts([*self.verdicts, *other.verdicts])
        self.expected.update(other.expected)
        self.missing.update(other.missing)

    @property
    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in COUNTS}
