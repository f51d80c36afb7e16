"""Past signals, predictions and decisions from the tables: by range and cursor, in three forms."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
import pyarrow as pa
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from pipelines.contracts import quoted
from pipelines.errors import InvalidRequest
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
from serving.asked import MAIN, PATTERN, ForecastPath, Held, known_universe, newest_of, plain
from serving.errors import TooLarge
from serving.forms import ARROW, CSV, as_arrow, as_csv, form
from serving.keys import reading
from serving.lake import Newest
from serving.newest import Row, State

router = APIRouter(tags=["history"], dependencies=[reading])
FORMS: dict[int | str, dict[str, Any]] = {
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


# What DuckDB can hold of what a caller may name.
FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
KNOWN = ("outcome", "next_return", "actual")
PAST_SIGNALS = Past("gold.index_signals", tuple(PastSignal.model_fields), ("ts", "live"))
PAST_PREDICTIONS = Past(
    "gold.predictions",
    tuple(name for name in PastPrediction.model_fields if name not in KNOWN),
    ("ts", "symbol", "target", "live"),
    "role = 'champion'",
    outcomes=True,
)
DECISIONS = Past(
    "gold.model_decisions",
    tuple(Decision.model_fields),
    ("decided_at", "target", "model_version", "verdict"),
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


@router.get("/signals/history", response_model=PastSignals, responses=FORMS)
def signals(
    request: Request, state: Held, view: Newest, asked: Annotated[AskedSignals, Query()]
) -> Response:
    """Past signals of a universe, the newest first; live ones unless asked otherwise."""
    return forecast_signals(request, state, view, MAIN, asked)


@router.get("/predictions/history", response_model=PastPredictions, responses=FORMS)
def predictions(
    request: Request, state: Held, view: Newest, asked: Annotated[AskedPredictions, Query()]
) -> Response:
    """Past predictions, each with its outcome where that is known."""
    return forecast_predictions(request, state, view, MAIN, asked)


@router.get("/models/decisions", response_model=Decisions, responses=FORMS)
def decisions(
    request: Request, state: Held, view: Newest, asked: Annotated[Asked, Query()]
) -> Response:
    """Why models were promoted, kept, refused or withdrawn."""
    return forecast_decisions(request, state, view, MAIN, asked)


@router.get("/forecasts/{name}/signals", response_model=PastSignals, responses=FORMS)
def forecast_signals(
    request: Request,
    state: Held,
    view: Newest,
    name: ForecastPath,
    asked: Annotated[AskedSignals, Query()],
) -> Response:
    """Past signals of a forecast's universe."""
    chosen = {"universe": asked.universe, "live": asked.live}
    return _page(request, state, view, PAST_SIGNALS, name, asked, chosen)


@router.get("/forecasts/{name}/history", response_model=PastPredictions, responses=FORMS)
def forecast_predictions(
    request: Request,
    state: Held,
    view: Newest,
    name: ForecastPath,
    asked: Annotated[AskedPredictions, Query()],
) -> Response:
    """Past predictions of a forecast, each with its outcome where that is known."""
    chosen = {"symbol": asked.symbol, "live": asked.live}
    return _page(request, state, view, PAST_PREDICTIONS, name, asked, chosen)


@router.get("/forecasts/{name}/decisions", response_model=Decisions, responses=FORMS)
def forecast_decisions(
    request: Request,
    state: Held,
    view: Newest,
    name: ForecastPath,
    asked: Annotated[Asked, Query()],
) -> Response:
    """Why a forecast's models were promoted, kept, refused or withdrawn."""
    return _page(request, state, view, DECISIONS, name, asked, {})


def _page(
    request: Request, state: State, view: Newest, past: Past, name: str, asked: Asked, chosen: Row
) -> Response:
    wanted = form(request.headers.get("accept"))
    newest_of(state, name)
    settings = request.app.state.settings
    limit = min(asked.limit, settings.rows)
    start, end = _range(asked, settings.range_days)
    chosen = {"forecast": name, "source": state.source} | chosen
    found = view.sql(*_query(past, chosen, start, end, asked.cursor, limit + 1))
    more = found.num_rows > limit
    found = found.slice(0, limit)
    after = _cursor(past, found) if more else None
    headers = {"X-Next-Cursor": after} if after else {}
    if wanted == ARROW:
        return as_arrow(found, state.marks, headers)
    if wanted == CSV:
        return as_csv(found, headers)
    rows = found.to_pylist()
    for row in rows:
        if "probabilities" in row:
            row["probabilities"] = dict(row["probabilities"])
    marks = state.marks | {"snapshot": view.snapshot}
    if any(not row["proven"] for row in rows):
        marks["notices"].append("some rows are of unproven models: see unproven_reason, or reason")
    return plain(marks | {"next": after, "rows": rows}, headers)


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
