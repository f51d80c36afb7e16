"""What is sent to be scored, and what is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, Strict

from pipelines.contracts import columns as columns
from pipelines.contracts.gold import MODEL_DECISIONS, MODEL_RANKINGS, PREDICTIONS
from pipelines.forecasts import FORECASTS
from serving.schemas.answers import ClassPrediction, RiskHints, ValuePrediction
from serving.schemas.errors import Problem
from serving.schemas.fields import (
    KIND,
    RISK,
    SAID,
    SPANS_NIGHT,
    UNIT,
    VALUE_COVERAGE,
    VALUE_WORDS,
    column_field,
    table_field,
)
from serving.schemas.strict import DateTime, JsonNumber

TIMESTAMP_NEXT = columns.TIMESTAMP_NEXT.but(
    meaning="close of the bar it is about; null: of what bar is unknown"
)
MODELS: Any = Field(description="by target: which model answers it")
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
    ts: Annotated[DateTime, Field(ge=FIRST, le=LAST)] | None = Field(
        default=None,
        description="the bar's open with its zone; without any, the bars count as the newest "
        "closed ones of the calendar",
    )


class ScoreRequest(BaseModel):
    """Bars of one symbol, oldest first, or the indicators of one bar: one of the two."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [EXAMPLE, EXAMPLE_INDICATORS]}
    )

    symbol: str | None = Field(
        default=None,
        description="ticker as the source spells it; may lack where the forecast has but one",
        min_length=1,
        max_length=32,
        pattern=r"^[A-Za-z0-9.^=/_-]+$",
    )
    interval: str | None = column_field(columns.INTERVAL, default=None, max_length=8)
    bars: Annotated[list[RequestBar], Field(fail_fast=True)] | None = Field(
        default=None, description="closed bars, oldest first", min_length=1
    )
    indicators: dict[str, Annotated[FiniteFloat, Strict()]] | None = Field(
        default=None,
        description="every feature of the forecast by its name, as GET /forecasts/{name}/features "
        "lists them, instead of bars",
        min_length=1,
        max_length=1000,
    )


class BatchRequest(BaseModel):
    """Bars or indicators of many symbols, each answered by itself."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"requests": [EXAMPLE]}]}
    )

    requests: list[ScoreRequest] = Field(
        description="what is to be scored", min_length=1, fail_fast=True
    )


class ModelSummary(BaseModel):
    """Which model answers, and how far it is to be trusted."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    model_version: int | None = Field(
        description="version in the model registry; null: a file that no decision knows"
    )
    proven: bool = table_field(PREDICTIONS, "proven")
    unproven_reason: str | None = table_field(PREDICTIONS, "unproven_reason")
    trained_on: str = Field(description="source of the bars that the model was trained on")
    sample: bool = Field(description="true: it was trained on made-up data, and no market")
    notices: list[str] = Field(
        description="in words: what was assumed, left out or filled in; sample data, unproven"
    )


class TargetModel(BaseModel):
    """The model that answers a target."""

    candidate: str | None = Field(description="kind of model; null: no decision knows the file")
    model_version: int | None = Field(description="version in the model registry; null likewise")
    proven: bool = table_field(PREDICTIONS, "proven")
    unproven_reason: str | None = table_field(PREDICTIONS, "unproven_reason")


class NextBarFields(BaseModel):
    """The bar that is forecast."""

    timestamp_next: datetime | None = column_field(TIMESTAMP_NEXT)
    spans_night: bool | None = SPANS_NIGHT


class ClassResult(ClassPrediction, NextBarFields, TargetModel):
    """What is said of a target of classes."""


class ValueResult(ValuePrediction, NextBarFields, TargetModel):
    """What is said of a target that is a value."""


class BarPrediction(BaseModel):
    """What is said of one bar: at the top its main target, the forecast's first; null is what
    is not of that one's kind. All targets stand in `targets`."""

    target: str = table_field(PREDICTIONS, "target")
    kind: str = KIND
    action: str | None = table_field(PREDICTIONS, "action")
    score: float | None = table_field(PREDICTIONS, "score")
    confidence: float | None = Field(description="probability of the model's action [0 to 1]")
    probabilities: dict[str, float] | None = table_field(PREDICTIONS, "probabilities")
    expected_score: float = table_field(PREDICTIONS, "expected_score")
    said: str | None = SAID
    risk: RiskHints | None = RISK
    value: float | None = table_field(PREDICTIONS, "value")
    value_low: float | None = table_field(PREDICTIONS, "value_low")
    value_high: float | None = table_field(PREDICTIONS, "value_high")
    unit: str | None = UNIT
    value_coverage: float | None = VALUE_COVERAGE
    value_words: str | None = VALUE_WORDS
    targets: dict[str, Annotated[ClassResult | ValueResult, Field(discriminator="kind")] | None] = (
        Field(description="each by its name; null: no model of it serves")
    )


