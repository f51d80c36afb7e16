"""The columns of bars, as every source gives them."""

from __future__ import annotations

import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE

BARS = pa.schema(
    [
        ("symbol", pa.string()),
        ("ts", UTC_TYPE),  # the bar's open; from one day up, midnight UTC of the date that names it
        ("open", pa.float64()),
        ("high", pa.float64()),
        ("low", pa.float64()),
        ("close", pa.float64()),
        ("volume", pa.float64()),
        ("bid", pa.float64()),  # closing quote, null where the source has none
        ("ask", pa.float64()),
        ("row", pa.int64()),  # place in the answer, from 1 (the line of a file)
    ]
)
