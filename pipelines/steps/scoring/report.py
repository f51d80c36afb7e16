"""What a scoring did: in counts for the lake, and in words for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.core.universes import MemberCount
from pipelines.modeling.contributions import Contributions
from pipelines.scoring.signals import CombinedSignals
from pipelines.scoring.weights import find_age_warning

NO_MEMBERS = MemberCount(0)
MOST_NAMES = 5  # symbols that a summary names


@dataclass(frozen=True)
class NewestSignal:
    """The signal of a universe's newest bar, as published."""

    universe: str
    closes_at: datetime
    wss: float
    signal: str
    reason: str
    coverage: float
    live: bool
    delay_seconds: float | None = None  # None: not live, or before the lake had this column


@dataclass
class ScoringReport:
    """What a scoring did."""

    forecast: str
    source: str
    start: datetime  # bars that closed after this
    end: datetime  # and up to this
    bars: int = 0
    constituents: int = 0  # rows of features that came in
    members: MemberCount = NO_MEMBERS  # of the sessions of these bars
    scored: int = 0  # of these, by the champions of all targets
    acting: dict[str, tuple[int, int]] = field(default_factory=dict)  # target: rows, of so many
    written: int = 0  # rows of predictions, challengers' included
    live: int = 0  # of these, written before the next own bar had closed
    delay_seconds: float | None = None  # from the newest live bar's close to the commit
    published: int = 0  # rows left out, as they had been published live before
    challengers: dict[str, int] = field(default_factory=dict)  # rows scored by each
    versions: dict[str, tuple[int, ...]] = field(default_factory=dict)  # by target
    not_scored: dict[str, Counter[str]] = field(default_factory=dict)  # reason -> symbol -> bars
    no_model: Counter[str] = field(default_factory=Counter)  # target: bars before any training
    lost: list[str] = field(default_factory=list)  # models whose file cannot be read, and why
    signals: int = 0
    no_signal: dict[str, Counter[str]] = field(default_factory=dict)  # universe -> reason -> bars
    moved_by: dict[str, str] = field(default_factory=dict)  # by symbol: what moved its newest bar
    warnings: list[str] = field(default_factory=list)
    skipped: str = ""  # why nothing was scored at all
    newest: tuple[NewestSignal, ...] = ()
    snapshot: int = 0

    def count_not_scored(self, reasons: Mapping[str, Counter[str]]) -> None:
        """Add rows that were not scored, by reason and symbol."""
        for reason, symbols in reasons.items():
            self.not_scored.setdefault(reason, Counter()).update(symbols)

    def count_acting(self, target: str, scores: np.ndarray) -> None:
        """Add a champion's rows of a target with a direction: how many act, and do not hold."""
        acting, scored = self.acting.get(target, (0, 0))
        self.acting[target] = (acting + int((scores != 0).sum()), scored + len(scores))

    @property
    def status(self) -> str:
        return "warned" if self.skipped or self.warnings else "ok"

    @property
    def message(self) -> str | None:
        return "; ".join([*filter(None, [self.skipped]), *self.warnings]) or None

    @property
    def counts(self) -> dict[str, Any]:
        """Figures for the row of this run in gold.runs."""
        return {
            "bars": self.bars,
            "constituents": self.constituents,
            "members": self.members.members,
            "members_with_bars": self.members.with_bars,
            "scored": self.scored,
            "acting": {target: acting for target, (acting, _) in self.acting.items()},
            "written": self.written,
            "live": self.live,
            "delay_seconds": self.delay_seconds,
            "published": self.published,
            "challengers": self.challengers,
            "versions": {target: list(numbers) for target, numbers in self.versions.items()},
            "not_scored": {reason: dict(symbols) for reason, symbols in self.not_scored.items()},
            "no_model": dict(self.no_model),
            "signals": self.signals,
            "no_signal": {name: dict(reasons) for name, reasons in self.no_signal.items()},
        }

    def summary(self) -> str:
        """Describe the scoring in a few lines."""
        lines = [f"{self.forecast} on {self.source}, {self._span()}"]
        if self.skipped:
            lines.append(f"skipped: {self.skipped}")
        else:
            models = "; ".join(
                f"{target} version {', '.join(map(str, numbers))}"
                for target, numbers in self.versions.items()
                if numbers
            )
            lines.append(
                f"in: {self.constituents:,} constituents of {self.bars:,} bars; scored "
                f"{self.scored:,} by {models}; wrote {self.written:,} rows, "
                f"{self.live:,} of them live; {self.published:,} had been published before"
                f"{_late(self.delay_seconds, '; the newest live bar')}"
            )
            lines.append(self.members.describe())
        lines += [
            f"{target}: acts at {acting:,} of {scored:,}, else holds"
            for target, (acting, scored) in self.acting.items()
        ]
        lines += [f"challenger {name}: {rows:,} rows" for name, rows in self.challengers.items()]
        lines += [_not_scored_line(reason, symbols) for reason, symbols in self.not_scored.items()]
        lines += [
            f"not scored, {target}: {bars:,} bars, as no model had been trained before them"
            for target, bars in self.no_model.items()
        ]
        lines += list(self.moved_by.values())[:MOST_NAMES]
        lines += [f"warning: {warning}" for warning in self.warnings]
        lines += [
            f"{signal.universe} {signal.closes_at:%Y-%m-%d %H:%M} UTC: WSS {signal.wss:+.4f}, "
            f"{signal.signal} ({signal.reason}); {signal.coverage:.1%} scored, "
            f"{'live' if signal.live else 'not live'}{_late(signal.delay_seconds)}"
            for signal in self.newest
        ]
        return "\n".join(lines)

    def _span(self) -> str:
        if self.bars == 1:
            return f"the bar that closed at {self.end:%Y-%m-%d %H:%M} UTC"
        return f"bars closed from {self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def _late(delay: float | None, rows: str = ",") -> str:
    """Say how long after the close of their bar rows were written."""
    return "" if delay is None else f"{rows} {delay:,.1f} s after its close"


