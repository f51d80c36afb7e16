"""What the read side answers, as models: each field says what it means."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.contracts.gold import (
    CONTRIBUTIONS,
    INDEX_SIGNALS,
    MODEL_DECISIONS,
    OUTCOMES,
    PREDICTIONS,
)
from serving.schemas.fields import (
    KIND,
    RISK,
    SAID,
    SPANS_NIGHT,
    UNIT,
    VALUE_COVERAGE,
    VALUE_WORDS,
    table_field,
)


class Answer(BaseModel):
    """Nothing is answered that is not told here."""

    model_config = ConfigDict(extra="forbid")


class Provenance(Answer):
    """What every answer says of its own worth."""

    data_source: str = Field(description="whose data this is made from")
    sample: bool = Field(description="true: the data are made up, and no market")
    notices: list[str] = Field(description="in words: sample data, stale, unproven, not live")
    snapshot: int = Field(description="number of the lake's snapshot that was read")


class RiskHints(Answer):
    """Hints from the probabilities alone; none of them is a loss in money."""

    against: float = Field(description="probability of the actions opposite to the one said")
    tails: float = Field(description="probability of the two outermost actions")
    uncertainty: float = Field(description="entropy of the probabilities over the greatest, 0 to 1")


class Constituent(Answer):
    """One constituent's part in the signal."""

    symbol: str = table_field(CONTRIBUTIONS, "symbol")
    action: str | None = table_field(CONTRIBUTIONS, "action")
    said: str | None = SAID
    score: float | None = table_field(CONTRIBUTIONS, "score")
    weight: float = table_field(CONTRIBUTIONS, "weight")
    share: float = table_field(CONTRIBUTIONS, "share")
    contribution: float = table_field(CONTRIBUTIONS, "contribution")
    confidence: float | None = table_field(PREDICTIONS, "confidence")
    probabilities: dict[str, float] | None = table_field(PREDICTIONS, "probabilities")
    risk: RiskHints | None


class SignalThresholds(Answer):
    """Where the score becomes a signal."""

    buy_at: float = Field(description="BUY from this WSS on")
    sell_at: float = Field(description="SELL from this WSS down")
    least_scored: float = Field(description="HOLD below this coverage, whatever the WSS")


class ScoredBar(Answer):
    """What is said of every bar that a model scored."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    interval: str = table_field(PREDICTIONS, "interval")
    ts: datetime = table_field(PREDICTIONS, "ts")
    closes_at: datetime = table_field(PREDICTIONS, "closes_at")
    timestamp_next: datetime = table_field(PREDICTIONS, "timestamp_next")
    spans_night: bool = SPANS_NIGHT
    model_version: int = table_field(PREDICTIONS, "model_version")
    proven: bool = table_field(PREDICTIONS, "proven")
    unproven_reason: str | None = table_field(PREDICTIONS, "unproven_reason")
    instead_of: str | None = table_field(PREDICTIONS, "instead_of")
    live: bool = table_field(PREDICTIONS, "live")


class SignalFields(Answer):
    """What a universe's signal is."""

    universe: str = table_field(INDEX_SIGNALS, "universe")
    index: str = table_field(INDEX_SIGNALS, "index")
    instrument: str = table_field(INDEX_SIGNALS, "instrument")
    wss: float = table_field(INDEX_SIGNALS, "wss")
    signal: Literal["SELL", "HOLD", "BUY"] = table_field(INDEX_SIGNALS, "signal")
    reason: str = table_field(INDEX_SIGNALS, "reason")
    coverage: float = table_field(INDEX_SIGNALS, "coverage")
    index_share: float = table_field(INDEX_SIGNALS, "index_share")
    weights_effective: date = table_field(INDEX_SIGNALS, "weights_effective")
    weights_partial: bool = table_field(INDEX_SIGNALS, "weights_partial")


class PredictionFields(Answer):
    """What a symbol's prediction is: of a class, or of a value; what is not of its kind is null."""

    symbol: str = table_field(PREDICTIONS, "symbol")
    target: str = table_field(PREDICTIONS, "target")
    candidate: str = table_field(PREDICTIONS, "candidate")
    action: str | None = table_field(PREDICTIONS, "action")
    score: float | None = table_field(PREDICTIONS, "score")
    expected_score: float = table_field(PREDICTIONS, "expected_score")
    confidence: float | None = table_field(PREDICTIONS, "confidence")
    probabilities: dict[str, float] | None = table_field(PREDICTIONS, "probabilities")
    value: float | None = table_field(PREDICTIONS, "value")
    value_low: float | None = table_field(PREDICTIONS, "value_low")
    value_high: float | None = table_field(PREDICTIONS, "value_high")


class ClassPrediction(Answer):
    """What a model of classes says."""

    kind: Literal["classes"]
    action: str = table_field(PREDICTIONS, "action")
    score: float = table_field(PREDICTIONS, "score")
    expected_score: float = table_field(PREDICTIONS, "expected_score")
    confidence: float = table_field(PREDICTIONS, "confidence")
    probabilities: dict[str, float] = table_field(PREDICTIONS, "probabilities")
    said: str | None = SAID
    risk: RiskHints | None = RISK


