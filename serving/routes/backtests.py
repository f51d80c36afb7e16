"""Reports of `bullion backtest`: which there are, the figures of one, and its curve."""

from __future__ import annotations

from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from serving.http.dependencies import CurrentCache
from serving.http.errors import error_responses
from serving.http.formats import preferred_format
from serving.http.keys import read_access
from serving.http.page_response import FORMS, page_response
from serving.http.paging import HistoryTable, cursor_of, place_of_cursor, range_of
from serving.routes.history import RangeFilters
from serving.schemas.backtests import BacktestCurve, BacktestCurveRow, BacktestFigures, Backtests
from serving.settings import Settings
from serving.state import backtests
from serving.state.answers import Row, mark_made_up_news
from serving.state.cache import source_marks

router = APIRouter(prefix="/backtests", tags=["performance"], dependencies=[read_access])
WITHOUT_QUERY = {status: answer for status, answer in FORMS.items() if status != 422}
CURVE = HistoryTable("", tuple(BacktestCurveRow.model_fields), ("ts",))
Name = Annotated[
    str,
    Path(
        max_length=64,
        description="folder of the report, as GET /backtests lists it",
        examples=["hourly"],
    ),
]


def _marks(state: CurrentCache, report: backtests.Report, about: Row) -> Row:
    """Return what is said about all rows of a report, whose data may be of another source."""
    source = report["about"]["source"]
    marks = source_marks(source, state.snapshot)
    mark_made_up_news(marks, [report["about"].get("news_source")])  # older reports have none
    return marks | about


@router.get("", response_model=Backtests, responses=WITHOUT_QUERY)
def listing(request: Request, state: CurrentCache) -> Response:
    """List the reports of backtests that the API can read, the newest first.

    They are the folders with a `report.json` in the folder of the setting
    `BULLION_API_BACKTESTS`; without it, in `backtests` beside the lake's catalog.
    """
    preferred_format(request.headers.get("accept"))
    rows = backtests.list_reports(request.app.state.backtests)
    marks = state.marks
    if not rows.num_rows:
        marks["notices"].append(
            "no report of a backtest is where the API looks: write one into the folder that "
            "BULLION_API_BACKTESTS names, with bullion backtest --out"
        )
    return page_response(request, rows, marks, None)


@router.get("/{name}", response_model=BacktestFigures, responses=error_responses(404) | FORMS)
def figures(request: Request, state: CurrentCache, name: Name) -> Response:
    """List the figures of one report: of its predictions, and of each way of trading."""
    preferred_format(request.headers.get("accept"))
    report = backtests.read_report(request.app.state.backtests, name)
    about = {key: report["about"][key] for key in ("forecast", "universe", "how", "cost")}
    about |= {"backtest": name, "notes": report["notes"]}
    return page_response(
        request, backtests.figure_table(report), _marks(state, report, about), None
    )


@router.get("/{name}/curve", response_model=BacktestCurve, responses=error_responses(404) | FORMS)
def curve(
    request: Request, state: CurrentCache, name: Name, filters: Annotated[RangeFilters, Query()]
) -> Response:
    """List the bars of a report with what its signal had earned by then, the newest first."""
    preferred_format(request.headers.get("accept"))
    settings: Settings = request.app.state.settings
    start, end = range_of(filters.start, filters.end, settings.range_days)
    place = place_of_cursor(CURVE, filters.cursor) if filters.cursor is not None else None
    report = backtests.read_report(request.app.state.backtests, name)
    rows = backtests.read_curve(request.app.state.backtests, name).select(CURVE.columns)
    last = place[0] if place else end
    inside = pc.and_(
        pc.greater_equal(rows["ts"], pa.scalar(start, rows["ts"].type)),
        pc.less(rows["ts"], pa.scalar(min(last, end), rows["ts"].type)),
    )
    rows, limit = rows.filter(inside), min(filters.limit, settings.rows)
    page = rows.slice(0, limit)
    cursor = cursor_of(CURVE, page) if rows.num_rows > limit else None
    return page_response(request, page, _marks(state, report, {"backtest": name}), cursor)
