"""Rows of silver tables that keep their contracts, to be spoiled by tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from pipelines.contracts.tables import Table

START = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)


TYPES = {
    "VARCHAR": pa.string(),
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
}


def bar(number: int, **changes: object) -> dict[str, object]:
    ts = START + timedelta(hours=number)
    valid = {
        "source": "sample",
        "symbol": "AAPL",
        "interval": "1h",
        "ts": ts,
        "closes_at": ts + timedelta(hours=1),
        "session": START.date(),
        "open": 100.0,
        "high": 101.0,
        "low": 99.0,
        "close": 100.5,
        "volume": 1000.0,
        "bid": 100.0,
        "ask": 100.1,
        "split_factor": 1.0,
        "received_at": START,
        "batch": 2**53 + number,
    }
    return valid | changes


def weight(number: int, **changes: object) -> dict[str, object]:
    valid = {
        "source": "sample",
        "index": "QQQ",
        "symbol": f"S{number}",
        "name": None,
        "weight": 0.25,
        "effective": START.date(),
        "known_at": START,
        "partial": False,
        "received_at": START,
        "batch": 1,
    }
    return valid | changes


def rows(declared: Table, values: list[dict[str, object]]) -> pa.Table:
    schema = pa.schema([(c.name, TYPES[c.type]) for c in declared.columns])
    return pa.Table.from_pylist(values, schema=schema)
