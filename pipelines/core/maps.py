"""Maps in Arrow tables: Python reads them as lists of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def map_columns(rows: pa.Table) -> list[str]:
    """Return the names of the columns whose values are maps."""
    return [field.name for field in rows.schema if str(field.type).startswith("map<")]


def read_rows(rows: pa.Table) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries, maps as dictionaries too."""
    maps = map_columns(rows)
    return [
        row | {name: dict(row[name]) for name in maps if row[name] is not None}
        for row in rows.to_pylist()
    ]
