"""Bars: the newest of a series."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, Field

from pipelines.contracts import quoted
from pipelines.errors import unknown
from pipelines.lake import View
from pipelines.tables.silver import SILVER_BARS
from pipelines.words import INTERVAL, SOURCE, SYMBOL
from serving.errors import NotFound, refuse
from serving.keys import reading
from serving.lake import Newest

router = APIRouter(prefix="/bars", tags=["bars"], dependencies=[reading])


def _of_table(name: str) -> Any:
    """A field that means what the table's contract says."""
    column = SILVER_BARS.column(name)
    return Field(description=column.meaning + (f" [{column.unit}]" if column.unit else ""))


class Bar(BaseModel):
    """One closed bar of silver, and the snapshot it was read from."""

    source: str = _of_table("source")
    symbol: str = _of_table("symbol")
    interval: str = _of_table("interval")
    ts: datetime = _of_table("ts")
    closes_at: datetime = _of_table("closes_at")
    open: float = _of_table("open")
    high: float = _of_table("high")
    low: float = _of_table("low")
    close: float = _of_table("close")
    volume: float | None = _of_table("volume")
    batch: int = _of_table("batch")
    snapshot: int = Field(description="number of the lake's snapshot that was read")


COLUMNS = ", ".join(quoted(name) for name in Bar.model_fields if name != "snapshot")


def _known(interval: str) -> str:
    if interval not in INTERVAL.among:
        raise refuse(unknown("interval", interval, INTERVAL.among))
    return interval


# DuckLake puts values into the SQL that prunes files, and a NUL would cut that short.
Name = Annotated[str, Query(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
IntervalName = Annotated[
    str,
    AfterValidator(_known),
    Query(description=INTERVAL.meaning, json_schema_extra={"enum": list(INTERVAL.among)}),
]


@router.get("/newest")
def newest(
    view: Newest,
    symbol: Annotated[Name, Query(description=SYMBOL.meaning, examples=["NVDA"])],
    source: Annotated[Name, Query(description=SOURCE.meaning)] = "sample",
    interval: IntervalName = "1h",
) -> Bar:
    """The newest closed bar of a symbol."""
    found = view.sql(
        f"SELECT {COLUMNS} FROM silver.bars "
        'WHERE source = ? AND symbol = ? AND "interval" = ? ORDER BY ts DESC LIMIT 1',
        [source, symbol, interval],
    ).to_pylist()
    if not found:
        raise _none(view, source, symbol, interval)
    return Bar(**found[0], snapshot=view.snapshot)


def _none(view: View, source: str, symbol: str, interval: str) -> NotFound:
    known = view.rows(
        'SELECT symbol FROM silver.series WHERE source = ? AND "interval" = ?', [source, interval]
    )
    hint = "`bullion status` lists what there is, `bullion ingest` brings more"
    if known:
        hint = unknown("symbol", symbol, (name for (name,) in known)).hint
    return NotFound(f"{source} has no {interval} bar of {symbol!r}", hint)