class Prediction(ModelSummary, BarPrediction):
    """What the models say of the newest bar, or of the indicators."""

    symbol: str = table_field(PREDICTIONS, "symbol")
    interval: str = table_field(PREDICTIONS, "interval")
    ts: datetime | None = column_field(columns.TS.but(meaning="the bar's open; null: indicators"))
    closes_at: datetime | None = column_field(
        columns.CLOSES_AT.but(meaning="its close; null likewise")
    )
    timestamp_next: datetime | None = column_field(TIMESTAMP_NEXT)
    spans_night: bool | None = SPANS_NIGHT
    features_used: dict[str, float] = Field(description="the features that were scored")
    bars_used: int = Field(
        description="bars that decided, of these the stored ones included; 0: indicators did"
    )
    data_source: str = Field(
        description="caller: what was sent; caller+<source>: completed by stored bars"
    )
    latency_ms: float = Field(description="from request to answer [ms]")


class BatchResult(BaseModel):
    """One result of a batch: a prediction, or why there is none."""

    index: int = Field(description="place in the request, from 0")
    prediction: Prediction | None = None
    error: Problem | None = None


class BatchAnswer(ModelSummary):
    """A result for each request, in their order; all by the same models."""

    models: dict[str, TargetModel] = MODELS

    results: list[BatchResult]
    scored: int = Field(description="how many have a prediction")
    latency_ms: float = Field(description="from request to answer [ms]")


class FileRow(BaseModel):
    """What became of one line of a file."""

    line: int = Field(description="line of the file, the header being 1")
    symbol: str | None = None
    ts: datetime | None = None
    timestamp_next: datetime | None = None
    spans_night: bool | None = None
    prediction: BarPrediction | None = None
    reason: str | None = Field(description="why there is no prediction")


class FileAnswer(ModelSummary):
    """A row for each row of the file, in its order."""

    models: dict[str, TargetModel] = MODELS

    data_source: str = "caller"
    rows: list[FileRow]
    scored: int = Field(description="rows with a prediction")
    warming_up: int = Field(description="rows with too few bars before them")
    bad: int = Field(description="rows that cannot be scored, whatever comes before them")
    latency_ms: float = Field(description="from request to answer [ms]")


class CandidateRank(BaseModel):
    """One candidate of the training."""

    rank: int = table_field(MODEL_RANKINGS, "rank")
    candidate: str = table_field(MODEL_RANKINGS, "candidate")
    macro_f1: float | None = table_field(MODEL_RANKINGS, "macro_f1")
    accuracy: float | None = table_field(MODEL_RANKINGS, "accuracy")
    log_loss: float | None = table_field(MODEL_RANKINGS, "log_loss")
    rank_ic: float | None = table_field(MODEL_RANKINGS, "rank_ic")
    rmse: float | None = table_field(MODEL_RANKINGS, "rmse")
    mae: float | None = table_field(MODEL_RANKINGS, "mae")
    r2: float | None = table_field(MODEL_RANKINGS, "r2")
    hit_rate: float | None = table_field(MODEL_RANKINGS, "hit_rate")
    failure: str | None = table_field(MODEL_RANKINGS, "failure")


class ModelInfo(ModelSummary):
    """The model that serves a target, and what is known of it."""

    target: str = table_field(PREDICTIONS, "target")
    kind: str = KIND
    unit: str = Field(description="of what becomes of a bar")
    candidate: str | None = Field(description="kind of model")
    verdict: str | None = Field(description="the last decision about it")
    reason: str | None = Field(description="that decision in words")
    as_of: datetime | None = column_field(columns.AS_OF)
    decided_at: datetime | None = Field(description="when that was decided [UTC]")
    gates: list[dict[str, Any]] = table_field(MODEL_DECISIONS, "gates")
    rankings: list[CandidateRank] = Field(
        description="how the candidates compared, on the same rows"
    )
    data_snapshot: int | None = table_field(MODEL_DECISIONS, "snapshot")
    definition: str = table_field(MODEL_DECISIONS, "definition")
    sha256: str = table_field(MODEL_DECISIONS, "sha256")
    classes: list[str] = Field(description="in the order of the model's columns; none of a value")
    scores: list[float] = Field(description="what each class is worth")
    thresholds: list[float] = Field(description="between the classes, in the label's unit")
    shares: list[float] = Field(description="of the classes among the training's rows")
    features: list[str] = Field(description="in the order of the model's columns")
    symbols: list[str] = Field(description="that can be scored")
    untrained: list[str] = Field(description="symbols it was trained on no bar of")
    interval: str = table_field(PREDICTIONS, "interval")
    look_back: int = Field(description="bars before a bar that its features need")
    calendar: str = Field(description="exchange calendar that places the bars")
    origin: str = Field(description="registry: decided on in the lake; MODEL_URI: pinned")
    instead_of: str | None = Field(
        description="why it serves though another was decided on; mostly null"
    )


class TargetReload(BaseModel):
    """What a reload found of one target."""

    changed: bool = Field(description="true: another model serves than before")
    before: int | None = Field(description="version that served before")
    model_version: int | None = Field(description="version that serves now")
    sha256: str = table_field(MODEL_DECISIONS, "sha256")
    proven: bool = table_field(PREDICTIONS, "proven")
    unproven_reason: str | None = table_field(PREDICTIONS, "unproven_reason")


class ReloadAnswer(TargetReload):
    """What a reload found: of the first target that was taken, and of each by its name."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    target: str = table_field(PREDICTIONS, "target")
    targets: dict[str, TargetReload | None]  # null: the old one stays
    notices: list[str]  # why
