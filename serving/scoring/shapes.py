"""What is sent to be scored, and what is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from pipelines import words
from pipelines.tables.gold import MODEL_DECISIONS, MODEL_RANKINGS, PREDICTIONS
from serving.errors import Problem
from serving.fields import SAID, SPANS_NIGHT, meaning, of

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
EXAMPLE_BARS = [
    {"open": 100.0 + n / 4, "high": 101.0 + n / 4, "low": 99.5 + n / 4, "close": 100.5 + n / 4,
     "volume": 1_000_000 + 10_000 * (n % 5)}
    for n in range(25)
]  # fmt: skip
EXAMPLE: dict[str, Any] = {"symbol": "NVDA", "interval": "1h", "bars": EXAMPLE_BARS}
EXAMPLE_FILE = "\n".join(
    ["symbol,open,high,low,close,volume"]
    + [",".join(["NVDA", *(str(value) for value in bar.values())]) for bar in EXAMPLE_BARS]
)


class SentBar(BaseModel):
    """One closed bar."""

    model_config = ConfigDict(extra="forbid")

    open: float = meaning(words.OPEN)
    high: float = meaning(words.HIGH)
    low: float = meaning(words.LOW)
    close: float = meaning(words.CLOSE)
    volume: float | None = meaning(words.VOLUME, default=None)
    ts: Annotated[AwareDatetime, Field(ge=FIRST, le=LAST)] | None = Field(
        default=None,
        description="the bar's open with its zone; without any, the bars count as the newest "
        "closed ones of the calendar",
    )


class Bars(BaseModel):
    """Bars of one symbol, oldest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    symbol: str = meaning(
        words.SYMBOL, min_length=1, max_length=32, pattern=r"^[A-Za-z0-9.^=/_-]+$"
    )
    interval: str | None = meaning(words.INTERVAL, default=None, max_length=8)
    bars: list[SentBar] = Field(description="closed bars, oldest first", min_length=1)


class Batch(BaseModel):
    """Bars of many symbols, each answered by itself."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"requests": [EXAMPLE]}]}
    )

    requests: list[Bars] = Field(description="what is to be scored", min_length=1)


class Marks(BaseModel):
    """Which model answers, and how far it is to be trusted."""

    forecast: str = of(PREDICTIONS, "forecast")
    model_version: int | None = Field(
        description="version in the model registry; null: a file that no decision knows"
    )
    proven: bool = of(PREDICTIONS, "proven")
    unproven_reason: str | None = of(PREDICTIONS, "unproven_reason")
    trained_on: str = Field(description="source of the bars that the model was trained on")
    sample: bool = Field(description="true: it was trained on made-up data, and no market")
    notices: list[str] = Field(
        description="in words: what was assumed, left out or filled in; sample data, unproven"
    )


class Said(BaseModel):
    """What the model says of one bar."""

    action: str = of(PREDICTIONS, "action")
    score: float = of(PREDICTIONS, "score")
    confidence: float = Field(description="probability of the model's action [0 to 1]")
    probabilities: dict[str, float] = of(PREDICTIONS, "probabilities")
    expected_score: float = of(PREDICTIONS, "expected_score")
    said: str | None = SAID


class Prediction(Marks, Said):
    """What the model says of the newest bar."""

    symbol: str = of(PREDICTIONS, "symbol")
    interval: str = of(PREDICTIONS, "interval")
    ts: datetime = of(PREDICTIONS, "ts")
    closes_at: datetime = of(PREDICTIONS, "closes_at")
    timestamp_next: datetime = of(PREDICTIONS, "timestamp_next")
    spans_night: bool = SPANS_NIGHT
    features_used: dict[str, float] = Field(description="the features that were scored")
    bars_used: int = Field(description="bars that decided, of these the stored ones included")
    data_source: str = Field(
        description="caller: the bars sent; caller+<source>: completed by stored bars"
    )
    latency_ms: float = Field(description="from request to answer [ms]")


class Item(BaseModel):
    """One result of a batch: a prediction, or why there is none."""

    index: int = Field(description="place in the request, from 0")
    prediction: Prediction | None = None
    error: Problem | None = None


class BatchAnswer(Marks):
    """A result for each request, in their order; all by the one model."""

    results: list[Item]
    scored: int = Field(description="how many have a prediction")
    latency_ms: float = Field(description="from request to answer [ms]")


class Row(BaseModel):
    """What became of one line of a file."""

    line: int = Field(description="line of the file, the header being 1")
    symbol: str | None = None
    ts: datetime | None = None
    timestamp_next: datetime | None = None
    spans_night: bool | None = None
    prediction: Said | None = None
    reason: str | None = Field(description="why there is no prediction")


class FileAnswer(Marks):
    """A row for each row of the file, in its order."""

    data_source: str = "caller"
    rows: list[Row]
    scored: int = Field(description="rows with a prediction")
    warming_up: int = Field(description="rows with too few bars before them")
    bad: int = Field(description="rows that cannot be a bar")
    latency_ms: float = Field(description="from request to answer [ms]")


class Rank(BaseModel):
    """One candidate of the training."""

    rank: int = of(MODEL_RANKINGS, "rank")
    candidate: str = of(MODEL_RANKINGS, "candidate")
    macro_f1: float | None = of(MODEL_RANKINGS, "macro_f1")
    accuracy: float | None = of(MODEL_RANKINGS, "accuracy")
    log_loss: float | None = of(MODEL_RANKINGS, "log_loss")
    rank_ic: float | None = of(MODEL_RANKINGS, "rank_ic")
    failure: str | None = of(MODEL_RANKINGS, "failure")


class ModelInfo(Marks):
    """The model that serves, and what is known of it."""

    candidate: str | None = Field(description="kind of model")
    verdict: str | None = Field(description="the last decision about it")
    reason: str | None = Field(description="that decision in words")
    as_of: datetime | None = meaning(words.AS_OF)
    decided_at: datetime | None = Field(description="when that was decided [UTC]")
    gates: list[dict[str, Any]] = of(MODEL_DECISIONS, "gates")
    rankings: list[Rank] = Field(description="how the candidates compared, on the same rows")
    data_snapshot: int | None = of(MODEL_DECISIONS, "snapshot")
    definition: str = of(MODEL_DECISIONS, "definition")
    sha256: str = of(MODEL_DECISIONS, "sha256")
    classes: list[str] = Field(description="in the order of the model's columns")
    scores: list[float] = Field(description="what each class is worth")
    thresholds: list[float] = Field(description="between the classes, in the label's unit")
    shares: list[float] = Field(description="of the classes among the training's rows")
    features: list[str] = Field(description="in the order of the model's columns")
    symbols: list[str] = Field(description="that can be scored")
    untrained: list[str] = Field(description="symbols it was trained on no bar of")
    interval: str = of(PREDICTIONS, "interval")
    look_back: int = Field(description="bars before a bar that its features need")
    calendar: str = Field(description="exchange calendar that places the bars")
    origin: str = Field(description="registry: decided on in the lake; MODEL_URI: pinned")
    instead_of: str | None = Field(
        description="why it serves though another was decided on; mostly null"
    )


class ReloadAnswer(BaseModel):
    """What a reload found."""

    forecast: str = of(PREDICTIONS, "forecast")
    changed: bool = Field(description="true: another model serves than before")
    before: int | None = Field(description="version that served before")
    model_version: int | None = Field(description="version that serves now")
    sha256: str = of(MODEL_DECISIONS, "sha256")
    proven: bool = of(PREDICTIONS, "proven")
    unproven_reason: str | None = of(PREDICTIONS, "unproven_reason")
