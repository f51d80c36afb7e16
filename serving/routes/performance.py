"""What the published signals earned, how often they hit, and what predictions promised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import Query
from fastapi.responses import Response
from pydantic import Field

from pipelines.core.calendar import calendar
from pipelines.forecasts import Forecast, TargetForecast
from pipelines.lake import View
from serving.http.computed import Computed, ComputedQuery, Page, whole_table
from serving.http.dependencies import (
    TargetName,
    UniverseName,
    combined_universe,
    known_target,
    newest_of,
    routers,
)
from serving.http.errors import error_responses
from serving.http.page_response import FORMS
from serving.http.paging import HistoryTable, cursor_of, place_of_cursor, range_of
from serving.routes.history import RangeFilters, TimeFilters
from serving.schemas.performance import (
    CurveRow,
    HitRates,
    LiveCalibration,
    Performance,
    PerformanceCurve,
)
from serving.state import performance
from serving.state.answers import Row
from serving.state.computed import ComputedTable
from serving.state.performance import Span

router, forecast_router = routers("performance")
ANSWERS = error_responses(404) | FORMS
CURVE = HistoryTable("gold.index_signals", tuple(CurveRow.model_fields), ("ts",))
LIVE = Field(
    True,
    description="true: only what was published in time to act on; false: only what was scored "
    "later, as by a backfill",
)


class SpanFilters(TimeFilters):
    """Query parameters of every figure of performance."""

    live: bool = LIVE


class SignalFilters(SpanFilters):
    """Query parameters of figures about the signals of a universe."""

    universe: UniverseName = None


class HitFilters(SignalFilters):
    """Query parameters of hit rates."""

    by: Literal["strength", "hour", "symbol"] = Field(
        "strength",
        description="groups: signals by |WSS|, or by the hour of their close; or the predictions "
        "that the signal combines, by symbol",
    )


class CalibrationFilters(SpanFilters):
    """Query parameters of calibration."""

    target: TargetName = None


class CurveFilters(RangeFilters):
    """Query parameters of the curve."""

    live: bool = LIVE
    universe: UniverseName = None


def _span(query: ComputedQuery, filters: SpanFilters | CurveFilters) -> Span:
    days = query.request.app.state.settings.range_days
    return range_of(filters.start, filters.end, days)


def _universe(query: ComputedQuery, name: str | None) -> str:
    return combined_universe(newest_of(query.state, query.name), name)


def _about(query: ComputedQuery, universe: str, live: bool, signals: pa.Table) -> Row:
    """Return what is said about all rows of an answer about signals."""
    notices = []
    if not signals.num_rows:
        kind = "published live" if live else "scored later"
        notices.append(f"no signal of {universe} was {kind} in this range")
    elif not pc.all(signals["proven"]).as_py():
        notices.append("some signals are of unproven models")
    return {"forecast": query.name, "universe": universe, "live": live, "notices": notices}


async def _answer_signals(
    query: ComputedQuery,
    filters: SignalFilters | CurveFilters,
    build: Callable[[pa.Table], pa.Table],
    choose_page: Callable[[pa.Table], Page] = whole_table,
) -> Response:
    universe, span = _universe(query, filters.universe), _span(query, filters)

    def compute(view: View) -> ComputedTable:
        signals = performance.read_signals(
            view, query.name, query.state.source, universe, filters.live, span
        )
        about = _about(query, universe, filters.live, signals)
        return ComputedTable(build(signals), about)

    key = (universe, filters.live, span)
    return await query.answer(key, compute, choose_page)


@router.get("/performance", response_model=Performance, responses=ANSWERS)
@forecast_router.get("/performance", response_model=Performance, responses=ANSWERS)
async def summary(query: Computed, filters: Annotated[SignalFilters, Query()]) -> Response:
    """Measure what following the signals earned, beside being always long.

    From each bar's close to the close of the next, as log-returns, without costs.
    """
    return await _answer_signals(query, filters, performance.summary_table)


@router.get("/performance/curve", response_model=PerformanceCurve, responses=ANSWERS)
@forecast_router.get("/performance/curve", response_model=PerformanceCurve, responses=ANSWERS)
async def curve(query: Computed, filters: Annotated[CurveFilters, Query()]) -> Response:
    """List the signals with what following them had earned by then, the newest first.

    The sums begin at the start of the range, whichever page is asked for.
    """
    place = place_of_cursor(CURVE, filters.cursor) if filters.cursor is not None else None
    limit = min(filters.limit, query.request.app.state.settings.rows)

    def choose_page(rows: pa.Table) -> Page:
        rows = rows.select(CURVE.columns)
        if place is not None:
            rows = rows.filter(pc.less(rows["ts"], pa.scalar(place[0], rows["ts"].type)))
        page = rows.slice(0, limit)
        return page, cursor_of(CURVE, page) if rows.num_rows > limit else None

    return await _answer_signals(query, filters, performance.curve_table, choose_page)


@router.get("/performance/hits", response_model=HitRates, responses=ANSWERS)
@forecast_router.get("/performance/hits", response_model=HitRates, responses=ANSWERS)
async def hits(query: Computed, filters: Annotated[HitFilters, Query()]) -> Response:
    """Count how often the price moved to the side of a signal, or of a prediction, by group."""
    universe, span = _universe(query, filters.universe), _span(query, filters)
    forecast, source = query.forecast, query.state.source
    market = calendar(forecast.schedule.calendar)

    def compute(view: View) -> ComputedTable:
        signals = performance.read_signals(
            view, forecast.name, source, universe, filters.live, span
        )
        about = _about(query, universe, filters.live, signals)
        about |= {"by": filters.by, "timezone": str(market.tz)}
        if filters.by == "symbol":
            target = _combined_target(forecast, universe)
            rates = performance.hits_by_symbol(
                performance.read_predictions(view, target, source, filters.live, span)
            )
        elif filters.by == "hour":
            rates = performance.hits_by_signal(signals, performance.hours(signals, market))
        else:
            rates = performance.hits_by_signal(signals, performance.strengths(signals))
        return ComputedTable(performance.hits_table(rates), about)

    return await query.answer((universe, filters.by, filters.live, span), compute)


@router.get("/performance/calibration", response_model=LiveCalibration, responses=FORMS)
@forecast_router.get("/performance/calibration", response_model=LiveCalibration, responses=ANSWERS)
async def calibration(query: Computed, filters: Annotated[CalibrationFilters, Query()]) -> Response:
    """Compare what predictions promised with what came.

    Of classes, each in groups of equally many rows by its probability; of a value, how many
    outcomes lay inside the predicted interval.
    """
    forecast, span = query.forecast, _span(query, filters)
    name = known_target(forecast, filters.target) or forecast.target_names[0]
    target = forecast.target_forecast(name)

    def compute(view: View) -> ComputedTable:
        predictions = performance.read_predictions(
            view, target, query.state.source, filters.live, span
        )
        rows = performance.calibration_table(target, predictions)
        about = {"forecast": forecast.name, "target": name, "live": filters.live}
        notices = [] if rows.num_rows else [f"no prediction of {name} in this range has an outcome"]
        return ComputedTable(rows, about | {"notices": notices})

    return await query.answer((name, filters.live, span), compute)


def _combined_target(forecast: Forecast, universe: str) -> TargetForecast:
    """Return the target whose predictions a universe's signal combines."""
    return next(
        target
        for target in forecast.per_target()
        if any(rule.universe == universe for rule in target.combinations)
    )
