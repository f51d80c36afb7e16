"""SQL that reads a table a page at a time; callers give it values, and never SQL."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa

from pipelines.contracts.schema import quoted
from pipelines.core.errors import InvalidRequest
from serving.schemas.errors import TooLarge
from serving.state.answers import Row

KNOWN = ("outcome", "next_return", "actual")


@dataclass(frozen=True)
class Past:
    """A table in pages: its columns, and an order in which no two rows share a place."""

    table: str
    columns: tuple[str, ...]
    order: tuple[str, ...]  # the time of the range comes first
    where: str = "true"
    outcomes: bool = False
    scored: bool = True  # each row is about a bar


# What DuckDB can hold of what a caller may name.
FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def range_of(
    asked_start: datetime | None, asked_end: datetime | None, days: int
) -> tuple[datetime, datetime]:
    """Return the range of a history in UTC; without ends it is all there is."""
    try:
        start = (asked_start or FIRST).astimezone(UTC)
        end = (asked_end or LAST).astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(
            "the range reaches over the end of time", "name years between 2 and 9998"
        ) from None
    if start > end:
        raise InvalidRequest(f"the range ends at {end} and starts at {start}", "turn it round")
    if asked_start and asked_end and end - start > timedelta(days=days):
        raise TooLarge(f"a range of {(end - start).days} days", f"ask for {days} at the most")
    return max(start, FIRST), min(end, LAST)


def query(
    past: Past, chosen: Row, start: datetime, end: datetime, cursor: str | None, limit: int
) -> tuple[str, list[Any]]:
    """Return the SQL of a page and its values; nothing that a caller sent stands in the SQL."""
    time, *_ = past.order
    where = [past.where, f"{time} >= ?", f"{time} < ?"]
    values: list[Any] = [start, end]
    for column, value in chosen.items():
        if value is not None:
            where.append(f"{quoted(column)} = ?")
            values.append(value)
    if cursor is not None:
        place = _place(past, cursor)
        where += [f"{time} <= ?", f"({', '.join(past.order)}) < ({', '.join('?' * len(place))})"]
        values += [place[0], *place]
    names = ", ".join(quoted(column) for column in past.columns)
    order = ", ".join(f"{column} DESC" for column in past.order)
    sql = (
        f"SELECT {names} FROM {past.table} WHERE {' AND '.join(where)} "
        f"ORDER BY {order} LIMIT {int(limit)}"
    )
    if past.outcomes:
        key = 'forecast, target, source, symbol, "interval", ts, model_version'
        sql = (
            f"SELECT t.*, {', '.join('o.' + name for name in KNOWN)} FROM ({sql}) t "
            f"LEFT JOIN (FROM gold.outcomes WHERE forecast = ? AND source = ? AND ts >= ? "
            f"AND ts < ?) o USING ({key}) ORDER BY {order}"
        )
        values += [chosen["forecast"], chosen["source"], start, end]
    return sql, values


def cursor_of(past: Past, rows: pa.Table) -> str:
    """Return the cursor of the page after these rows: the place of the last of them."""
    last = rows.slice(rows.num_rows - 1).select(past.order).to_pylist()[0]
    text = orjson.dumps(list(last.values()))
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _place(past: Past, cursor: str) -> list[Any]:
    """Read the values of a cursor; one that is of another table, or made up, is refused."""
    try:
        values = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", True))
        kinds = [_KINDS.get(name, str) for name in past.order]
        if not isinstance(values, list) or [type(value) for value in values] != [
            str if kind is datetime else kind for kind in kinds
        ]:
            raise ValueError(cursor)
        values[0] = datetime.fromisoformat(values[0]).astimezone(UTC)
    except (ValueError, binascii.Error, OverflowError):
        raise InvalidRequest("this is no cursor of these rows", "send `next` as it came") from None
    if any(isinstance(v, int) and abs(v) >= 2**63 for v in values):
        raise InvalidRequest("this is no cursor of these rows", "send `next` as it came")
    return values


_KINDS = {"ts": datetime, "decided_at": datetime, "live": bool, "model_version": int}
