"""Every table, declared once: columns, types, units, key and meaning.

DDL, the blocking checks, the Great Expectations suites and the analysts' pages follow from
these declarations. One quantity has one column name and one unit everywhere.
"""

from __future__ import annotations

from hashlib import sha256

from pipelines.contracts import Column, Rule, Table, quoted
from pipelines.errors import unknown
from pipelines.forecasts import FORECASTS
from pipelines.words import (
    BATCH,
    CLOSES_AT,
    EFFECTIVE,
    INTERVAL,
    KNOWN_AT,
    ORIGIN,
    PARTIAL,
    PRICES,
    RECEIVED_AT,
    SESSION,
    SOURCE,
    SYMBOL,
    TS,
    WEIGHT,
)  # fmt: skip

LAYOUT = 1  # raised with each step added to MIGRATIONS in pipelines/layout.py

__all__ = [
    "LAYOUT", "TABLES", "Column", "Rule", "Table", "fingerprint", "quoted", "table",
]  # fmt: skip

BARS_KEY = ("source", "symbol", "interval", "ts")
BARS_SORT = ("source", "interval", "symbol", "ts")

# High and low may miss open and close by the last digit of a float.
HIGH_LOW = Rule(
    "high_low",
    "high * (1 + 1e-6) >= greatest(open, close, low) AND low <= least(open, close) * (1 + 1e-6)",
    "high and low bound open and close",
)
QUOTE = Rule("crossed_quote", "bid IS NULL OR ask IS NULL OR bid <= ask", "bid is not above ask")
CLOSES_AFTER = Rule("closes_after", "closes_at > ts", "a bar closes after it opens")

BRONZE_BARS = Table(
    "bronze",
    "bars",
    "Bars as the source said them, every version; never changed",
    (
        SOURCE,
        SYMBOL,
        INTERVAL,
        TS.but(meaning="the bar's time as the source named it", nullable=True),
        *(c.but(nullable=True, above=None, low=None) for c in PRICES),
        Column("row", "BIGINT", "place in the answer; the line of a file"),
        RECEIVED_AT,
        BATCH,
    ),
    key=(*BARS_KEY, "batch", "row"),
    sort=BARS_SORT,
)

ANSWERS = Table(
    "bronze",
    "answers",
    "The raw answers, compressed, so that bronze can be rebuilt from them",
    (
        SOURCE,
        Column("kind", "VARCHAR", "bars or weights", among=("bars", "weights")),
        Column("piece", "VARCHAR", "the part of a request it answers"),
        Column("asked", "VARCHAR", "what was asked, as JSON"),
        Column("media_type", "VARCHAR", "form of the body before compression"),
        Column("bytes", "BIGINT", "size of the whole body before compression", "bytes", low=0),
        Column("sha256", "VARCHAR", "of the whole body before compression"),
        Column("part", "INTEGER", "place of this piece of the body, from 0", low=0),
        Column("body", "BLOB", "this piece of the body, zstd-compressed"),
        RECEIVED_AT,
        BATCH,
    ),
    key=("batch", "sha256", "asked", "part"),
    partition=("source",),
    inline_rows=0,  # bodies are large: as text in the catalog they would slow every commit
)

BRONZE_ACTIONS = Table(
    "bronze",
    "actions",
    "Splits and dividends as the source said them, every version",
    (
        SOURCE,
        SYMBOL,
        Column("date", "DATE", "first session that trades at the new terms"),
        Column("kind", "VARCHAR", "split or dividend", among=("split", "dividend")),
        Column("value", "DOUBLE", "split: new shares for one old; dividend: paid per share"),
        RECEIVED_AT,
        BATCH,
    ),
    key=("source", "symbol", "date", "kind", "batch"),
)

