"""Answers of the routes that read the lake, as models with a description of each field."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

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
    MODEL_ACTION,
    RISK,
    SPANS_NIGHT,
    UNIT,
    VALUE_COVERAGE,
    VALUE_WORDS,
    table_field,
)


class Answer(BaseModel):
    """Base of the answers: a field that is not declared is never answered."""

    model_config = ConfigDict(extra="forbid")


class Provenance(Answer):
    """Where an answer comes from, and what limits its worth."""

    data_source: str = Field(description="source of the data that the answer is made from")
    sample: bool = Field(
        description="true: the data, or the news among them, are made up; they are of no real "
        "market"
    )
    notices: list[str] = Field(
        description="limits of the answer in words: sample data, stale, unproven model, not live"
    )
    snapshot: int = Field(description="number of the snapshot of the lake that was read")


class RiskHints(Answer):
    """Hints about risk, computed from the probabilities alone; none is an amount of money."""

    against: float = Field(
        description="probability of the actions opposite to the predicted one [0 to 1]"
    )
    tails: float = Field(description="probability of the two outermost actions [0 to 1]")
    uncertainty: float = Field(
        description="entropy of the probabilities as a share of the greatest possible one [0 to 1]"
    )


class Constituent(Answer):
    """What one constituent contributes to the signal."""

    symbol: str = table_field(CONTRIBUTIONS, "symbol")
    action: str | None = table_field(CONTRIBUTIONS, "action")
    said: str | None = MODEL_ACTION
    score: float | None = table_field(CONTRIBUTIONS, "score")
    weight: float = table_field(CONTRIBUTIONS, "weight")
    share: float = table_field(CONTRIBUTIONS, "share")
    contribution: float = table_field(CONTRIBUTIONS, "contribution")
    expected_score: float | None = table_field(PREDICTIONS, "expected_score")
    confidence: float | None = table_field(PREDICTIONS, "confidence")
    probabilities: dict[str, float] | None = table_field(PREDICTIONS, "probabilities")
    risk: RiskHints | None


class SignalThresholds(Answer):
    """The thresholds at which the weighted sentiment score (WSS) becomes a signal."""

    buy_at: float = Field(description="the signal is BUY at this WSS or above")
    sell_at: float = Field(description="the signal is SELL at this WSS or below")
    least_scored: float = Field(
        description="the signal is HOLD while the coverage is below this, whatever the WSS is"
    )


class ScoredBar(Answer):
    """The bar that was scored, and the model that scored it."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    news_source: str | None = table_field(PREDICTIONS, "news_source")
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
    delay_seconds: float | None = table_field(PREDICTIONS, "delay_seconds")


class SignalFields(Answer):
    """The signal of a universe."""

    universe: str = table_field(INDEX_SIGNALS, "universe")
    index: str = table_field(INDEX_SIGNALS, "index")
    instrument: str = table_field(INDEX_SIGNALS, "instrument")
    wss: float = table_field(INDEX_SIGNALS, "wss")
    expected_wss: float | None = table_field(INDEX_SIGNALS, "expected_wss")
    signal: Literal["SELL", "HOLD", "BUY"] = table_field(INDEX_SIGNALS, "signal")
    reason: str = table_field(INDEX_SIGNALS, "reason")
    coverage: float = table_field(INDEX_SIGNALS, "coverage")
    index_share: float = table_field(INDEX_SIGNALS, "index_share")
    weights_effective: date = table_field(INDEX_SIGNALS, "weights_effective")
    weights_partial: bool = table_field(INDEX_SIGNALS, "weights_partial")


class ExplainedFields(BaseModel):
    """What moved a prediction; null where its target is not explained."""

    feature_contributions: dict[str, float] | None = table_field(
        PREDICTIONS, "feature_contributions"
    )
    contribution_method: str | None = table_field(PREDICTIONS, "contribution_method")
    contributions_to: str | None = table_field(PREDICTIONS, "contributions_to")


class PredictionFields(ExplainedFields, Answer):
    """A prediction of one symbol: a class or a value. Fields of the other kind are null."""

    symbol: str = table_field(PREDICTIONS, "symbol")
    target: str = table_field(PREDICTIONS, "target")
    candidate: str = table_field(PREDICTIONS, "candidate")
    action: str | None = table_field(PREDICTIONS, "action")
    action_reason: str | None = table_field(PREDICTIONS, "action_reason")
    likeliest: str | None = table_field(PREDICTIONS, "likeliest")
    score: float | None = table_field(PREDICTIONS, "score")
    expected_score: float = table_field(PREDICTIONS, "expected_score")
    confidence: float | None = table_field(PREDICTIONS, "confidence")
    probabilities: dict[str, float] | None = table_field(PREDICTIONS, "probabilities")
    value: float | None = table_field(PREDICTIONS, "value")
    value_low: float | None = table_field(PREDICTIONS, "value_low")
    value_high: float | None = table_field(PREDICTIONS, "value_high")


