"""What there is to ask of, as models: forecasts, their targets and their features."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from pipelines.contracts.gold import PREDICTIONS
from serving.schemas.answers import Answer, Provenance
from serving.schemas.fields import KIND, table_field


class TargetInfo(Answer):
    """One thing that is forecast of each bar."""

    target: str = table_field(PREDICTIONS, "target")
    kind: str = KIND
    unit: str = Field(description="of what becomes of a bar")
    classes: list[str] = Field(description="from the lowest to the highest; none of a value")
    scores: list[float] = Field(description="what each class is worth")
    horizon: int = Field(description="bars after a bar that decide on it")


class FeatureInfo(Answer):
    """One feature, as POST /forecasts/{name}/predict takes it."""

    name: str = Field(description="its name among `indicators`, and as a column of a file")
    meaning: str = Field(description="what it is")
    unit: str = Field(description="its unit")
    low: float | None = Field(description="smallest value possible, where there is one")
    high: float | None = Field(description="greatest value possible, where there is one")
    window: int = Field(description="bars that it is made of, the bar itself among them")


class Features(Answer):
    """Every feature of a forecast, in the order of its models' columns."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    interval: str = table_field(PREDICTIONS, "interval")
    features: list[FeatureInfo]


class ForecastInfo(Answer):
    """What a forecast is, and what there is of it."""

    name: str = Field(description="as it stands in the paths")
    meaning: str = Field(description="what it forecasts, in words")
    main: bool = Field(description="true: the routes that name no forecast answer this one")
    interval: str = Field(description="length of its bars")
    symbols: list[str] = Field(description="the constituents it forecasts")
    universes: list[str] = Field(description="whose signals it combines")
    classes: list[str] = Field(description="of its first target, from the lowest to the highest")
    targets: list[TargetInfo] = Field(
        description="what it forecasts of each bar, the main one first"
    )
    look_back: int = Field(description="bars before a bar that its features need")
    newest: datetime | None = Field(description="open of the newest bar it has predicted [UTC]")
    stale: bool | None = Field(description="of its newest prediction; null: there is none")


class Forecasts(Provenance):
    """Every forecast."""

    forecasts: list[ForecastInfo]
