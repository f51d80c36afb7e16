"""Answers about a model: its gates, its evidence, the ranking of its training, drift since."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from pipelines.contracts.evidence import FEATURE_DRIFT, MODEL_EVIDENCE
from pipelines.contracts.gold import MODEL_DECISIONS
from serving.schemas.answers import Answer, Page
from serving.schemas.fields import table_field
from serving.schemas.scoring import CandidateRank


class OfModel(Page):
    """The model that all rows are about; null where nothing was trained yet."""

    forecast: str = table_field(MODEL_DECISIONS, "forecast")
    target: str = table_field(MODEL_DECISIONS, "target")
    model_version: int | None = table_field(MODEL_DECISIONS, "model_version")
    as_of: datetime | None = table_field(MODEL_DECISIONS, "as_of")
    verdict: str | None = Field(description="of the training: promoted, kept or refused")
    proven: bool | None = table_field(MODEL_DECISIONS, "proven")
    reason: str | None = table_field(MODEL_DECISIONS, "reason")
    candidate: str | None = table_field(MODEL_DECISIONS, "candidate")
    run_id: str | None = table_field(MODEL_DECISIONS, "run_id")
    registered_model: str = Field(description="name of the model in MLflow's registry")


class GateRow(Answer):
    """The verdict of one gate."""

    gate: str = Field(description="name of the gate")
    passed: bool = Field(description="true: the gate was passed")
    blocking: bool = Field(description="true: a model that fails it is not promoted")
    value: float | None = Field(description="what the gate measured; null where it could not")
    low: float | None = Field(description="lower bound of the value, where it has an interval")
    high: float | None = Field(description="upper bound of the value, where it has an interval")
    limit: float | None = Field(description="what the value, or its bound, is compared with")
    needs: Literal["at_least", "at_most", "unknown"] = Field(
        description="on which side of the limit the value, or its lower bound, has to be"
    )
    reason: str = Field(description="the verdict in words")


class Gates(OfModel):
    """The gates of a version, in the order in which they judged."""

    rows: list[GateRow]


class EvidenceRow(Answer):
    """A row of gold.model_evidence."""

    evidence: str = table_field(MODEL_EVIDENCE, "evidence")
    name: str = table_field(MODEL_EVIDENCE, "name")
    place: int = table_field(MODEL_EVIDENCE, "place")
    predicted: str | None = table_field(MODEL_EVIDENCE, "predicted")
    x: float | None = table_field(MODEL_EVIDENCE, "x")
    y: float | None = table_field(MODEL_EVIDENCE, "y")
    area: float | None = table_field(MODEL_EVIDENCE, "area")
    row_count: int = table_field(MODEL_EVIDENCE, "row_count")
    loss: float | None = table_field(MODEL_EVIDENCE, "loss")
    spread: float | None = table_field(MODEL_EVIDENCE, "spread")
    measure: str | None = table_field(MODEL_EVIDENCE, "measure")


class Evidence(OfModel):
    """What the training of a version showed of its best candidate."""

    judged_candidate: str | None = table_field(MODEL_EVIDENCE, "candidate")
    rows: list[EvidenceRow]


class Rankings(OfModel):
    """The candidates of a version's training, the best first."""

    rows: list[CandidateRank]


class DriftRow(Answer):
    """A row of gold.feature_drift."""

    measured_at: datetime = table_field(FEATURE_DRIFT, "measured_at")
    model_version: int = table_field(FEATURE_DRIFT, "model_version")
    feature: str = table_field(FEATURE_DRIFT, "feature")
    distance: float | None = table_field(FEATURE_DRIFT, "distance")
    drift_limit: float = table_field(FEATURE_DRIFT, "drift_limit")
    drifted: bool = table_field(FEATURE_DRIFT, "drifted")
    row_count: int = table_field(FEATURE_DRIFT, "row_count")


class Drift(OfModel):
    """The newest drift that was measured of a version, the feature that moved farthest first."""

    rows: list[DriftRow]
