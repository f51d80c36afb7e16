"""Rows that came in by mistake, taken out of bronze and silver again.

The raw answers stay, and each row goes to quarantine with the reason that was given. Silver becomes
what the other versions in bronze say, as if the rows had never come.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from pipelines.contracts.tables import quoted
from pipelines.core.calendar import interval_of
from pipelines.lake import Writer
from pipelines.landing.batch import judge_again
from pipelines.landing.group import KEYED, Group
from pipelines.landing.news import withdraw_news
from pipelines.landing.rules import PRICE_NAMES, WITHDRAWN
from pipelines.landing.weights import withdraw_weights


@dataclass(frozen=True)
class Selection:
    """The rows of one source to withdraw: those of a batch, or of an interval."""

    source: str
    interval: str | None = None
    symbols: tuple[str, ...] = ()  # none: all
    start: datetime | None = None
    end: datetime | None = None
    batch: int | None = None

    @property
    def condition(self) -> tuple[str, list[object]]:
        """SQL on bronze.bars, and its parameters."""
        parts: dict[str, object | None] = {
            "source = ?": self.source,
            '"interval" = ?': self.interval,
            "symbol IN (SELECT unnest(?))": list(self.symbols) or None,
            "ts >= ?": self.start,
            "ts < ?": self.end,
            "batch = ?": self.batch,
        }
        used = {sql: value for sql, value in parts.items() if value is not None}
        return " AND ".join(used), list(used.values())

    def __str__(self) -> str:
        span = f"from {self.start or 'the first'} to {self.end or 'the last'}"
        parts = (
            self.interval or "",
            ",".join(self.symbols),
            span if self.start or self.end else "",
            f"batch {self.batch}" if self.batch is not None else "",
        )
        return " ".join(part for part in parts if part)


@dataclass
class Withdrawn:
    """What a withdrawal took out."""

    bars: int = 0  # versions in bronze
    actions: int = 0  # splits and dividends
    weights: int = 0
    stories: int = 0  # versions in bronze
    removed: int = 0  # bars that silver has no more
    restored: int = 0  # bars that silver has in an earlier version again
    symbols: int = 0
    live: int = 0  # live predictions about these bars; they stay

    @property
    def counts(self) -> dict[str, int]:
        return asdict(self)

    @property
    def is_empty(self) -> bool:
        return not (self.bars or self.actions or self.weights or self.stories)


def withdraw_rows(writer: Writer, selection: Selection, reason: str) -> Withdrawn:
    """Take the selected rows out of bronze and silver."""
    condition, parameters = selection.condition
    withdrawn = Withdrawn()
    split_symbols = _withdraw_actions(writer, selection, withdrawn)
    spans = writer.rows(
        f"""SELECT "interval", symbol, min(ts), max(ts), count(*) FROM bronze.bars
            WHERE {condition} GROUP BY ALL ORDER BY ALL""",
        parameters,
    )
    withdrawn.bars = sum(count for *_, count in spans)
    withdrawn.symbols = len({symbol for _, symbol, *_ in spans})
    if spans:
        _quarantine_bars(writer, condition, parameters, reason)
        writer.delete("bronze.bars", condition, parameters)
    touched = {(interval, symbol): (low, high) for interval, symbol, low, high, _ in spans}
    for interval, symbol, low, high in _whole_histories(writer, selection.source, split_symbols):
        first, last = touched.get((interval, symbol), (low, high))
        touched[interval, symbol] = (min(first, low), max(last, high))
    for group, symbols in _groups(writer, selection.source, touched).items():
        ends = [touched[group.interval.name, symbol] for symbol in symbols]
        span = min(low for low, _ in ends), max(high for _, high in ends)
        _settle(writer, group, symbols, span, withdrawn)
        withdrawn.live += _count_live(writer, group, symbols, span)
    if selection.batch is not None:
        withdrawn.weights = withdraw_weights(writer, selection.source, selection.batch)
        withdrawn.stories = withdraw_news(writer, selection.source, selection.batch)
    return withdrawn


def _withdraw_actions(writer: Writer, selection: Selection, withdrawn: Withdrawn) -> list[str]:
    """Delete the splits and dividends of a batch. Returns the symbols whose splits have changed."""
    if selection.batch is None:
        return []
    key = [selection.source, selection.batch]
    rows = writer.rows(
        "SELECT symbol, kind FROM bronze.actions WHERE source = ? AND batch = ?", key
    )
    if rows:
        writer.delete("bronze.actions", "source = ? AND batch = ?", key)
    withdrawn.actions = len(rows)
    return sorted({symbol for symbol, kind in rows if kind == "split"})


def _whole_histories(
    writer: Writer, source: str, symbols: list[str]
) -> list[tuple[str, str, datetime, datetime]]:
    """Return interval, symbol, first and last bar of what is left of these symbols."""
    if not symbols:
        return []
    return writer.rows(
        """SELECT "interval", symbol, min(ts), max(ts) FROM bronze.bars
           WHERE source = ? AND symbol IN (SELECT unnest(?)) GROUP BY ALL""",
        [source, symbols],
    )


def _quarantine_bars(writer: Writer, condition: str, parameters: list[object], reason: str) -> None:
    values = ", ".join(f"{name} := {quoted(name)}" for name in PRICE_NAMES)
    rows = writer.sql(
        f"""SELECT DISTINCT ON (source, "interval", symbol, ts, original, row) *
            FROM (SELECT 'bars' AS dataset, source, symbol, "interval", ts,
                         ? AS reason, ? AS detail,
                         to_json(struct_pack({values}))::VARCHAR AS original, row, received_at
                  FROM bronze.bars WHERE {condition})""",
        [WITHDRAWN, reason, *parameters],
    )
    writer.append("silver.quarantine", rows)


def _groups(
    writer: Writer, source: str, touched: dict[tuple[str, str], tuple[datetime, datetime]]
) -> dict[Group, list[str]]:
    """Return the symbols that are judged alike. A series that was never recorded has no bars."""
    groups: dict[Group, list[str]] = {}
    for symbol, interval, calendar, grid, split_adjusted in writer.rows(
        """SELECT symbol, "interval", calendar, grid, split_adjusted FROM silver.series
           WHERE source = ? ORDER BY ALL""",
        [source],
    ):
        if (interval, symbol) in touched:
            group = Group(source, interval_of(interval), calendar, grid, split_adjusted)
            groups.setdefault(group, []).append(symbol)
    return groups


def _settle(
    writer: Writer,
    group: Group,
    symbols: list[str],
    span: tuple[datetime, datetime],
    withdrawn: Withdrawn,
) -> None:
    """Bring silver to what is left in bronze, and forget series of which nothing is left."""
    members = f"{KEYED} AND symbol IN (SELECT unnest(?))"
    key = [*group.key, symbols]
    count = f"SELECT count(*) FROM silver.bars WHERE {members}"
    before = writer.one(count, key)
    judge_again(writer, group, symbols, span)
    withdrawn.removed += before - writer.one(count, key)
    withdrawn.restored += writer.one(f"{count} AND batch = ?", [*key, writer.batch])
    left = {
        s for (s,) in writer.rows(f"SELECT DISTINCT symbol FROM bronze.bars WHERE {members}", key)
    }
    ended = [*group.key, sorted(set(symbols) - left)]
    if ended[-1]:
        writer.delete("silver.series", members, ended)
        writer.delete("silver.gaps", members, ended)


def _count_live(
    writer: Writer, group: Group, symbols: list[str], span: tuple[datetime, datetime]
) -> int:
    count: int = writer.one(
        f"""SELECT count(*) FROM gold.predictions
            WHERE {KEYED} AND live AND symbol IN (SELECT unnest(?)) AND ts BETWEEN ? AND ?""",
        [*group.key, symbols, *span],
    )
    return count
