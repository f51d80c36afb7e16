"""Read the weights of a universe's members from a file.

A weight counts as known from the midnight (UTC) after its effective date, unless a column says
otherwise: a file seldom tells when it was published, and an earlier time would be look-ahead.
"""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.core.text import blank_hidden, is_readable
from pipelines.sources.base import WEIGHTS
from pipelines.sources.files.columns import columns_of
from pipelines.sources.files.mapping import WEIGHT_COLUMNS, WeightFiles
from pipelines.sources.files.read import cells

USUAL = {
    "symbol": ("symbol", "ticker", "constituentsymbol"),
    "name": ("name", "company", "description"),
    "weight": ("weight", "weighting", "weights"),
    "effective": ("effective", "date", "asof", "effectivedate"),
    "known_at": ("knownat",),
}
MOST_WEIGHTS = 3_000_000  # of 500 members on each session of 23 years
WHOLE = 0.97  # below this sum some members are missing
ABOVE = 1.03  # above it these are no fractions


def weights_in(path: str, body: bytes, entry: WeightFiles, as_of: datetime) -> pa.Table:
    """Return the weights of a file that were known at `as_of`. One bad line refuses the file."""
    needed = ("symbol", "weight") if entry.effective else ("symbol", "weight", "effective")
    with cells(path, body, entry.csv) as table:
        places = columns_of(table, entry.columns, USUAL, WEIGHT_COLUMNS, needed)
        expressions = ", ".join(
            f"trim(CAST(c{at[0]} AS VARCHAR)) AS {o}" for o, at in places.items()
        )
        if len(table.rows) > MOST_WEIGHTS:
            raise SourceError(
                f"{path} has {len(table.rows):,} weights, more than the {MOST_WEIGHTS:,} that are "
                "read",
                "cut it into several files",
            )
        records = table.query(f"SELECT {expressions} FROM raw", per_row=True).to_pylist()
        if table.broken:
            line, why, _ = table.broken[0]
            raise SourceError(f"{path}, line {line}: {why}", "mend that line")
        rows = [
            _read_row(path, int(n), values, entry)
            for n, values in zip(table.rows, records, strict=True)
        ]
    sums: dict[date, float] = defaultdict(float)
    members = set[tuple[str, date]]()
    for row in rows:
        member = (row["symbol"], row["effective"])
        if member in members:
            raise SourceError(
                f"{path} has more than one weight of {member[0]} on {member[1]}",
                "keep one line for each member and date",
            )
        members.add(member)
        sums[row["effective"]] += row["weight"]
    for day, total in sums.items():
        if total > ABOVE:
            raise SourceError(
                f"{path}: the weights of {day} add up to {total:.4g}, not 1",
                "if they are percent, set 'unit: percent'; else look for lines that are doubled",
            )
    complete_rows = [row | {"partial": sums[row["effective"]] < WHOLE} for row in rows]
    return pa.Table.from_pylist([r for r in complete_rows if r["known_at"] <= utc(as_of)], WEIGHTS)


def _read_row(path: str, line: int, values: dict[str, Any], entry: WeightFiles) -> dict[str, Any]:
    try:
        weight = float(values["weight"] or "nan") / (100 if entry.unit == "percent" else 1)
        effective = date.fromisoformat((values.get("effective") or entry.effective)[:10])
        midnight = datetime.combine(effective + timedelta(days=1), time(), UTC)
        known_at = utc(values["known_at"]) if values.get("known_at") else midnight
    except (ValueError, OverflowError, InvalidRequest) as error:
        raise SourceError(
            f"{path}, line {line}: {error}",
            "weights are numbers, dates 2026-09-01 or 20260901; mend that line",
        ) from None
    if not values["symbol"] or not math.isfinite(weight):
        raise SourceError(f"{path}, line {line} has no symbol or no weight", "mend that line")
    if not is_readable(values["symbol"]):
        raise SourceError(
            f"{path}, line {line}: the symbol {values['symbol']!r} has signs that cannot be seen",
            "mend that line",
        )
    return {
        "symbol": values["symbol"],
        "name": values.get("name") and blank_hidden(values["name"]),
        "weight": weight,
        "effective": effective,
        "known_at": known_at,
    }