class ClassPrediction(ExplainedFields, Answer):
    """The prediction of a target whose kind is classes."""

    kind: Literal["classes"]
    action: str = table_field(PREDICTIONS, "action")
    action_reason: str | None = table_field(PREDICTIONS, "action_reason")
    likeliest: str | None = table_field(PREDICTIONS, "likeliest")
    score: float = table_field(PREDICTIONS, "score")
    expected_score: float = table_field(PREDICTIONS, "expected_score")
    confidence: float = table_field(PREDICTIONS, "confidence")
    probabilities: dict[str, float] = table_field(PREDICTIONS, "probabilities")
    said: str | None = MODEL_ACTION
    risk: RiskHints | None = RISK


class ValuePrediction(ExplainedFields, Answer):
    """The prediction of a target whose kind is value."""

    kind: Literal["value"]
    value: float = table_field(PREDICTIONS, "value")
    value_low: float = table_field(PREDICTIONS, "value_low")
    value_high: float = table_field(PREDICTIONS, "value_high")
    expected_score: float = table_field(PREDICTIONS, "expected_score")
    unit: str = UNIT
    value_coverage: float = VALUE_COVERAGE
    value_words: str = VALUE_WORDS


NO_FIELDS: dict[str, Any] = dict.fromkeys(
    [*ClassPrediction.model_fields, *ValuePrediction.model_fields]
)
"""The fields of all kinds as null: an answer has them all, whatever its main target is."""


class MainPrediction(PredictionFields):
    """The prediction of the main target: the first of the forecast's targets that is predicted."""

    kind: str = KIND
    said: str | None = MODEL_ACTION
    risk: RiskHints | None = RISK
    unit: str | None = UNIT
    value_coverage: float | None = VALUE_COVERAGE
    value_words: str | None = VALUE_WORDS


class TargetFields(Answer):
    """The model of a target, and the bar that it predicted."""

    candidate: str = table_field(PREDICTIONS, "candidate")
    model_version: int = table_field(PREDICTIONS, "model_version")
    proven: bool = table_field(PREDICTIONS, "proven")
    unproven_reason: str | None = table_field(PREDICTIONS, "unproven_reason")
    instead_of: str | None = table_field(PREDICTIONS, "instead_of")
    live: bool = table_field(PREDICTIONS, "live")
    delay_seconds: float | None = table_field(PREDICTIONS, "delay_seconds")
    scored_at: datetime = table_field(PREDICTIONS, "scored_at")
    ts: datetime = table_field(PREDICTIONS, "ts")
    closes_at: datetime = table_field(PREDICTIONS, "closes_at")
    timestamp_next: datetime = table_field(PREDICTIONS, "timestamp_next")
    spans_night: bool = SPANS_NIGHT
    stale_at: datetime = Field(description="when this prediction becomes stale [UTC]")


class NewestClassPrediction(TargetFields, ClassPrediction):
    """The newest prediction of a target whose kind is classes."""


class NewestValuePrediction(TargetFields, ValuePrediction):
    """The newest prediction of a target whose kind is value."""


TargetPredictions = dict[
    str,
    Annotated[NewestClassPrediction | NewestValuePrediction, Field(discriminator="kind")] | None,
]


class AgedAnswer(Provenance, ScoredBar):
    """An answer that says how old it is."""

    as_of: datetime = Field(
        description="when the bar was scored; nothing that became known later was used [UTC]"
    )
    min_confidence: float | None = Field(description="the `min_confidence` of the request")
    stale: bool = Field(
        description="true: a later bar has closed and should have been scored, and was not"
    )
    stale_at: datetime = Field(
        description="when the answer becomes stale unless a newer one is published [UTC]"
    )
    age_seconds: int = Field(
        description="seconds from `closes_at` to the answer; after a 304, count on from there"
    )


class Signal(SignalFields, AgedAnswer):
    """The newest signal of a universe."""

    thresholds: SignalThresholds
    per_symbol: list[Constituent]


class Component(MainPrediction, AgedAnswer):
    """The newest prediction of one symbol: its main target at the top, and all targets by name."""

    targets: TargetPredictions = Field(
        description="the prediction of each target by name; null where there is none"
    )


class LatestPredictions(Provenance):
    """The newest prediction of every symbol."""

    forecast: str = table_field(PREDICTIONS, "forecast")
    predictions: list[Component]


class Page(Provenance):
    """A page of rows, and the cursor of the next page."""

    next: str | None = Field(description="cursor of the next page; null on the last page")


class PastRow(ScoredBar):
    """A scored bar, with the source of its data and the time of scoring."""

    source: str = table_field(PREDICTIONS, "source")
    scored_at: datetime = table_field(PREDICTIONS, "scored_at")


class PastSignal(SignalFields, PastRow):
    """A row of gold.index_signals."""


class PastPrediction(PredictionFields, PastRow):
    """A row of gold.predictions, with its outcome where that is known."""

    role: str = table_field(PREDICTIONS, "role")
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
