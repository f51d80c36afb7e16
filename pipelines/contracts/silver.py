"""Silver tables: one row per bar that passed all checks, and the rows that did not pass."""

from __future__ import annotations

from pipelines.contracts.columns import (
    BARS_KEY,
    BATCH,
    BUILT_FROM,
    CLOSES_AT,
    EFFECTIVE,
    INTERVAL,
    KNOWN_AT,
    NEWEST_LAST,
    ORIGIN,
    PARTIAL,
    PRICES,
    RECEIVED_AT,
    SESSION,
    SMALL_GROUP,
    SOURCE,
    SYMBOL,
    TS,
    WEIGHT,
)
from pipelines.contracts.schema import Column, Rule, Table

# High and low may differ from open and close in the last digit of a float.
HIGH_LOW = Rule(
    "high_low",
    "high * (1 + 1e-6) >= greatest(open, close, low) AND low <= least(open, close) * (1 + 1e-6)",
    "high and low bound open and close",
)
QUOTE = Rule("crossed_quote", "bid IS NULL OR ask IS NULL OR bid <= ask", "bid is not above ask")
CLOSES_AFTER = Rule("closes_after", "closes_at > ts", "a bar closes after it opens")

SILVER_BARS = Table(
    "silver",
    "bars",
    "One row per bar: closed bars of real sessions, the newest version, adjusted for splits",
    (
        SOURCE,
        SYMBOL,
        INTERVAL,
        TS,
        CLOSES_AT,
        SESSION,
        *PRICES,
        Column(
            "split_factor", "DOUBLE", "what the source's prices were divided by", "ratio", above=0
        ),
        BUILT_FROM.replace(
            meaning="stream: Bullion built the bar from the source's live prices, and the source's "
            "own has not come yet; null: it is the source's own"
        ),
        RECEIVED_AT.replace(meaning="when this version arrived"),
        BATCH,
    ),
    key=BARS_KEY,
    sort=NEWEST_LAST,
    group_rows=SMALL_GROUP,
    rules=(HIGH_LOW, QUOTE, CLOSES_AFTER),
)

QUARANTINE = Table(
    "silver",
    "quarantine",
    "Rows that were rejected, with the reason and the original values",
    (
        SOURCE,
        Column(
            "dataset",
            "VARCHAR",
            "bars, weights or news; null in rows of older releases, which have no news",
            nullable=True,
            among=("bars", "weights", "news"),
        ),
        SYMBOL.replace(nullable=True),
        INTERVAL.replace(meaning="length of the bar; null where it is none", nullable=True),
        TS.replace(
            meaning="the bar's time as the source named it; a story's publication", nullable=True
        ),
        Column("reason", "VARCHAR", "why it was rejected, in one word"),
        Column("detail", "VARCHAR", "why it was rejected, in a sentence"),
        Column("original", "VARCHAR", "the row as it came, as JSON"),
        Column("row", "BIGINT", "place in the answer; the line of a file"),
        RECEIVED_AT,
        BATCH,
    ),
    key=("source", "dataset", "interval", "symbol", "ts", "reason", "original", "row"),
    partition=("source",),
)

GAPS = Table(
    "silver",
    "gaps",
    "Sessions in which bars are missing: the calendar has them, silver does not",
    (
        SOURCE,
        SYMBOL,
        INTERVAL,
        SESSION,
        Column("expected", "INTEGER", "closed bars the calendar has", "bars", low=1),
        Column("missing", "INTEGER", "of these, not in silver", "bars", low=1),
        Column("missing_ts", "TIMESTAMPTZ[]", "opens of the missing bars", "UTC"),
        BATCH,
    ),
    key=("source", "symbol", "interval", "session"),
    partition=("source", '"interval"'),
    rules=(Rule("gap_counts", "missing <= expected", "no more are missing than expected"),),
)

SERIES = Table(
    "silver",
    "series",
    "What is known of each series: the calendar and grid that decide its bars",
    (
        SOURCE,
        SYMBOL,
        INTERVAL,
        Column("calendar", "VARCHAR", "as exchange-calendars names it: XNYS; or FX, US_INDEX_CFD"),
        Column("grid", "VARCHAR", "where bars are cut", among=("session", "clock")),
        Column("split_adjusted", "BOOLEAN", "true: prices arrive adjusted for known splits"),
        BATCH,
    ),
    key=("source", "symbol", "interval"),
)

SILVER_WEIGHTS = Table(
    "silver",
    "weights",
    "Index weights, one row per member and effective date: the newest version",
    (
        SOURCE,
        Column("index", "VARCHAR", "index or fund whose members these are: QQQ"),
        SYMBOL,
        Column("name", "VARCHAR", "name of the member", nullable=True),
        WEIGHT,
        EFFECTIVE,
        KNOWN_AT,
        PARTIAL,
        ORIGIN,
        RECEIVED_AT,
        BATCH,
    ),
    key=("source", "index", "symbol", "effective"),
)

TABLES: tuple[Table, ...] = (
    SILVER_BARS,
    QUARANTINE,
    GAPS,
    SERIES,
    SILVER_WEIGHTS,
)
