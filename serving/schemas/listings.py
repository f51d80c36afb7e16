"""Lists of the forecasts, their targets and their features, as models."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from pipelines.contracts.gold import PREDICTIONS
from serving.schemas.answers import Answer, Provenance
from serving.schemas.fields import KIND, table_field


class TargetInfo(Answer):
    """A target: one quantity that a forecast predicts for each bar."""

    target: str = table_field(PREDICTIONS, "target")
    kind: str = KIND
    unit: str = Field(description="unit of the outcome")
    classes: list[str] = Field(
        description="the classes from the lowest to the highest; empty where the kind is value"
    )
    scores: list[float] = Field(description="score of each class")
    horizon: int = Field(description="how many bars after a bar decide its outcome")
    within_session: bool = Field(
        description="true: a bar whose horizon would cross the end of its session has no outcome, "
        "and no model has learned from it"
    )


class FeatureInfo(Answer):
    """One feature, as POST /forecasts/{name}/predict takes it."""

    name: str = Field(description="name of the feature in `indicators`, and as a column of a file")
    meaning: str = Field(description="what the feature measures")
    unit: str = Field(description="unit of the feature")
    low: float | None = Field(description="smallest possible value; null where there is no bound")
    high: float | None = Field(description="greatest possible value; null where there is no bound")
    window: int = Field(description="how many bars it is computed from, the bar itself included")
    inputs: list[str] = Field(
        description="what it reads: columns of the own bars, and of other symbols as QQQ.close"
    )
    neutral: float | None = Field(
        description="value where another symbol's input is missing; null where it then has none"
    )


class Features(Answer):
    """All features of a forecast, in the order of its models' columns."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    interval: str = table_field(PREDICTIONS, "interval")
    features: list[FeatureInfo]


class FeatureVector(Provenance):
    """The newest features of a symbol, as its models read them."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    news_source: str | None = table_field(PREDICTIONS, "news_source")
    symbol: str = table_field(PREDICTIONS, "symbol")
    interval: str = table_field(PREDICTIONS, "interval")
    ts: datetime = table_field(PREDICTIONS, "ts")
    closes_at: datetime = table_field(PREDICTIONS, "closes_at")
    known_at: datetime = Field(
        description="from when on the features could be known: the close of their bar, as what "
        "they read of other symbols and of news is what was known then [UTC]"
    )
    features: dict[str, float | None] = Field(
        description="value of each feature by name, in the order of the models' columns; null "
        "where the bars before do not suffice, or an input is missing"
    )
    stale: bool = Field(
        description="true: a later bar has closed and its features should be there, and are not"
    )
    stale_at: datetime = Field(
        description="when the answer becomes stale unless newer features are there [UTC]"
    )
    age_seconds: int = Field(
        description="seconds from `closes_at` to the answer; after a 304, count on from there"
    )


class ForecastInfo(Answer):
    """A forecast, and how far it has come."""

    name: str = Field(description="name of the forecast, as paths have it")
    meaning: str = Field(description="what the forecast predicts, in words")
    main: bool = Field(description="true: routes whose path names no forecast answer for this one")
    interval: str = Field(description="length of the forecast's bars")
    symbols: list[str] = Field(description="symbols that are predicted")
    universes: list[str] = Field(description="universes for which a signal is combined")
    classes: list[str] = Field(
        description="classes of the first target, from the lowest to the highest"
    )
    targets: list[TargetInfo] = Field(description="the targets of the forecast, the main one first")
    look_back: int = Field(description="how many bars before a bar its features need")
    calendar: str = Field(description="exchange whose sessions its bars have, as XNYS")
    time_zone: str = Field(description="time zone of that exchange, as America/New_York")
    newest: datetime | None = Field(description="open of the newest bar that was scored [UTC]")
    stale: bool | None = Field(
        description="true: the newest prediction is stale; null where there is none"
    )


class Forecasts(Provenance):
    """All forecasts."""

    forecasts: list[ForecastInfo]
