"""Requests to score bars or indicators, and their answers, as models."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, Strict

from pipelines.contracts import columns as columns
from pipelines.contracts.evidence import MODEL_RANKINGS
from pipelines.contracts.gold import MODEL_DECISIONS, PREDICTIONS
from pipelines.forecasts import FORECASTS
from serving.schemas.answers import ClassPrediction, ExplainedFields, RiskHints, ValuePrediction
from serving.schemas.errors import Problem
from serving.schemas.fields import (
    KIND,
    MODEL_ACTION,
    RISK,
    SPANS_NIGHT,
    UNIT,
    VALUE_COVERAGE,
    VALUE_WORDS,
    column_field,
    table_field,
)
from serving.schemas.strict import DateTime, JsonNumber

TIMESTAMP_NEXT = columns.TIMESTAMP_NEXT.replace(
    meaning="close of the bar that is predicted; null where the scored bar is not known"
)
MODELS: Any = Field(description="the model of each target, by name")
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
EXAMPLE_BARS = [
    {"open": 100.0 + n / 4, "high": 101.0 + n / 4, "low": 99.5 + n / 4, "close": 100.5 + n / 4,
     "volume": 1_000_000 + 10_000 * (n % 5)}
    for n in range(25)
]  # fmt: skip
EXAMPLE: dict[str, Any] = {"symbol": "NVDA", "interval": "1h", "bars": EXAMPLE_BARS}
EXAMPLE_INDICATORS: dict[str, Any] = {
    "symbol": "NVDA",
    "indicators": {feature.name: 0.5 for feature in FORECASTS[0].features},
}
EXAMPLE_FILE = "\n".join(
    ["symbol,open,high,low,close,volume"]
    + [",".join(["NVDA", *(str(value) for value in bar.values())]) for bar in EXAMPLE_BARS]
)


class RequestBar(BaseModel):
    """One closed bar."""

    model_config = ConfigDict(extra="forbid")

    open: JsonNumber = column_field(columns.OPEN)
    high: JsonNumber = column_field(columns.HIGH)
    low: JsonNumber = column_field(columns.LOW)
    close: JsonNumber = column_field(columns.CLOSE)
    volume: JsonNumber | None = column_field(columns.VOLUME, default=None)
    bid: JsonNumber | None = column_field(columns.BID, default=None)
    ask: JsonNumber | None = column_field(columns.ASK, default=None)
    ts: Annotated[DateTime, Field(ge=FIRST, le=LAST)] | None = Field(
        default=None,
        description="open of the bar as a date-time with its zone; where no bar has one, the bars "
        "count as the newest closed bars of the calendar",
    )


class ScoreRequest(BaseModel):
    """What to score: either bars of one symbol, oldest first, or the indicators of one bar."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [EXAMPLE, EXAMPLE_INDICATORS]}
    )

    symbol: str | None = Field(
        default=None,
        description="ticker as the source spells it; not needed where the forecast has one symbol",
        min_length=1,
        max_length=32,
        pattern=r"^[A-Za-z0-9.^=/_-]+$",
    )
    interval: str | None = column_field(columns.INTERVAL, default=None, max_length=8)
    bars: Annotated[list[RequestBar], Field(fail_fast=True)] | None = Field(
        default=None, description="closed bars, the oldest first", min_length=1
    )
    companions: dict[str, Annotated[list[RequestBar], Field(fail_fast=True)]] = Field(
        default_factory=dict,
        description="closed bars of the other symbols that features read, by symbol, the oldest "
        "first; those that are not sent come from the stored bars, as known at the close of each "
        "bar",
        max_length=100,
    )
    indicators: dict[str, Annotated[FiniteFloat, Strict()]] | None = Field(
        default=None,
        description="instead of bars: the value of every feature by name, as "
        "GET /forecasts/{name}/features lists them",
        min_length=1,
        max_length=1000,
    )


class BatchRequest(BaseModel):
    """Several requests to score, each of which has a result of its own."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"requests": [EXAMPLE]}]}
    )

    requests: list[ScoreRequest] = Field(
        description="the requests to score", min_length=1, fail_fast=True
    )


class ModelSummary(BaseModel):
    """The model that answers, and what limits its worth."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    model_version: int | None = Field(
        description="version in the model registry; null where no decision names the model's file"
    )
    proven: bool = table_field(PREDICTIONS, "proven")
    unproven_reason: str | None = table_field(PREDICTIONS, "unproven_reason")
    trained_on: str = Field(description="source of the bars on which the model was trained")
    sample: bool = Field(
        description="true: the model was trained on made-up data, or on made-up news beside the "
        "bars of a real market"
    )
    notices: list[str] = Field(
        description="limits of the answer in words: what was assumed, left out or filled in, "
        "sample data, unproven model"
    )


