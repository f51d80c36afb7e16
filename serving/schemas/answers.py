"""What the read side answers, as models: each field says what it means."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.contracts.gold import CONTRIBUTIONS, INDEX_SIGNALS, MODEL_DECISIONS, OUTCOMES
from pipelines.contracts.gold import PREDICTIONS as PREDICTED
from serving.schemas.fields import (
    HINTS,
    KIND,
    SAID,
    SPANS_NIGHT,
    UNIT,
    VALUE_COVERAGE,
    VALUE_WORDS,
    of,
)


class Answer(BaseModel):
    """Nothing is answered that is not told here."""

    model_config = ConfigDict(extra="forbid")


class Marked(Answer):
    """What every answer says of its own worth."""

    data_source: str = Field(description="whose data this is made from")
    sample: bool = Field(description="true: the data are made up, and no market")
    notices: list[str] = Field(description="in words: sample data, stale, unproven, not live")
    snapshot: int = Field(description="number of the lake's snapshot that was read")


class Risk(Answer):
    """Hints from the probabilities alone; none of them is a loss in money."""

    against: float = Field(description="probability of the actions opposite to the one said")
    tails: float = Field(description="probability of the two outermost actions")
    uncertainty: float = Field(description="entropy of the probabilities over the greatest, 0 to 1")


class Member(Answer):
    """One constituent's part in the signal."""

    symbol: str = of(CONTRIBUTIONS, "symbol")
    action: str | None = of(CONTRIBUTIONS, "action")
    said: str | None = SAID
    score: float | None = of(CONTRIBUTIONS, "score")
    weight: float = of(CONTRIBUTIONS, "weight")
    share: float = of(CONTRIBUTIONS, "share")
    contribution: float = of(CONTRIBUTIONS, "contribution")
    confidence: float | None = of(PREDICTED, "confidence")
    probabilities: dict[str, float] | None = of(PREDICTED, "probabilities")
    risk: Risk | None


class Thresholds(Answer):
    """Where the score becomes a signal."""

    buy_at: float = Field(description="BUY from this WSS on")
    sell_at: float = Field(description="SELL from this WSS down")
    least_scored: float = Field(description="HOLD below this coverage, whatever the WSS")


class Scored(Answer):
    """What is said of every bar that a model scored."""

    forecast: str = of(PREDICTED, "forecast")
    interval: str = of(PREDICTED, "interval")
    ts: datetime = of(PREDICTED, "ts")
    closes_at: datetime = of(PREDICTED, "closes_at")
    timestamp_next: datetime = of(PREDICTED, "timestamp_next")
    spans_night: bool = SPANS_NIGHT
    model_version: int = of(PREDICTED, "model_version")
    proven: bool = of(PREDICTED, "proven")
    unproven_reason: str | None = of(PREDICTED, "unproven_reason")
    instead_of: str | None = of(PREDICTED, "instead_of")
    live: bool = of(PREDICTED, "live")


class OfSignal(Answer):
    """What a universe's signal is."""

    universe: str = of(INDEX_SIGNALS, "universe")
    index: str = of(INDEX_SIGNALS, "index")
    instrument: str = of(INDEX_SIGNALS, "instrument")
    wss: float = of(INDEX_SIGNALS, "wss")
    signal: Literal["SELL", "HOLD", "BUY"] = of(INDEX_SIGNALS, "signal")
    reason: str = of(INDEX_SIGNALS, "reason")
    coverage: float = of(INDEX_SIGNALS, "coverage")
    index_share: float = of(INDEX_SIGNALS, "index_share")
    weights_effective: date = of(INDEX_SIGNALS, "weights_effective")
    weights_partial: bool = of(INDEX_SIGNALS, "weights_partial")


class OfPrediction(Answer):
    """What a symbol's prediction is: of a class, or of a value; what is not of its kind is null."""

    symbol: str = of(PREDICTED, "symbol")
    target: str = of(PREDICTED, "target")
    candidate: str = of(PREDICTED, "candidate")
    action: str | None = of(PREDICTED, "action")
    score: float | None = of(PREDICTED, "score")
    expected_score: float = of(PREDICTED, "expected_score")
    confidence: float | None = of(PREDICTED, "confidence")
    probabilities: dict[str, float] | None = of(PREDICTED, "probabilities")
    value: float | None = of(PREDICTED, "value")
    value_low: float | None = of(PREDICTED, "value_low")
    value_high: float | None = of(PREDICTED, "value_high")


class ToldClass(Answer):
    """What a model of classes says."""

    kind: Literal["classes"]
    action: str = of(PREDICTED, "action")
    score: float = of(PREDICTED, "score")
    expected_score: float = of(PREDICTED, "expected_score")
    confidence: float = of(PREDICTED, "confidence")
    probabilities: dict[str, float] = of(PREDICTED, "probabilities")
    said: str | None = SAID
    risk: Risk | None = HINTS


