"""The route of the newest bar of a series."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, Field

from pipelines.contracts.columns import INTERVAL, SOURCE, SYMBOL
from pipelines.contracts.schema import quoted
from pipelines.contracts.silver import SILVER_BARS
from pipelines.core.errors import unknown
from pipelines.lake import View
from serving.http.dependencies import PATTERN, NewestView
from serving.http.errors import error_responses
from serving.http.keys import read_access
from serving.schemas.errors import NotFound, refuse
from serving.schemas.fields import table_field

router = APIRouter(prefix="/bars", tags=["bars"], dependencies=[read_access])


class Bar(BaseModel):
    """One closed bar of silver, and the snapshot it was read from."""

    source: str = table_field(SILVER_BARS, "source")
    symbol: str = table_field(SILVER_BARS, "symbol")
    interval: str = table_field(SILVER_BARS, "interval")
    ts: datetime = table_field(SILVER_BARS, "ts")
    closes_at: datetime = table_field(SILVER_BARS, "closes_at")
    open: float = table_field(SILVER_BARS, "open")
    high: float = table_field(SILVER_BARS, "high")
    low: float = table_field(SILVER_BARS, "low")
    close: float = table_field(SILVER_BARS, "close")
    volume: float | None = table_field(SILVER_BARS, "volume")
    batch: int = table_field(SILVER_BARS, "batch")
    snapshot: int = Field(description="number of the snapshot of the lake that was read")


COLUMNS = ", ".join(quoted(name) for name in Bar.model_fields if name != "snapshot")


def _known_interval(interval: str) -> str:
    if interval not in INTERVAL.among:
        raise refuse(unknown("interval", interval, INTERVAL.among))
    return interval


Name = Annotated[str, Query(min_length=1, max_length=64, pattern=PATTERN)]
IntervalName = Annotated[
    str,
    AfterValidator(_known_interval),
    Query(description=INTERVAL.meaning, json_schema_extra={"enum": list(INTERVAL.among)}),
]


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


def _no_bar_error(view: View, source: str, symbol: str, interval: str) -> NotFound:
    symbols = view.rows(
        'SELECT symbol FROM silver.series WHERE source = ? AND "interval" = ?', [source, interval]
    )
    hint = "`bullion status` lists what there is, `bullion ingest` brings more"
    if symbols:
        hint = unknown("symbol", symbol, (name for (name,) in symbols)).hint
    return NotFound(f"{source} has no {interval} bar of {symbol!r}", hint)