class ValuePrediction(Answer):
    """What a model of a value says."""

    kind: Literal["value"]
    value: float = table_field(PREDICTIONS, "value")
    value_low: float = table_field(PREDICTIONS, "value_low")
    value_high: float = table_field(PREDICTIONS, "value_high")
    expected_score: float = table_field(PREDICTIONS, "expected_score")
    unit: str = UNIT
    value_coverage: float = VALUE_COVERAGE
    value_words: str = VALUE_WORDS


class MainPrediction(PredictionFields):
    """The main target, the first of the forecast's that is predicted, beside all targets."""

    kind: str = KIND
    said: str | None = SAID
    risk: RiskHints | None = RISK
    unit: str | None = UNIT
    value_coverage: float | None = VALUE_COVERAGE
    value_words: str | None = VALUE_WORDS


class TargetFields(Answer):
    """Whose prediction of which bar it is."""

    candidate: str = table_field(PREDICTIONS, "candidate")
    model_version: int = table_field(PREDICTIONS, "model_version")
    proven: bool = table_field(PREDICTIONS, "proven")
    unproven_reason: str | None = table_field(PREDICTIONS, "unproven_reason")
    instead_of: str | None = table_field(PREDICTIONS, "instead_of")
    live: bool = table_field(PREDICTIONS, "live")
    scored_at: datetime = table_field(PREDICTIONS, "scored_at")
    ts: datetime = table_field(PREDICTIONS, "ts")
    closes_at: datetime = table_field(PREDICTIONS, "closes_at")
    timestamp_next: datetime = table_field(PREDICTIONS, "timestamp_next")
    spans_night: bool = SPANS_NIGHT
    stale_at: datetime = Field(description="when this one turns stale [UTC]")


class NewestClassPrediction(TargetFields, ClassPrediction):
    """The newest prediction of a target of classes."""


class NewestValuePrediction(TargetFields, ValuePrediction):
    """The newest prediction of a target that is a value."""


TargetPredictions = dict[
    str,
    Annotated[NewestClassPrediction | NewestValuePrediction, Field(discriminator="kind")] | None,
]


class AgedAnswer(Provenance, ScoredBar):
    """An answer that says how old it is."""

    as_of: datetime = Field(description="when it was scored: nothing known later was used [UTC]")
    min_confidence: float | None = Field(description="the confidence policy that was asked for")
    stale: bool = Field(description="true: a bar that closed since has none, and should")
    stale_at: datetime = Field(description="when it turns stale unless a newer one comes [UTC]")
    age_seconds: int = Field(
        description="since closes_at, at the time of the answer; after a 304 count on yourself"
    )


class Signal(SignalFields, AgedAnswer):
    """The newest signal of a universe."""

    thresholds: SignalThresholds
    per_symbol: list[Constituent]


class Component(MainPrediction, AgedAnswer):
    """The newest prediction of one symbol: its main target, and all of them by name."""

    targets: TargetPredictions = Field(
        description="each by its name; null: nothing was predicted of it"
    )


class LatestPredictions(Provenance):
    """The newest prediction of every symbol."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    predictions: list[Component]


class Page(Provenance):
    """Some rows, and where the next begin."""

    next: str | None = Field(description="cursor of the next page; null: this is the last")


class PastRow(ScoredBar):
    """What was scored, from whose data and when."""

    source: str = table_field(PREDICTIONS, "source")
    scored_at: datetime = table_field(PREDICTIONS, "scored_at")


class PastSignal(SignalFields, PastRow):
    """A row of gold.index_signals."""


class PastPrediction(PredictionFields, PastRow):
    """A row of gold.predictions, with what became of it where that is known."""

    outcome: float | None = table_field(OUTCOMES, "outcome")
    next_return: float | None = table_field(OUTCOMES, "next_return")
    actual: str | None = table_field(OUTCOMES, "actual")


class Decision(Answer):
    """A row of gold.model_decisions."""

    forecast: str = table_field(MODEL_DECISIONS, "forecast")
    target: str = table_field(MODEL_DECISIONS, "target")
    source: str = table_field(MODEL_DECISIONS, "source")
    as_of: datetime = table_field(MODEL_DECISIONS, "as_of")
    model_version: int = table_field(MODEL_DECISIONS, "model_version")
    verdict: str = table_field(MODEL_DECISIONS, "verdict")
    proven: bool = table_field(MODEL_DECISIONS, "proven")
    reason: str = table_field(MODEL_DECISIONS, "reason")
    gates: str = table_field(MODEL_DECISIONS, "gates")
    snapshot: int = table_field(MODEL_DECISIONS, "snapshot")
    definition: str = table_field(MODEL_DECISIONS, "definition")
    candidate: str = table_field(MODEL_DECISIONS, "candidate")
    sha256: str = table_field(MODEL_DECISIONS, "sha256")
    run_id: str = table_field(MODEL_DECISIONS, "run_id")
    decided_at: datetime = table_field(MODEL_DECISIONS, "decided_at")


class PastSignals(Page):
    """Signals, the newest first."""

    rows: list[PastSignal]


class PastPredictions(Page):
    """Predictions, the newest first."""

    rows: list[PastPrediction]


class Decisions(Page):
    """Decisions on models, the newest first."""

    rows: list[Decision]