class ToldValue(Answer):
    """What a model of a value says."""

    kind: Literal["value"]
    value: float = of(PREDICTED, "value")
    value_low: float = of(PREDICTED, "value_low")
    value_high: float = of(PREDICTED, "value_high")
    expected_score: float = of(PREDICTED, "expected_score")
    unit: str = UNIT
    value_coverage: float = VALUE_COVERAGE
    value_words: str = VALUE_WORDS


class Main(OfPrediction):
    """The main target, the first of the forecast's that is predicted, beside all targets."""

    kind: str = KIND
    said: str | None = SAID
    risk: Risk | None = HINTS
    unit: str | None = UNIT
    value_coverage: float | None = VALUE_COVERAGE
    value_words: str | None = VALUE_WORDS


class OfTarget(Answer):
    """Whose prediction of which bar it is."""

    candidate: str = of(PREDICTED, "candidate")
    model_version: int = of(PREDICTED, "model_version")
    proven: bool = of(PREDICTED, "proven")
    unproven_reason: str | None = of(PREDICTED, "unproven_reason")
    instead_of: str | None = of(PREDICTED, "instead_of")
    live: bool = of(PREDICTED, "live")
    scored_at: datetime = of(PREDICTED, "scored_at")
    ts: datetime = of(PREDICTED, "ts")
    closes_at: datetime = of(PREDICTED, "closes_at")
    timestamp_next: datetime = of(PREDICTED, "timestamp_next")
    spans_night: bool = SPANS_NIGHT
    stale_at: datetime = Field(description="when this one turns stale [UTC]")


class TargetOfClass(OfTarget, ToldClass):
    """The newest prediction of a target of classes."""


class TargetOfValue(OfTarget, ToldValue):
    """The newest prediction of a target that is a value."""


Targets = dict[str, Annotated[TargetOfClass | TargetOfValue, Field(discriminator="kind")] | None]


class Aged(Marked, Scored):
    """An answer that says how old it is."""

    as_of: datetime = Field(description="when it was scored: nothing known later was used [UTC]")
    min_confidence: float | None = Field(description="the confidence policy that was asked for")
    stale: bool = Field(description="true: a bar that closed since has none, and should")
    stale_at: datetime = Field(description="when it turns stale unless a newer one comes [UTC]")
    age_seconds: int = Field(
        description="since closes_at, at the time of the answer; after a 304 count on yourself"
    )


class Signal(OfSignal, Aged):
    """The newest signal of a universe."""

    thresholds: Thresholds
    per_symbol: list[Member]


class Component(Main, Aged):
    """The newest prediction of one symbol: its main target, and all of them by name."""

    targets: Targets = Field(description="each by its name; null: nothing was predicted of it")


class Latest(Marked):
    """The newest prediction of every symbol."""

    forecast: str = of(PREDICTED, "forecast")
    predictions: list[Component]


class Page(Marked):
    """Some rows, and where the next begin."""

    next: str | None = Field(description="cursor of the next page; null: this is the last")


class Past(Scored):
    """What was scored, from whose data and when."""

    source: str = of(PREDICTED, "source")
    scored_at: datetime = of(PREDICTED, "scored_at")


class PastSignal(OfSignal, Past):
    """A row of gold.index_signals."""


class PastPrediction(OfPrediction, Past):
    """A row of gold.predictions, with what became of it where that is known."""

    outcome: float | None = of(OUTCOMES, "outcome")
    next_return: float | None = of(OUTCOMES, "next_return")
    actual: str | None = of(OUTCOMES, "actual")


class Decision(Answer):
    """A row of gold.model_decisions."""

    forecast: str = of(MODEL_DECISIONS, "forecast")
    target: str = of(MODEL_DECISIONS, "target")
    source: str = of(MODEL_DECISIONS, "source")
    as_of: datetime = of(MODEL_DECISIONS, "as_of")
    model_version: int = of(MODEL_DECISIONS, "model_version")
    verdict: str = of(MODEL_DECISIONS, "verdict")
    proven: bool = of(MODEL_DECISIONS, "proven")
    reason: str = of(MODEL_DECISIONS, "reason")
    gates: str = of(MODEL_DECISIONS, "gates")
    snapshot: int = of(MODEL_DECISIONS, "snapshot")
    definition: str = of(MODEL_DECISIONS, "definition")
    candidate: str = of(MODEL_DECISIONS, "candidate")
    sha256: str = of(MODEL_DECISIONS, "sha256")
    run_id: str = of(MODEL_DECISIONS, "run_id")
    decided_at: datetime = of(MODEL_DECISIONS, "decided_at")


class PastSignals(Page):
    """Signals, the newest first."""

    rows: list[PastSignal]


class PastPredictions(Page):
    """Predictions, the newest first."""

    rows: list[PastPrediction]


class Decisions(Page):
    """Decisions on models, the newest first."""

    rows: list[Decision]
