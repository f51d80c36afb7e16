"""Meta tables: the lake's records about itself."""

from __future__ import annotations

from pipelines.contracts.columns import FORECAST, SOURCE, TOPIC
from pipelines.contracts.schema import Column, Table

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

FEATURE_STATE = Table(
    "meta",
    "feature_state",
    "How far the features of a forecast have followed silver",
    (
        FORECAST,
        SOURCE,
        Column("definition", "VARCHAR", "of features and label when they were computed"),
        Column("followed", "BIGINT", "the silver commits up to this batch are in", low=0),
        Column("symbols", "VARCHAR[]", "those it followed silver for", nullable=True),
    ),
    key=("forecast", "source"),
)

OUTCOME_STATE = Table(
    "meta",
    "outcome_state",
    "How far the outcomes of a forecast have followed its predictions and features",
    (
        FORECAST,
        SOURCE,
        Column("followed", "BIGINT", "the commits up to this batch are in", low=0),
        Column(
            "index_followed",
            "BIGINT",
            "the same of gold.index_outcomes; null before a lake had that table",
            nullable=True,
            low=0,
        ),
    ),
    key=("forecast", "source"),
)

NEWS_STATE = Table(
    "meta",
    "news_state",
    "How far the news signals of a topic have followed its stories",
    (
        SOURCE,
        TOPIC,
        Column("followed", "BIGINT", "the commits of stories up to this batch are in", low=0),
    ),
    key=("source", "topic"),
)

TABLES: tuple[Table, ...] = (
    CHECKSUMS,
    LAYOUTS,
    KEPT_SNAPSHOTS,
    FEATURE_STATE,
    OUTCOME_STATE,
    NEWS_STATE,
)