BRONZE_WEIGHTS = Table(
    "bronze",
    "weights",
    "Index weights as the source said them, every version",
    (
        SOURCE,
        Column("index", "VARCHAR", "index or fund whose members these are: QQQ"),
        SYMBOL,
        Column("name", "VARCHAR", "name of the member", nullable=True),
        WEIGHT.but(nullable=True, above=None, high=None),
        EFFECTIVE,
        KNOWN_AT,
        PARTIAL,
        ORIGIN,
        RECEIVED_AT,
        BATCH,
    ),
    key=("source", "index", "symbol", "effective", "batch"),
)

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
        RECEIVED_AT.but(meaning="when this version arrived"),
        BATCH,
    ),
    key=BARS_KEY,
    sort=BARS_SORT,
    rules=(HIGH_LOW, QUOTE, CLOSES_AFTER),
)

QUARANTINE = Table(
    "silver",
    "quarantine",
    "Rows that were rejected, with the reason and the original values",
    (
        SOURCE,
        SYMBOL.but(nullable=True),
        INTERVAL,
        TS.but(meaning="the bar's time as the source named it", nullable=True),
        Column("reason", "VARCHAR", "why it was rejected, in one word"),
        Column("detail", "VARCHAR", "why it was rejected, in a sentence"),
        Column("original", "VARCHAR", "the row as it came, as JSON"),
        Column("row", "BIGINT", "place in the answer; the line of a file"),
        RECEIVED_AT,
        BATCH,
    ),
    key=("source", "interval", "symbol", "ts", "reason", "original", "row"),
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
        Column("calendar", "VARCHAR", "exchange calendar, as exchange-calendars names it"),
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

RUNS = Table(
    "gold",
    "runs",
    "What each step did: what came in, went out and was rejected",
    (
        Column("run", "VARCHAR", "name of the run that asked: an Airflow run id, or cli:..."),
        Column("step", "VARCHAR", "ingest, train, score, ..."),
        SOURCE,
        Column("about", "VARCHAR", "universe, forecast or symbols it was about"),
        Column("interval_start", "TIMESTAMPTZ", "start of the interval asked for", "UTC"),
        Column("interval_end", "TIMESTAMPTZ", "end of the interval asked for", "UTC"),
        Column("status", "VARCHAR", "how it ended", among=("ok", "warned", "failed")),
        Column("counts", "VARCHAR", "what came in, went out and was rejected, as JSON"),
        Column("message", "VARCHAR", "in words", nullable=True),
        Column("finished_at", "TIMESTAMPTZ", "when it was committed", "UTC"),
        BATCH,
    ),
    key=("run", "step", "batch"),
)

CHECKS = Table(
    "gold",
    "checks",
    "The verdict of every check, with the rows that offended",
    (
        Column("table_name", "VARCHAR", "the table that was checked"),
        Column("check", "VARCHAR", "name of the check"),
        Column("kind", "VARCHAR", "blocking stops the run", among=("blocking", "warning")),
        Column("passed", "BOOLEAN", "the verdict"),
        Column("rows_checked", "BIGINT", "how many rows were looked at", "rows", low=0),
        Column("offenders", "BIGINT", "how many rows offended", "rows", low=0),
        Column("examples", "VARCHAR", "up to five of them, as JSON"),
        Column("detail", "VARCHAR", "the verdict in words"),
        Column("checked_at", "TIMESTAMPTZ", "when", "UTC"),
        BATCH,
    ),
    key=("table_name", "check", "batch"),
)

CHECKSUMS = Table(
    "meta",
    "checksums",
    "SHA-256 of every file of the lake; kept in the catalog itself",
    (
        Column("path", "VARCHAR", "file, relative to the data path"),
        Column("bytes", "BIGINT", "its size", "bytes", low=0),
        Column("sha256", "VARCHAR", "its SHA-256"),
    ),
    key=("path",),
    inline_rows=100_000_000,
)

LAYOUTS = Table(
    "meta",
    "layouts",
    "The layouts this lake has had; the newest says which code can read it",
    (
        Column("layout", "INTEGER", "number of the layout", low=1),
        Column("fingerprint", "VARCHAR", "of all declarations at that time"),
        Column("applied_at", "TIMESTAMPTZ", "when", "UTC"),
    ),
    key=("layout", "fingerprint"),
)

KEPT_SNAPSHOTS = Table(
    "meta",
    "kept_snapshots",
    "Snapshots that are never expired, because a model was trained on them",
    (
        Column("snapshot", "BIGINT", "number of the snapshot", low=0),
        Column("reason", "VARCHAR", "what names it"),
        Column("kept_at", "TIMESTAMPTZ", "since when", "UTC"),
    ),
    key=("snapshot", "reason"),
)

FORECAST = Column("forecast", "VARCHAR", "name of the forecast")
TARGET = Column("target", "VARCHAR", "what the model predicts: action")
AS_OF = Column("as_of", "TIMESTAMPTZ", "nothing known later was used", "UTC")
MODEL_VERSION = Column("model_version", "BIGINT", "version in the model registry", low=1)

MODEL_DECISIONS = Table(
    "gold",
    "model_decisions",
    "Why each model was promoted, kept back or refused",
    (
        FORECAST,
        TARGET,
        SOURCE,
        AS_OF,
        MODEL_VERSION,
        Column(
            "verdict",
            "VARCHAR",
            "promoted; kept: sound, but a newer model serves; refused by a gate",
            among=("promoted", "kept", "refused"),
        ),
        Column("proven", "BOOLEAN", "true: every blocking gate was passed"),
        Column("reason", "VARCHAR", "the decision in words"),
        Column("gates", "VARCHAR", "each gate's value, interval, limit and reason, as JSON"),
        Column("snapshot", "BIGINT", "of the lake, that the model was trained on", low=0),
        Column("definition", "VARCHAR", "of features and label, that the model was trained on"),
        Column("decided_at", "TIMESTAMPTZ", "when", "UTC"),
        BATCH,
    ),
    key=("forecast", "target", "model_version", "decided_at"),
)

MODEL_RANKINGS = Table(
    "gold",
    "model_rankings",
    "How the candidates of each training compared, on the same rows",
    (
        FORECAST,
        TARGET,
        SOURCE,
        AS_OF,
        MODEL_VERSION,
        Column("rank", "INTEGER", "1 is the best", low=1),
        Column("candidate", "VARCHAR", "kind of model"),
        Column("macro_f1", "DOUBLE", "mean F1 of the classes", "0 to 1", nullable=True, low=0),
        Column("accuracy", "DOUBLE", "share told right", "0 to 1", nullable=True, low=0),
        Column("log_loss", "DOUBLE", "mean surprise", "nats", nullable=True, low=0),
        Column("rank_ic", "DOUBLE", "of expected score and outcome", "-1 to 1", nullable=True),
        Column("seconds", "DOUBLE", "that fitting took", "seconds", low=0),
        Column("failure", "VARCHAR", "why it could not be fitted", nullable=True),
        BATCH,
    ),
    key=("forecast", "target", "model_version", "candidate"),
)

FEATURE_STATE = Table(
    "meta",
    "feature_state",
    "How far the features of a forecast have followed silver",
    (
        FORECAST,
        SOURCE,
        Column("definition", "VARCHAR", "of features and label when they were computed"),
        Column("followed", "BIGINT", "the silver commits up to this batch are in", low=0),
    ),
    key=("forecast", "source"),
)

TABLES: tuple[Table, ...] = (
    BRONZE_BARS,
    ANSWERS,
    BRONZE_ACTIONS,
    BRONZE_WEIGHTS,
    SILVER_BARS,
    QUARANTINE,
    GAPS,
    SERIES,
    SILVER_WEIGHTS,
    RUNS,
    CHECKS,
    MODEL_DECISIONS,
    MODEL_RANKINGS,
    CHECKSUMS,
    FEATURE_STATE,
    KEPT_SNAPSHOTS,
    LAYOUTS,
    *(forecast.table for forecast in FORECASTS),
)


def table(full_name: str) -> Table:
    for known in TABLES:
        if known.full_name == full_name:
            return known
    raise unknown("table", full_name, (t.full_name for t in TABLES))


def fingerprint() -> str:
    """Changes with any declaration."""
    return sha256(repr(TABLES).encode()).hexdigest()[:16]
