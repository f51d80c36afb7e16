"""Answers about performance: what signals earned, how often they hit, what predictions promised."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from pipelines.contracts.gold import INDEX_OUTCOMES, INDEX_SIGNALS, PREDICTIONS
from serving.schemas.answers import Answer, Page
from serving.schemas.fields import table_field

LOW = Field(description="lower end of the 95 % interval; null with fewer than 10 sessions")
HIGH = Field(description="upper end of the 95 % interval; null with fewer than 10 sessions")


class FollowedRange(Page):
    """Which signals an answer is about; the intervals draw whole sessions again and again."""

    forecast: str = table_field(INDEX_SIGNALS, "forecast")
    universe: str = table_field(INDEX_SIGNALS, "universe")
    live: bool = table_field(INDEX_SIGNALS, "live")


class PerformanceRow(Answer):
    """One figure of performance."""

    figure: str = Field(description="name of the figure")
    meaning: str = Field(description="what it is, in words")
    unit: str = Field(description="unit of the value")
    value: float | None = Field(description="the figure; null where no signal can be judged")
    low: float | None = LOW
    high: float | None = HIGH
    signals: int = Field(description="signals that it rests on")


class Performance(FollowedRange):
    """What following the signals earned, a row a figure."""

    rows: list[PerformanceRow]


class CurveRow(Answer):
    """One signal, what the index did next, and what had been earned by then."""

    ts: datetime = table_field(INDEX_SIGNALS, "ts")
    closes_at: datetime = table_field(INDEX_SIGNALS, "closes_at")
    timestamp_next: datetime = table_field(INDEX_SIGNALS, "timestamp_next")
    session: date = Field(
        description="trading day: the date in UTC on which the bar opens; intervals draw whole "
        "sessions"
    )
    signal: Literal["SELL", "HOLD", "BUY"] = table_field(INDEX_SIGNALS, "signal")
    wss: float = table_field(INDEX_SIGNALS, "wss")
    expected_wss: float | None = table_field(INDEX_SIGNALS, "expected_wss")
    next_return: float | None = table_field(INDEX_OUTCOMES, "next_return")
    model_version: int = table_field(INDEX_SIGNALS, "model_version")
    proven: bool = table_field(INDEX_SIGNALS, "proven")
    earned: float | None = Field(
        description="log-return of following the signal: BUY long, SELL short, HOLD flat, without "
        "costs; null while the next bar has not closed"
    )
    cumulative: float = Field(description="sum of `earned` since the start of the range")
    drawdown: float = Field(description="how far `cumulative` lies below its peak so far")
    cumulative_long: float = Field(description="the same sum of being always long")
    drawdown_long: float = Field(description="how far `cumulative_long` lies below its peak")


class PerformanceCurve(FollowedRange):
    """Signals with what they earned, the newest first."""

    rows: list[CurveRow]


class HitRow(Answer):
    """How often the signals, or predictions, of one group came true."""

    group: str = Field(
        description="by strength: |WSS| from, up to; by hour: hour in which the bar closes, in the "
        "exchange's time zone; by symbol: the ticker"
    )
    signals: int = Field(description="those with a side after which the price moved")
    hits: int = Field(description="of these, those after which it moved to their side")
    rate: float | None = Field(description="share of hits [0 to 1]")
    low: float | None = LOW
    high: float | None = HIGH


class HitRates(FollowedRange):
    """Hit rates by group: of the signals, or of each symbol's predictions."""

    by: Literal["strength", "hour", "symbol"] = Field(description="what the groups are")
    timezone: str = Field(description="the exchange's time zone")
    rows: list[HitRow]


class CalibrationRow(Answer):
    """What some predictions promised, and what came."""

    name: str = Field(
        description="the class; or `interval`: of a value, the interval that is predicted around it"
    )
    promised: float = Field(
        description="mean probability of the class in this group, or share of the outcomes that "
        "the interval should hold [0 to 1]"
    )
    came: float | None = Field(description="share of the rows where it came [0 to 1]")
    low: float | None = LOW
    high: float | None = HIGH
    row_count: int = Field(description="predictions in the group whose outcome is known")


class LiveCalibration(Page):
    """Whether classes come as often as predicted; each class in groups of equally many rows."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    target: str = table_field(PREDICTIONS, "target")
    live: bool = table_field(PREDICTIONS, "live")
    rows: list[CalibrationRow]
