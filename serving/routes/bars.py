"""Routes of bars: the newest of a series, which series there are, and a range with indicators."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pyarrow as pa
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, Field

from pipelines.contracts.columns import INTERVAL, SOURCE, SYMBOL
from pipelines.contracts.schema import quoted
from pipelines.contracts.silver import SILVER_BARS
from pipelines.core.calendar import calendar
from pipelines.core.candles import join_bars
from pipelines.core.errors import InvalidField, unknown
from pipelines.features.indicators import INDICATORS, columns_of, compute_indicators
from pipelines.lake import View
from serving.http.computed import read_once
from serving.http.dependencies import PATTERN, CurrentCache, NewestView
from serving.http.errors import error_responses
from serving.http.formats import preferred_format
from serving.http.keys import read_access
from serving.http.page_response import FORMS, ONE_PAGE, page_response
from serving.http.paging import HistoryTable, cursor_of, query, range_of
from serving.routes.history import RangeFilters
from serving.schemas.bars import AllBarSeries, Bar, BarHistory, HistoricBar
from serving.schemas.errors import NotFound, TooLarge, as_validation, refuse
from serving.schemas.strict import QueryNumber
from serving.state.answers import Row
from serving.state.cache import source_marks

router = APIRouter(prefix="/bars", tags=["bars"], dependencies=[read_access])

COLUMNS = ", ".join(quoted(name) for name in Bar.model_fields if name != "snapshot")
BARS = HistoryTable(
    "silver.bars",
    tuple(name for name in HistoricBar.model_fields if name in SILVER_BARS.column_names),
    ("ts",),
    has_bars=False,
)
MOST_CANDLES = 5000
MOST_JOINED = 300_000  # bars of one answer with candles: three years of minutes


def _known_interval(interval: str) -> str:
    if interval not in INTERVAL.among:
        raise refuse(unknown("interval", interval, INTERVAL.among))
    return interval


def _known_indicators(text: str) -> str:
    for name in _split(text):
        if name not in INDICATORS:
            raise refuse(unknown("indicator", name, INDICATORS))
    return text


def _split(text: str) -> list[str]:
    return text.split(",") if text else []


Name = Annotated[str, Query(min_length=1, max_length=64, pattern=PATTERN)]
IntervalName = Annotated[
    str,
    AfterValidator(_known_interval),
    Query(description=INTERVAL.meaning, json_schema_extra={"enum": list(INTERVAL.among)}),
]


class BarFilters(RangeFilters):
    """Query parameters of a range of bars."""

    symbol: str = Field(
        min_length=1,
        max_length=64,
        pattern=PATTERN,
        description=SYMBOL.meaning,
        examples=["NVDA"],
    )
    source: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        pattern=PATTERN,
        description=f"{SOURCE.meaning}; without it, the source that the API serves",
    )
    interval: IntervalName = "1h"
    indicators: Annotated[str, AfterValidator(_known_indicators)] = Field(
        "",
        max_length=200,
        description=f"columns to add, with commas: {', '.join(INDICATORS)}",
        examples=["sma_20,macd"],
    )
    candles: Annotated[int | None, QueryNumber] = Field(
        None,
        ge=1,
        le=MOST_CANDLES,
        description="join neighbouring bars so that the whole range has at most so many rows; "
        "`limit` does not count then, and `cursor` is refused",
    )

    def check_candles(self) -> None:
        """Refuse a page of candles: a range that is joined is answered as a whole."""
        if self.candles is not None and self.cursor is not None:
            hint = "leave it away, or leave `candles` away"
            error = InvalidField("candles are the whole range, and no pages", hint, "cursor")
            raise as_validation(error, "query")

    def series(self, source: str) -> Row:
        """Return the values by which the series is found."""
        return {"source": source, "symbol": self.symbol, "interval": self.interval}


@router.get("/newest", responses=error_responses(404, 422))
def newest(
    view: NewestView,
    symbol: Annotated[Name, Query(description=SYMBOL.meaning, examples=["NVDA"])],
    source: Annotated[Name, Query(description=SOURCE.meaning)] = "sample",
    interval: IntervalName = "1h",
) -> Bar:
    """Return the newest closed bar of a symbol."""
    rows = view.sql(
        f"SELECT {COLUMNS} FROM silver.bars "
        'WHERE source = ? AND symbol = ? AND "interval" = ? ORDER BY ts DESC LIMIT 1',
        [source, symbol, interval],
    ).to_pylist()
    if not rows:
        raise _no_bar_error(view, source, symbol, interval)
    return Bar(**rows[0], snapshot=view.snapshot)


@router.get("/series", response_model=AllBarSeries, responses=ONE_PAGE)
def series(request: Request, state: CurrentCache, view: NewestView) -> Response:
    """List the series of bars: what symbols, intervals and times there are."""
    preferred_format(request.headers.get("accept"))  # before the lake is read for nobody
    rows = read_once(request, view, "series", _read_series)
    return page_response(request, rows, state.marks | {"snapshot": view.snapshot}, None)


def _read_series(view: View) -> pa.Table:
    rows = view.sql(
        """SELECT source, symbol, "interval", s.calendar, b."first", b."last", b.last_closes_at,
                  b.bars
           FROM (SELECT source, symbol, "interval", min(ts) AS "first", max(ts) AS "last",
                        max(closes_at) AS last_closes_at, count(*) AS bars
                 FROM silver.bars GROUP BY source, symbol, "interval") b
           LEFT JOIN silver.series s USING (source, symbol, "interval")
           ORDER BY ALL"""
    )
    zones = [name and calendar(name).time_zone for name in rows["calendar"].to_pylist()]
    return rows.append_column("time_zone", pa.array(zones, pa.string()))


@router.get("/history", response_model=BarHistory, responses=error_responses(404) | FORMS)
def history(
    request: Request,
    state: CurrentCache,
    view: NewestView,
    filters: Annotated[BarFilters, Query()],
) -> Response:
    """List the bars of a series, the newest first, with indicators and joined to candles if asked.

    An indicator of a bar is the same whatever range it is asked for in.
    """
    preferred_format(request.headers.get("accept"))  # before the lake is read for nobody
    filters.check_candles()
    settings, source = request.app.state.settings, filters.source or state.source
    start, end = range_of(filters.start, filters.end, settings.range_days)
    limit = MOST_JOINED if filters.candles else min(filters.limit, settings.rows)
    series_values = filters.series(source)
    rows = view.sql(*query(BARS, series_values, start, end, filters.cursor, limit + 1))
    has_more = rows.num_rows > limit
    if has_more and filters.candles:
        raise TooLarge(f"a range of more than {MOST_JOINED:,} bars", "name a later `start`")
    if not rows.num_rows and not _has_bar(view, series_values):
        raise _no_bar_error(view, source, filters.symbol, filters.interval)
    rows = rows.slice(0, limit)
    next_cursor = cursor_of(BARS, rows) if has_more else None
    bars = _reverse(rows)
    names = _split(filters.indicators)
    if names and bars.num_rows:
        bars = _add_indicators(view, series_values, bars, names)
    candles = join_bars(bars, filters.candles or max(1, bars.num_rows))
    marks = source_marks(source, view.snapshot)
    columns = [name for name in HistoricBar.model_fields if name in candles.schema.names]
    return page_response(request, _reverse(candles).select(columns), marks, next_cursor)


def _add_indicators(view: View, series_values: Row, bars: pa.Table, names: list[str]) -> pa.Table:
    """Add the columns of indicators to ascending bars, computed from those before them as well."""
    look_back = max(column.look_back for column in columns_of(names).values())
    earlier = view.sql(
        """SELECT close FROM silver.bars WHERE source = ? AND symbol = ? AND "interval" = ?
           AND ts < ? ORDER BY ts DESC LIMIT ?""",
        [*series_values.values(), bars["ts"][0].as_py(), look_back],
    )
    closes = [_reverse(earlier)["close"].to_numpy(), bars["close"].to_numpy()]
    for name, values in compute_indicators(names, np.concatenate(closes)).items():
        column = pa.array(values[earlier.num_rows :], from_pandas=True)  # NaN is null
        bars = bars.append_column(name, column)
    return bars


def _reverse(rows: pa.Table) -> pa.Table:
    return rows.take(np.arange(rows.num_rows)[::-1])


def _has_bar(view: View, series_values: Row) -> bool:
    where = " AND ".join(f"{quoted(name)} = ?" for name in series_values)
    return bool(
        view.rows(f"SELECT 1 FROM silver.bars WHERE {where} LIMIT 1", [*series_values.values()])
    )


def _no_bar_error(view: View, source: str, symbol: str, interval: str) -> NotFound:
    symbols = view.rows(
        'SELECT symbol FROM silver.series WHERE source = ? AND "interval" = ?', [source, interval]
    )
    hint = "`bullion status` lists what there is, `bullion ingest` brings more"
    if symbols:
        hint = unknown("symbol", symbol, (name for (name,) in symbols)).hint
    return NotFound(f"{source} has no {interval} bar of {symbol!r}", hint)
