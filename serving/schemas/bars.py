"""Answers about bars: the newest, the series that there are, and a range with indicators."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from pipelines.contracts.silver import SERIES, SILVER_BARS
from pipelines.features.indicators import INDICATORS, columns_of
from serving.schemas.answers import Answer, Page
from serving.schemas.fields import table_field


class BarFields(Answer):
    """A closed bar."""

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


class Bar(BarFields):
    """One closed bar of silver, and the snapshot it was read from."""

    batch: int = table_field(SILVER_BARS, "batch")
    snapshot: int = Field(description="number of the snapshot of the lake that was read")


class BarSeries(Answer):
    """A series of bars that can be asked for."""

    source: str = table_field(SILVER_BARS, "source")
    symbol: str = table_field(SILVER_BARS, "symbol")
    interval: str = table_field(SILVER_BARS, "interval")
    calendar: str | None = table_field(SERIES, "calendar")
    time_zone: str | None = Field(description="time zone of that exchange, as America/New_York")
    first: datetime = Field(description="open of the first bar [UTC]")
    last: datetime = Field(description="open of the last bar [UTC]")
    last_closes_at: datetime = Field(description="close of the last bar [UTC]")
    bars: int = Field(description="how many bars there are")


class AllBarSeries(Page):
    """All series of bars, of every source."""

    rows: list[BarSeries]


INDICATOR_COLUMNS = columns_of(INDICATORS)


def _indicator(name: str) -> Any:
    """Return the field of a column that an answer has where it was asked for."""
    column = INDICATOR_COLUMNS[name]
    return Field(
        None,
        description=f"{column.meaning} [{column.unit}]; null where too few bars lie before, "
        "absent where it was not asked for",
    )


class HistoricBar(BarFields):
    """A closed bar, or several neighbouring ones joined; its indicators are as of the last one."""

    bars: int = Field(description="how many bars were joined to this one; 1: it is a bar itself")
    sma_20: float | None = _indicator("sma_20")
    sma_50: float | None = _indicator("sma_50")
    ema_20: float | None = _indicator("ema_20")
    ema_50: float | None = _indicator("ema_50")
    rsi_14: float | None = _indicator("rsi_14")
    macd_12_26: float | None = _indicator("macd_12_26")
    macd_signal_12_26_9: float | None = _indicator("macd_signal_12_26_9")
    macd_histogram_12_26_9: float | None = _indicator("macd_histogram_12_26_9")
    bollinger_low_20: float | None = _indicator("bollinger_low_20")
    bollinger_middle_20: float | None = _indicator("bollinger_middle_20")
    bollinger_high_20: float | None = _indicator("bollinger_high_20")


class BarHistory(Page):
    """Bars of a series, the newest first."""

    rows: list[HistoricBar]
