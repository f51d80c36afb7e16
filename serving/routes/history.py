"""Past signals, predictions and decisions from the tables: by range and cursor, in three forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from pipelines.contracts.gold import INDEX_SIGNALS, MODEL_DECISIONS, PREDICTIONS
from pipelines.contracts.schema import Table
from pipelines.core.calendar import calendar, spans_night
from pipelines.forecasts import Forecast
from serving.http.dependencies import (
    PATTERN,
    CurrentCache,
    ForecastInPath,
    NewestView,
    TargetName,
    UniverseName,
    combined_universe,
    known_target,
    newest_of,
    routers,
)
from serving.http.errors import error_responses
from serving.http.formats import preferred_format
from serving.http.page_response import FORMS, page_response
from serving.http.paging import HistoryTable, read_page
from serving.schemas.answers import (
    Decision,
    Decisions,
    PastPrediction,
    PastPredictions,
    PastSignal,
    PastSignals,
)
from serving.schemas.strict import DateTime, QueryNumber
from serving.state.answers import Row, mark_made_up_news

router, forecast_router = routers("history")


def _columns(kind: type[BaseModel], table: Table) -> tuple[str, ...]:
    """Return the fields of an answered row that are columns of the table."""
    return tuple(name for name in kind.model_fields if name in table.column_names)


PAST_SIGNALS = HistoryTable(
    "gold.index_signals", _columns(PastSignal, INDEX_SIGNALS), ("ts", "live")
)
PAST_PREDICTIONS = HistoryTable(
    "gold.predictions",
    _columns(PastPrediction, PREDICTIONS),
    ("ts", "symbol", "target", "live", "role", "candidate"),
    has_outcomes=True,
)
DECISIONS = HistoryTable(
    "gold.model_decisions",
    _columns(Decision, MODEL_DECISIONS),
    ("decided_at", "target", "model_version", "verdict"),
    has_bars=False,
)


class TimeFilters(BaseModel):
    """Query parameters of whatever has a range of time."""

    model_config = ConfigDict(extra="forbid")

    start: DateTime | None = Field(
        None,
        description="only rows from this instant on; a date-time with its zone",
        examples=["2026-08-01T00:00:00Z"],
    )
    end: DateTime | None = Field(
        None, description="only rows before this instant; a date-time with its zone"
    )


class RangeFilters(TimeFilters):
    """Query parameters of every range of rows."""

    cursor: str | None = Field(None, max_length=400, description="`next` of the previous page")
    limit: Annotated[int, QueryNumber] = Field(
        1000, ge=1, le=10_000, description="the most rows to return"
    )


class HistoryFilters(RangeFilters):
    """Query parameters of every history of a forecast."""

    def column_values(self, forecast: Forecast) -> Row:
        """Return the values that columns must have; None allows any value."""
        return {}


class TargetFilters(HistoryFilters):
    """Query parameters of a history with targets."""

    target: TargetName = None

    def column_values(self, forecast: Forecast) -> Row:
        return {"target": known_target(forecast, self.target)}


class LiveFilters(HistoryFilters):
    """Query parameters of a history with rows that were live or not."""

    live: bool | None = Field(
        True,
        description="true: only rows that were published in time to act on; false: only the others",
    )


class SignalFilters(LiveFilters):
    """Query parameters of the history of signals."""

    universe: UniverseName = None

    def column_values(self, forecast: Forecast) -> Row:
        return {"universe": self.universe or forecast.combined_universes[0], "live": self.live}


class PredictionFilters(LiveFilters, TargetFilters):
    """Query parameters of the history of predictions."""

    symbol: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        pattern=PATTERN,
        examples=["NVDA"],
        description="ticker; without it, rows of all symbols",
    )

    role: Literal["champion", "challenger", "all"] = Field(
        "champion",
        description="champion: predictions of the models that serve; challenger: those of the "
        "models that are scored beside them and decide nothing; all: both",
    )

    def column_values(self, forecast: Forecast) -> Row:
        role = None if self.role == "all" else self.role
        own = {"symbol": self.symbol, "live": self.live, "role": role}
        return super().column_values(forecast) | own


@dataclass(frozen=True)
class HistoryQuery:
    """Reads pages of one forecast's history from one snapshot."""

    request: Request
    state: CurrentCache
    view: NewestView
    name: ForecastInPath

    def page(self, table: HistoryTable, filters: HistoryFilters) -> Response:
        """Return a page of rows of a table, in the format that the caller accepts."""
        preferred_format(self.request.headers.get("accept"))  # before the lake is read for nobody
        forecast = newest_of(self.state, self.name).forecast
        column_values = {
            "forecast": self.name,
            "source": self.state.source,
        } | filters.column_values(forecast)
        settings = self.request.app.state.settings
        rows, next_cursor = read_page(self.view, table, column_values, filters, settings)
        if table.has_bars:
            rows = _add_nights(rows, forecast)
        return page_response(self.request, rows, self._marks(rows), next_cursor)

    def _marks(self, rows: pa.Table) -> Row:
        """Return the provenance of all rows of a page."""
        marks = self.state.marks | {"snapshot": self.view.snapshot}
        if "news_source" in rows.column_names:
            mark_made_up_news(marks, pc.unique(rows["news_source"]).to_pylist())
        if not all(rows["proven"].to_pylist()):
            marks["notices"].append(
                "some rows are of unproven models: see unproven_reason, or reason"
            )
        return marks


History = Annotated[HistoryQuery, Depends(HistoryQuery)]


@router.get("/signals/history", response_model=PastSignals, responses=error_responses(404) | FORMS)
@forecast_router.get("/signals", response_model=PastSignals, responses=error_responses(404) | FORMS)
def signals(history: History, filters: Annotated[SignalFilters, Query()]) -> Response:
    """List past signals of a universe, the newest first; only live ones by default."""
    combined_universe(newest_of(history.state, history.name), filters.universe)
    return history.page(PAST_SIGNALS, filters)


@router.get("/predictions/history", response_model=PastPredictions, responses=FORMS)
@forecast_router.get(
    "/history", response_model=PastPredictions, responses=error_responses(404) | FORMS
)
def predictions(history: History, filters: Annotated[PredictionFilters, Query()]) -> Response:
    """List past predictions with their outcomes where these are known: a row per bar and target."""
    return history.page(PAST_PREDICTIONS, filters)


@router.get("/models/decisions", response_model=Decisions, responses=FORMS)
@forecast_router.get("/decisions", response_model=Decisions, responses=error_responses(404) | FORMS)
def decisions(history: History, filters: Annotated[TargetFilters, Query()]) -> Response:
    """List the decisions on models: why each was promoted, kept, refused or withdrawn."""
    return history.page(DECISIONS, filters)


def _add_nights(rows: pa.Table, forecast: Forecast) -> pa.Table:
    """Return the rows with spans_night after timestamp_next, which the tables do not keep."""
    span = (rows[name].to_numpy() for name in ("closes_at", "timestamp_next"))
    nights = spans_night(calendar(forecast.schedule.calendar), *span)
    place = rows.schema.get_field_index("timestamp_next") + 1
    return rows.add_column(place, "spans_night", pa.array(nights))