class TargetModel(BaseModel):
    """The model of one target."""

    candidate: str | None = Field(
        description="kind of model; null where no decision names the model's file"
    )
    model_version: int | None = Field(
        description="version in the model registry; null where no decision names it"
    )
    proven: bool = table_field(PREDICTIONS, "proven")
    unproven_reason: str | None = table_field(PREDICTIONS, "unproven_reason")


class NextBarFields(BaseModel):
    """The bar that is predicted."""

    timestamp_next: datetime | None = column_field(TIMESTAMP_NEXT)
    spans_night: bool | None = SPANS_NIGHT


class ClassResult(ClassPrediction, NextBarFields, TargetModel):
    """The prediction of a target whose kind is classes."""


class ValueResult(ValuePrediction, NextBarFields, TargetModel):
    """The prediction of a target whose kind is value."""


class BarPrediction(ExplainedFields):
    """The prediction of one bar: its main target at the top, and all targets in `targets`.

    The main target is the forecast's first. Fields that its kind does not have are null.
    """

    target: str = table_field(PREDICTIONS, "target")
    kind: str = KIND
    action: str | None = table_field(PREDICTIONS, "action")
    action_reason: str | None = table_field(PREDICTIONS, "action_reason")
    likeliest: str | None = table_field(PREDICTIONS, "likeliest")
    score: float | None = table_field(PREDICTIONS, "score")
    confidence: float | None = Field(description="probability of the action of the model [0 to 1]")
    probabilities: dict[str, float] | None = table_field(PREDICTIONS, "probabilities")
    expected_score: float = table_field(PREDICTIONS, "expected_score")
    said: str | None = MODEL_ACTION
    risk: RiskHints | None = RISK
    value: float | None = table_field(PREDICTIONS, "value")
    value_low: float | None = table_field(PREDICTIONS, "value_low")
    value_high: float | None = table_field(PREDICTIONS, "value_high")
    unit: str | None = UNIT
    value_coverage: float | None = VALUE_COVERAGE
    value_words: str | None = VALUE_WORDS
    targets: dict[str, Annotated[ClassResult | ValueResult, Field(discriminator="kind")] | None] = (
        Field(description="the prediction of each target by name; null where no model of it serves")
    )


class Prediction(ModelSummary, BarPrediction):
    """The prediction for the newest bar that was sent, or for the indicators."""

    symbol: str = table_field(PREDICTIONS, "symbol")
    interval: str = table_field(PREDICTIONS, "interval")
    ts: datetime | None = column_field(
        columns.TS.replace(meaning="open of the scored bar; null where indicators were sent")
    )
    closes_at: datetime | None = column_field(
        columns.CLOSES_AT.replace(
            meaning="close of the scored bar; null where indicators were sent"
        )
    )
    timestamp_next: datetime | None = column_field(TIMESTAMP_NEXT)
    spans_night: bool | None = SPANS_NIGHT
    features_used: dict[str, float] = Field(
        description="the value of each feature that was scored, by name"
    )
    bars_used: int = Field(
        description="how many bars the features come from, stored ones included; 0 for indicators"
    )
    data_source: str = Field(
        description="`caller`: only what was sent; `caller+<source>`: completed by stored bars"
    )
    latency_ms: float = Field(description="time from the request to the answer [ms]")


class BatchResult(BaseModel):
    """One result of a batch: either a prediction or an error."""

    index: int = Field(description="position in `requests`, counted from 0")
    prediction: Prediction | None = None
    error: Problem | None = None


class BatchAnswer(ModelSummary):
    """A result for each request, in the same order and by the same models."""

    models: dict[str, TargetModel] = MODELS

    results: list[BatchResult]
    scored: int = Field(description="how many results have a prediction")
    latency_ms: float = Field(description="time from the request to the answer [ms]")


class FileRow(BaseModel):
    """The result of one row of a file."""

    line: int = Field(description="number of the line in the file; the header is line 1")
    symbol: str | None = None
    ts: datetime | None = None
    timestamp_next: datetime | None = None
    spans_night: bool | None = None
    prediction: BarPrediction | None = None
    reason: str | None = Field(description="why the row has no prediction; null where it has one")


class FileAnswer(ModelSummary):
    """A result for each row of the file, in the same order."""

    models: dict[str, TargetModel] = MODELS

    data_source: str = "caller"
    rows: list[FileRow]
    scored: int = Field(description="how many rows have a prediction")
    warming_up: int = Field(description="how many rows have too few bars before them")
    bad: int = Field(description="how many rows are wrong and cannot be scored")
    latency_ms: float = Field(description="time from the request to the answer [ms]")


