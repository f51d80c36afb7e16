"""Bronze tables: the data of the sources, every version of it; only a withdrawal takes rows out."""

from __future__ import annotations

from pipelines.contracts.columns import (
    BARS_KEY,
    BARS_SORT,
    BATCH,
    BUILT_FROM,
    EFFECTIVE,
    INTERVAL,
    KNOWN_AT,
    ORIGIN,
    PARTIAL,
    PRICES,
    RECEIVED_AT,
    SOURCE,
    SYMBOL,
    TS,
    WEIGHT,
)
from pipelines.contracts.schema import Column, Table

BRONZE_BARS = Table(
    "bronze",
    "bars",
    "Bars as the source said them, every version; only a withdrawal takes rows out",
    (
        SOURCE,
        SYMBOL,
        INTERVAL,
        TS.replace(meaning="the bar's time as the source named it", nullable=True),
        *(c.replace(nullable=True, above=None, low=None) for c in PRICES),
        Column("row", "BIGINT", "place in the answer; the line of a file"),
        BUILT_FROM,
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
        Column("kind", "VARCHAR", "bars, weights or news", among=("bars", "weights", "news")),
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
        WEIGHT.replace(nullable=True, above=None, high=None),
        EFFECTIVE,
        KNOWN_AT,
        PARTIAL,
        ORIGIN,
        RECEIVED_AT,
        BATCH,
    ),
    key=("source", "index", "symbol", "effective", "batch"),
)

TABLES: tuple[Table, ...] = (
    BRONZE_BARS,
    ANSWERS,
    BRONZE_ACTIONS,
    BRONZE_WEIGHTS,
)
