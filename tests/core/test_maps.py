"""Maps of Arrow tables are read as dictionaries, and missing ones stay missing."""

from __future__ import annotations

import pyarrow as pa

from pipelines.core.maps import map_columns, read_rows

SHARES = pa.map_(pa.string(), pa.float64())
PAIR = pa.struct([("k", pa.string()), ("v", pa.float64())])
ROWS = pa.table(
    {
        "symbol": ["A", "B"],
        "shares": pa.array([[("x", 0.5), ("y", 1.5)], None], SHARES),
        "pairs": pa.array(
            [[("x", 0.5)], []], pa.list_(pa.struct([("k", "string"), ("v", "double")]))
        ),
        "empty": pa.array([[], []], SHARES),
    }
)


def test_every_column_of_maps_is_found_by_its_type() -> None:
    assert map_columns(ROWS) == ["shares", "empty"]
    assert map_columns(ROWS.select(["symbol"])) == []


def test_rows_have_dictionaries() -> None:
    first, second = read_rows(ROWS)
    assert first["shares"] == {"x": 0.5, "y": 1.5}
    assert second["shares"] is None
    assert first["empty"] == {}
    assert first["pairs"] == [{"k": "x", "v": 0.5}]
