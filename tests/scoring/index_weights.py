"""Weights of an index, written down by a test."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE, utc
from pipelines.scoring.weights import Weights


def index_weights(*rows: tuple[str, float, str, str], partial: bool = False) -> Weights:
    """Weights of QQQ from rows of symbol, weight, effective and known_at."""
    records = [
        {
            "symbol": symbol,
            "weight": weight,
            "effective": date.fromisoformat(effective),
            "known_at": utc(known),
            "partial": partial,
        }
        for symbol, weight, effective, known in rows
    ]
    schema = pa.schema(
        [
            ("symbol", pa.string()),
            ("weight", pa.float64()),
            ("effective", pa.date32()),
            ("known_at", UTC_TYPE),
            ("partial", pa.bool_()),
        ]
    )
    return Weights("QQQ", pa.Table.from_pylist(records, schema=schema))
