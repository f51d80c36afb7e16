"""Answers about reports of backtests."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from serving.schemas.answers import Answer, Page
from serving.schemas.performance import HIGH, LOW


class BacktestRow(Answer):
    """One report of `bullion backtest`."""

    name: str = Field(description="folder of the report, as paths have it")
    forecast: str = Field(description="forecast that was tested")
    target: str = Field(description="target of the forecast that was tested")
    universe: str = Field(description="universe whose signal was traded on paper")
    source: str = Field(description="source of the bars")
    first_session: date = Field(description="first session that was scored")
    last_session: date = Field(description="last session that was scored")
    sessions: int = Field(description="sessions that were scored")
    net: float | None = Field(description="return of the signal after costs [fraction]")
    net_low: float | None = LOW
    net_high: float | None = HIGH
    always_long: float | None = Field(description="the same of being always long [fraction]")
    written_at: datetime = Field(description="when the report was written [UTC]")


class Backtests(Page):
    """The reports that the API can read, the newest first."""

    rows: list[BacktestRow]


class BacktestFigureRow(Answer):
    """One figure of a report."""

    part: str = Field(
        description="predictions: how good they were; else the way of trading, such as signal, "
        "policy or always_long"
    )
    figure: str = Field(description="name of the figure, as report.json has it")
    value: float | None = Field(description="the figure; null where it is not defined")
    low: float | None = LOW
    high: float | None = HIGH


class BacktestFigures(Page):
    """The figures of one report."""

    backtest: str = Field(description="folder of the report")
    forecast: str = Field(description="forecast that was tested")
    universe: str = Field(description="universe whose signal was traded on paper")
    how: str = Field(description="by which models the bars were scored, in words")
    cost: float = Field(description="cost of a trade, a share of what changes hands [fraction]")
    notes: list[str] = Field(description="what limits the worth of the report, in words")
    rows: list[BacktestFigureRow]


class BacktestCurveRow(Answer):
    """One bar of a backtest, and what had been earned by its close."""

    ts: datetime = Field(description="the bar's open [UTC]")
    closes_at: datetime = Field(description="the bar's close [UTC]")
    session: date = Field(description="the exchange's trading day the bar belongs to")
    signal: Literal["SELL", "HOLD", "BUY"] = Field(description="the signal at the bar's close")
    wss: float = Field(description="weighted sentiment score of the bar [-2 to 2]")
    net: float = Field(description="return of the position over the bar, after costs [fraction]")
    cumulative: float = Field(description="sum of `net` since the start of the backtest")
    drawdown: float = Field(description="how far `cumulative` lies below its peak so far")
    cumulative_long: float = Field(description="the same sum of being always long")


class BacktestCurve(Page):
    """The bars of a backtest, the newest first."""

    backtest: str = Field(description="folder of the report")
    rows: list[BacktestCurveRow]
