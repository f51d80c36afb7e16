"""Build the weights of an index for tests."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE, utc
from pipelines.scoring.weights import Weights

SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("weight", pa.float64()),
        ("effective", pa.date32()),
        ("known_at", UTC_TYPE),
        ("partial", pa.bool_()),
    ]
)


def weight_rows(*rows: tuple[str, float, str, str], partial: bool = False) -> pa.Table:
    """Rows of silver.weights from symbol, weight, effective and known_at."""
    records = [
        {
            "symbol": symbol,
            "weight": weight,
            "effective": date.fromisoformat(effective),
            "known_at": utc(known_at),
            "partial": partial,
        }
        for symbol, weight, effective, known_at in rows
    ]
    return pa.Table.from_pylist(records, schema=SCHEMA)


def index_weights(*rows: tuple[str, float, str, str]) -> Weights:
    return Weights("QQQ", weight_rows(*rows))
