"""SQL that reads a table a page at a time; callers give it values, and never SQL."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import orjson
import pyarrow as pa

from pipelines.contracts.schema import quoted
from pipelines.core.errors import InvalidRequest
from pipelines.lake import View
from serving.schemas.errors import TooLarge
from serving.settings import Settings
from serving.state.answers import Row

OUTCOME_COLUMNS = ("outcome", "next_return", "actual")


@dataclass(frozen=True)
class HistoryTable:
    """A table in pages: its columns, and an order in which no two rows share a place."""

    table: str
    columns: tuple[str, ...]
    order: tuple[str, ...]  # the time of the range comes first
    where: str = "true"
    has_outcomes: bool = False
    has_bars: bool = True  # each row is about a bar
    lists: tuple[str, ...] = ()  # columns of which a caller names one member


# What DuckDB can hold of what a caller may name.
FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def range_of(first: datetime | None, last: datetime | None, days: int) -> tuple[datetime, datetime]:
    """Return the range of a history in UTC; without ends it is all there is."""
    try:
        start = (first or FIRST).astimezone(UTC)
        end = (last or LAST).astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(
            "the range reaches over the end of time", "name years between 2 and 9998"
        ) from None
    if start > end:
        raise InvalidRequest(f"the range ends at {end} and starts at {start}", "turn it round")
    if first and last and end - start > timedelta(days=days):
        raise TooLarge(f"a range of {(end - start).days} days", f"ask for {days} at the most")
    return max(start, FIRST), min(end, LAST)


def query(
    table: HistoryTable,
    column_values: Row,
    start: datetime,
    end: datetime,
    cursor: str | None,
    limit: int,
) -> tuple[str, list[Any]]:
    """Return the SQL of a page and its values; nothing that a caller sent stands in the SQL."""
    time, *_ = table.order
    where = [table.where, f"{time} >= ?", f"{time} < ?"]
    values: list[Any] = [start, end]
    for column, value in column_values.items():
        if value is not None:
            name = quoted(column)
            where.append(f"list_contains({name}, ?)" if column in table.lists else f"{name} = ?")
            values.append(value)
    if cursor is not None:
        place = place_of_cursor(table, cursor)
        where += [f"{time} <= ?", f"({', '.join(table.order)}) < ({', '.join('?' * len(place))})"]
        values += [place[0], *place]
    names = ", ".join(quoted(column) for column in table.columns)
    order = ", ".join(f"{column} DESC" for column in table.order)
    sql = (
        f"SELECT {names} FROM {table.table} WHERE {' AND '.join(where)} "
        f"ORDER BY {order} LIMIT {int(limit)}"
    )
    if table.has_outcomes:
        key = 'forecast, target, source, symbol, "interval", ts, model_version'
        sql = (
            f"SELECT t.*, {', '.join('o.' + name for name in OUTCOME_COLUMNS)} FROM ({sql}) t "
            f"LEFT JOIN (FROM gold.outcomes WHERE forecast = ? AND source = ? AND ts >= ? "
            f"AND ts < ?) o USING ({key}) ORDER BY {order}"
        )
        values += [column_values["forecast"], column_values["source"], start, end]
    return sql, values


class PageRequest(Protocol):
    """What a caller says of a page: its range, where it begins, and how long it is."""

    start: datetime | None
    end: datetime | None
    cursor: str | None
    limit: int


def read_page(
    view: View, table: HistoryTable, column_values: Row, page: PageRequest, settings: Settings
) -> tuple[pa.Table, str | None]:
    """Return the rows of a page, and the cursor of the next one where there is one."""
    limit = min(page.limit, settings.rows)
    start, end = range_of(page.start, page.end, settings.range_days)
    rows = view.sql(*query(table, column_values, start, end, page.cursor, limit + 1))
    has_more = rows.num_rows > limit
    rows = rows.slice(0, limit)
    return rows, cursor_of(table, rows) if has_more else None


def cursor_of(table: HistoryTable, rows: pa.Table) -> str:
    """Return the cursor of the page after these rows: the place of the last of them."""
    last = rows.slice(rows.num_rows - 1).select(table.order).to_pylist()[0]
    text = orjson.dumps(list(last.values()))
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def place_of_cursor(table: HistoryTable, cursor: str) -> list[Any]:
    """Read the values of a cursor; one that is of another table, or made up, is refused."""
    try:
        values = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", True))
        kinds = [_KINDS.get(name, str) for name in table.order]
        if not isinstance(values, list) or [type(value) for value in values] != [
            str if kind is datetime else kind for kind in kinds
        ]:
            raise ValueError(cursor)
        values = [
            datetime.fromisoformat(value).astimezone(UTC) if kind is datetime else value
            for value, kind in zip(values, kinds, strict=True)
        ]
    except (ValueError, binascii.Error, OverflowError):
        raise InvalidRequest("this is no cursor of these rows", "send `next` as it came") from None
    if any(isinstance(v, int) and abs(v) >= 2**63 for v in values):
        raise InvalidRequest("this is no cursor of these rows", "send `next` as it came")
    return values


_KINDS = {
    "ts": datetime,
    "decided_at": datetime,
    "finished_at": datetime,
    "batch": int,
    "window_end": datetime,
    "known_at": datetime,
    "live": bool,
    "model_version": int,
}
