"""What is known about a version of a model: gates, evidence, ranking, and drift since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import pyarrow as pa
from fastapi import Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from pipelines.lake import View
from pipelines.registry.mlflow import model_name
from serving.http.computed import Computed, ComputedQuery
from serving.http.dependencies import TargetName, known_target, newest_of, routers
from serving.http.errors import error_responses
from serving.http.page_response import FORMS
from serving.schemas.evidence import Drift, Evidence, Gates, Rankings
from serving.schemas.strict import QueryNumber
from serving.state import evidence
from serving.state.answers import Row
from serving.state.computed import ComputedTable
from serving.state.evidence import MODEL_FIELDS, Key

_, forecast_router = routers("models")
ANSWERS = error_responses(404) | FORMS
TOO_OLD = "version {version} was trained before evidence was stored: train again to see it"
NOT_MEASURED = (
    "no drift of version {version} was measured yet: monitor_{forecast} measures it once 100 live "
    "predictions have an outcome"
)


class ModelFilters(BaseModel):
    """Query parameters that name a version of a model."""

    model_config = ConfigDict(extra="forbid")

    target: TargetName = None
    model_version: Annotated[int | None, QueryNumber] = Field(
        None,
        ge=1,
        le=2**31,
        description="version of the model; without it, the one that serves the newest bar",
    )


class EvidenceFilters(ModelFilters):
    """Query parameters of a version's evidence."""

    evidence: Literal["roc", "calibration", "confusion", "importance"] | None = Field(
        None, description="only rows of this kind", examples=["confusion"]
    )
    top: Annotated[int, QueryNumber] = Field(
        20, ge=1, le=1000, description="how many features of the importances to return"
    )


Read = Callable[[View, Key, Row], tuple[pa.Table, Row]]


async def _answer(query: ComputedQuery, filters: ModelFilters, read: Read) -> Response:
    """Send what is read of the version that is asked for; no rows where nothing was trained."""
    forecast = query.forecast
    target = known_target(forecast, filters.target) or forecast.target_names[0]
    serving = newest_of(query.state, query.name).models.get(target)
    version = filters.model_version or (serving.model_version if serving else None)

    def compute(view: View) -> ComputedTable:
        registered = {"registered_model": model_name(forecast.target_forecast(target))}
        if version is None:
            rows, about = read(view, (forecast.name, target, query.state.source, 0), {})
            about |= dict.fromkeys(MODEL_FIELDS) | {"forecast": forecast.name, "target": target}
            about |= registered
            how = f"trigger train_{forecast.name}, or run `bullion train {forecast.name}`"
            return ComputedTable(rows, about | {"notices": [f"nothing was trained yet: {how}"]})
        key = (forecast.name, target, query.state.source, version)
        decision = evidence.read_training_decision(view, key)
        rows, about = read(view, key, decision)
        of_model = {name: decision[name] for name in MODEL_FIELDS}
        notices = [
            notice.format(version=version, forecast=forecast.name)
            for notice in about.pop("notices", ())
        ]
        return ComputedTable(rows, of_model | registered | about | {"notices": notices})

    return await query.answer((target, version, *filters.model_dump().values()), compute)


@forecast_router.get("/gates", response_model=Gates, responses=ANSWERS)
async def gates(query: Computed, filters: Annotated[ModelFilters, Query()]) -> Response:
    """List the gates of a version, each with its value, its limit and whether it was passed."""

    def read(view: View, key: Key, decision: Row) -> tuple[pa.Table, Row]:
        return evidence.gate_table(decision.get("gates", "[]")), {}

    return await _answer(query, filters, read)


@forecast_router.get("/evidence", response_model=Evidence, responses=ANSWERS)
async def model_evidence(query: Computed, filters: Annotated[EvidenceFilters, Query()]) -> Response:
    """List what a training showed: ROC, calibration and confusion of each class, importances.

    The rows are those that the gates judged; importances are measured on selection rows.
    """

    def read(view: View, key: Key, decision: Row) -> tuple[pa.Table, Row]:
        sha256 = decision.get("sha256", "")
        rows, candidate = evidence.read_evidence(view, key, sha256, filters.evidence, filters.top)
        notices = [] if rows.num_rows else [TOO_OLD]
        return rows, {"judged_candidate": candidate, "notices": notices}

    return await _answer(query, filters, read)


@forecast_router.get("/rankings", response_model=Rankings, responses=ANSWERS)
async def rankings(query: Computed, filters: Annotated[ModelFilters, Query()]) -> Response:
    """List how the candidates of a version's training compared, the best first."""

    def read(view: View, key: Key, decision: Row) -> tuple[pa.Table, Row]:
        return evidence.read_rankings(view, key), {}

    return await _answer(query, filters, read)


@forecast_router.get("/drift", response_model=Drift, responses=ANSWERS)
async def drift(query: Computed, filters: Annotated[ModelFilters, Query()]) -> Response:
    """List how far each feature of live rows lies from the rows that a version was trained on.

    The newest measurement, the feature that moved farthest first.
    """

    def read(view: View, key: Key, decision: Row) -> tuple[pa.Table, Row]:
        rows = evidence.read_drift(view, key)
        return rows, {"notices": [] if rows.num_rows else [NOT_MEASURED]}

    return await _answer(query, filters, read)