def _not_scored_line(reason: str, symbols: Counter[str]) -> str:
    names = ", ".join(sorted(symbols)[:MOST_NAMES]) + (", ..." if len(symbols) > MOST_NAMES else "")
    return (
        f"not scored, {reason.replace('_', ' ')}: {symbols.total():,} rows of "
        f"{len(symbols)} symbols ({names})"
    )


def add_contributions(
    report: ScoringReport, symbols: Sequence[str], contributions: Contributions | None
) -> None:
    """Add what moved the newest prediction of each symbol most; rows come by bar."""
    if contributions is None:
        return
    for symbol, row in {symbol: row for row, symbol in enumerate(symbols)}.items():
        largest = ", ".join(f"{name} {value:+.3g}" for name, value in contributions.largest(row))
        report.moved_by[symbol] = f"{symbol} was moved most by {largest} ({contributions.method})"


def add_signals(report: ScoringReport, combined: CombinedSignals) -> None:
    """Add why bars have no signal, and what is weak about those that have one."""
    report.no_signal = combined.no_signal
    report.warnings += [
        f"no signal of {name} at {bars:,} bars: {reason}"
        for name, reasons in combined.no_signal.items()
        for reason, bars in reasons.items()
    ]
    report.warnings += [
        f"{name} is combined without {', '.join(sorted(symbols))}: no weight is known"
        for name, symbols in combined.unweighed.items()
    ]
    for row in _newest_of_each_index(combined.signals):
        if age := find_age_warning(row["index"], row["weights_effective"], row["closes_at"].date()):
            report.warnings.append(f"{age} (bullion weights, BULLION_HOLDINGS_CSV)")


def _newest_of_each_index(signals: pa.Table) -> list[dict[str, Any]]:
    rows = signals.select(["index", "closes_at", "weights_effective"]).to_pylist()
    newest = {row["index"]: row for row in sorted(rows, key=lambda row: row["closes_at"])}
    return list(newest.values())
