"""Past signals, predictions and decisions from the tables: by range and cursor, in three forms."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
import pyarrow as pa
from fastapi import Depends, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from pipelines.calendar import calendar
from pipelines.contracts import Table, quoted
from pipelines.errors import InvalidRequest
from pipelines.forecasts import Forecast
from pipelines.tables.gold import INDEX_SIGNALS, MODEL_DECISIONS, PREDICTIONS
from pipelines.universes import universes
from pipelines.words import UNIVERSE
from serving.answers import (
    Decision,
    Decisions,
    PastPrediction,
    PastPredictions,
    PastSignal,
    PastSignals,
)
from serving.asked import PATTERN, Held, Named, known_universe, newest_of, plain, routers
from serving.errors import TooLarge, may
from serving.forms import ARROW, CSV, as_arrow, as_csv, form
from serving.lake import Newest
from serving.newest import Row
from serving.times import spans_night

router, named = routers("history")
FORMS = may(406, 422) | {
    200: {
        "description": "Rows, the newest first: JSON, CSV or Arrow, as Accept says",
        "content": {ARROW: {}, CSV: {"schema": {"type": "string"}}},
        "headers": {
            "X-Next-Cursor": {
                "description": "cursor of the next page; absent on the last",
                "schema": {"type": "string"},
            }
        },
    },
}


@dataclass(frozen=True)
class Past:
    """A table as it is paged: in an order in which no two rows share a place."""

    table: str
    columns: tuple[str, ...]
    order: tuple[str, ...]  # the time of the range comes first
    where: str = "true"
    outcomes: bool = False
    scored: bool = True  # each row is about a bar


# What DuckDB can hold of what a caller may name.
FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
KNOWN = ("outcome", "next_return", "actual")


def _columns(kind: type[BaseModel], table: Table) -> tuple[str, ...]:
    """What the table has of a row that is answered."""
    return tuple(name for name in kind.model_fields if name in table.column_names)


PAST_SIGNALS = Past("gold.index_signals", _columns(PastSignal, INDEX_SIGNALS), ("ts", "live"))
PAST_PREDICTIONS = Past(
    "gold.predictions",
    _columns(PastPrediction, PREDICTIONS),
    ("ts", "symbol", "target", "live"),
    "role = 'champion'",
    outcomes=True,
)
DECISIONS = Past(
    "gold.model_decisions",
    _columns(Decision, MODEL_DECISIONS),
    ("decided_at", "target", "model_version", "verdict"),
    scored=False,
)


class Asked(BaseModel):
    """What every history takes."""

    model_config = ConfigDict(extra="forbid")

    start: AwareDatetime | None = Field(
        None, description="from this instant on, with its zone", examples=["2026-08-01T00:00:00Z"]
    )
    end: AwareDatetime | None = Field(None, description="before this instant, with its zone")
    cursor: str | None = Field(None, max_length=400, description="`next` of the page before")
    limit: int = Field(1000, ge=1, le=10_000, description="rows at the most")

    def chosen(self) -> Row:
        """Which rows: values of columns, None where any will do."""
        return {}


class AskedRows(Asked):
    """And whether rows were live."""

    live: bool | None = Field(
        True, description="true: written before the bar it is about had closed; false: the others"
    )


class AskedSignals(AskedRows):
    """A universe's signals."""

    universe: Annotated[str, AfterValidator(known_universe)] = Field(
        "qqq", description=UNIVERSE.meaning, json_schema_extra={"enum": [*sorted(universes())]}
    )

    def chosen(self) -> Row:
        return {"universe": self.universe, "live": self.live}


class AskedPredictions(AskedRows):
    """A symbol's predictions, or all of them."""

    symbol: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        pattern=PATTERN,
        examples=["NVDA"],
        description="ticker; all of them where none is named",
    )

    def chosen(self) -> Row:
        return {"symbol": self.symbol, "live": self.live}