class CandidateRank(BaseModel):
    """One candidate of the training, and its metrics."""

    rank: int = table_field(MODEL_RANKINGS, "rank")
    candidate: str = table_field(MODEL_RANKINGS, "candidate")
    macro_f1: float | None = table_field(MODEL_RANKINGS, "macro_f1")
    accuracy: float | None = table_field(MODEL_RANKINGS, "accuracy")
    log_loss: float | None = table_field(MODEL_RANKINGS, "log_loss")
    rank_ic: float | None = table_field(MODEL_RANKINGS, "rank_ic")
    roc_auc: float | None = table_field(MODEL_RANKINGS, "roc_auc")
    rmse: float | None = table_field(MODEL_RANKINGS, "rmse")
    mae: float | None = table_field(MODEL_RANKINGS, "mae")
    r2: float | None = table_field(MODEL_RANKINGS, "r2")
    hit_rate: float | None = table_field(MODEL_RANKINGS, "hit_rate")
    precision: float | None = table_field(MODEL_RANKINGS, "precision")
    recall: float | None = table_field(MODEL_RANKINGS, "recall")
    train_auc: float | None = table_field(MODEL_RANKINGS, "train_auc")
    validation_auc: float | None = table_field(MODEL_RANKINGS, "validation_auc")
    test_auc: float | None = table_field(MODEL_RANKINGS, "test_auc")
    out_of_time_auc: float | None = table_field(MODEL_RANKINGS, "out_of_time_auc")
    auc_gap: float | None = table_field(MODEL_RANKINGS, "auc_gap")
    feature_count: int | None = table_field(MODEL_RANKINGS, "feature_count")
    seconds: float = table_field(MODEL_RANKINGS, "seconds")
    objection: str | None = table_field(MODEL_RANKINGS, "objection")
    failure: str | None = table_field(MODEL_RANKINGS, "failure")


class ModelInfo(ModelSummary):
    """The model that serves a target: its decision, its rivals and its columns."""

    target: str = table_field(PREDICTIONS, "target")
    kind: str = KIND
    unit: str = Field(description="unit of the outcome")
    candidate: str | None = Field(description="kind of model")
    verdict: str | None = Field(description="the last decision about the model")
    reason: str | None = Field(description="reason of the decision, in words")
    as_of: datetime | None = column_field(columns.AS_OF)
    decided_at: datetime | None = Field(description="when the decision was made [UTC]")
    gates: list[dict[str, Any]] = table_field(MODEL_DECISIONS, "gates")
    rankings: list[CandidateRank] = Field(
        description="ranks and metrics of all candidates, measured on the same rows"
    )
    data_snapshot: int | None = table_field(MODEL_DECISIONS, "snapshot")
    definition: str = table_field(MODEL_DECISIONS, "definition")
    sha256: str = table_field(MODEL_DECISIONS, "sha256")
    classes: list[str] = Field(
        description="classes in the order of the model's columns; empty where the kind is value"
    )
    scores: list[float] = Field(description="score of each class")
    thresholds: list[float] = Field(
        description="thresholds between the classes, in the unit of the target"
    )
    rule: str | None = Field(
        description="rule by which the action is chosen: by_expected_score, above_share, likeliest "
        "or likeliest_if_confident; null where a value is predicted"
    )
    score_thresholds: list[float] = Field(
        description="thresholds of the rule: by_expected_score has those between the expected "
        "scores of neighbouring actions, likeliest_if_confident the probability from which it "
        "acts, the other rules none"
    )
    shares: list[float] = Field(
        description="share of each class among the rows of the training [0 to 1]"
    )
    features: list[str] = Field(description="features in the order of the model's columns")
    symbols: list[str] = Field(description="symbols that can be scored")
    untrained: list[str] = Field(description="symbols of which the training had no bar")
    interval: str = table_field(PREDICTIONS, "interval")
    look_back: int = Field(description="how many bars before a bar its features need")
    calendar: str = Field(description="exchange calendar on which the bars are placed")
    origin: str = Field(
        description="`registry`: a decision in the lake names the model; `MODEL_URI`: it is pinned"
    )
    instead_of: str | None = Field(
        description="why this model serves although a decision names another; else null"
    )


class TargetReload(BaseModel):
    """The result of a reload for one target."""

    changed: bool = Field(description="true: another model serves now than before")
    before: int | None = Field(description="version that served before")
    model_version: int | None = Field(description="version that serves now")
    sha256: str = table_field(MODEL_DECISIONS, "sha256")
    proven: bool = table_field(PREDICTIONS, "proven")
    unproven_reason: str | None = table_field(PREDICTIONS, "unproven_reason")


class ReloadAnswer(TargetReload):
    """The result of a reload: of the first target that was loaded, and of each target by name."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    target: str = table_field(PREDICTIONS, "target")
    targets: dict[str, TargetReload | None] = Field(
        description="the result of each target by name; null where the old model stays"
    )
    notices: list[str] = Field(description="why old models stay, in words")