@dataclass(frozen=True)
class Where:
    """What every history reads: one snapshot, of one forecast."""

    request: Request
    state: Held
    view: Newest
    name: Named

    def page(self, past: Past, asked: Asked) -> Response:
        """Some rows of a table, in the form that the caller accepts."""
        wanted = form(self.request.headers.get("accept"))
        forecast = newest_of(self.state, self.name).forecast
        settings = self.request.app.state.settings
        limit = min(asked.limit, settings.rows)
        start, end = _range(asked, settings.range_days)
        chosen = {"forecast": self.name, "source": self.state.source} | asked.chosen()
        found = self.view.sql(*_query(past, chosen, start, end, asked.cursor, limit + 1))
        more = found.num_rows > limit
        found = found.slice(0, limit)
        after = _cursor(past, found) if more else None
        headers = {"X-Next-Cursor": after} if after else {}
        if past.scored:
            found = _with_nights(found, forecast)
        if wanted == ARROW:
            return as_arrow(found, self.state.marks, headers)
        if wanted == CSV:
            return as_csv(found, headers)
        return plain(self._told(found, after), headers)

    def _told(self, found: pa.Table, after: str | None) -> Row:
        rows = found.to_pylist()
        for row in rows:
            if "probabilities" in row:
                row["probabilities"] = dict(row["probabilities"])
        marks = self.state.marks | {"snapshot": self.view.snapshot}
        if any(not row["proven"] for row in rows):
            marks["notices"].append(
                "some rows are of unproven models: see unproven_reason, or reason"
            )
        return marks | {"next": after, "rows": rows}


Here = Annotated[Where, Depends(Where)]


@router.get("/signals/history", response_model=PastSignals, responses=FORMS)
@named.get("/signals", response_model=PastSignals, responses=may(404) | FORMS)
def signals(here: Here, asked: Annotated[AskedSignals, Query()]) -> Response:
    """Past signals of a universe, the newest first; live ones unless asked otherwise."""
    return here.page(PAST_SIGNALS, asked)


@router.get("/predictions/history", response_model=PastPredictions, responses=FORMS)
@named.get("/history", response_model=PastPredictions, responses=may(404) | FORMS)
def predictions(here: Here, asked: Annotated[AskedPredictions, Query()]) -> Response:
    """Past predictions, each with its outcome where that is known."""
    return here.page(PAST_PREDICTIONS, asked)


@router.get("/models/decisions", response_model=Decisions, responses=FORMS)
@named.get("/decisions", response_model=Decisions, responses=may(404) | FORMS)
def decisions(here: Here, asked: Annotated[Asked, Query()]) -> Response:
    """Why models were promoted, kept, refused or withdrawn."""
    return here.page(DECISIONS, asked)


def _with_nights(rows: pa.Table, forecast: Forecast) -> pa.Table:
    """The rows with spans_night after timestamp_next, which the tables do not keep."""
    span = (rows[name].to_numpy() for name in ("closes_at", "timestamp_next"))
    nights = spans_night(calendar(forecast.schedule.calendar), *span)
    place = rows.schema.get_field_index("timestamp_next") + 1
    return rows.add_column(place, "spans_night", pa.array(nights))


def _range(asked: Asked, days: int) -> tuple[datetime, datetime]:
    """From when to when: all there is, where nothing is asked."""
    try:
        start = (asked.start or FIRST).astimezone(UTC)
        end = (asked.end or LAST).astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(
            "the range reaches over the end of time", "name years between 2 and 9998"
        ) from None
    if start > end:
        raise InvalidRequest(f"the range ends at {end} and starts at {start}", "turn it round")
    if asked.start and asked.end and end - start > timedelta(days=days):
        raise TooLarge(f"a range of {(end - start).days} days", f"ask for {days} at the most")
    return max(start, FIRST), min(end, LAST)


def _query(
    past: Past, chosen: Row, start: datetime, end: datetime, cursor: str | None, limit: int
) -> tuple[str, list[Any]]:
    """The SQL of a page and its values: nothing that a caller sent stands in the SQL itself."""
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


def _cursor(past: Past, rows: pa.Table) -> str:
    last = rows.slice(rows.num_rows - 1).select(past.order).to_pylist()[0]
    text = orjson.dumps(list(last.values()))
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _place(past: Past, cursor: str) -> list[Any]:
    """The values of a cursor; one that another table made, or nobody, is refused."""
    try:
        told = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", True))
        kinds = [_KINDS.get(name, str) for name in past.order]
        if not isinstance(told, list) or [type(value) for value in told] != [
            str if kind is datetime else kind for kind in kinds
        ]:
            raise ValueError(cursor)
        told[0] = datetime.fromisoformat(told[0]).astimezone(UTC)
    except (ValueError, binascii.Error, OverflowError):
        raise InvalidRequest("this is no cursor of these rows", "send `next` as it came") from None
    if any(isinstance(v, int) and abs(v) >= 2**63 for v in told):
        raise InvalidRequest("this is no cursor of these rows", "send `next` as it came")
    return told


_KINDS = {"ts": datetime, "decided_at": datetime, "live": bool, "model_version": int}
