"""Health and metrics: whether the API can answer, and what makes it less than well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from pipelines.requests.model import Model
from serving.http.keys import read_access
from serving.http.metrics import metrics_of
from serving.schemas.errors import public_message
from serving.state.answers import Row
from serving.state.cache import ForecastCache
from serving.state.follower import Follower
from serving.state.prices import StreamPrices

router = APIRouter(tags=["health"], dependencies=[read_access])


class LoadedModel(BaseModel):
    """A model that is loaded and scores on demand."""

    forecast: str = Field(description="name of the forecast")
    target: str = Field(description="target that the model predicts")
    model_version: int | None = Field(description="version in the model registry")
    candidate: str | None = Field(description="kind of model")
    proven: bool = Field(description="true: the model passed every blocking gate")
    unproven_reason: str | None = Field(description="why the model is unproven")
    source: str | None = Field(description="source of the data on which the model was trained")
    origin: str = Field(description="where the file of the model came from")
    feature_columns: list[str] = Field(description="features in the order of the model's columns")


class TargetHealth(BaseModel):
    """How fresh one target of a forecast is."""

    target: str = Field(description="name of the target")
    newest: datetime | None = Field(description="close of the newest bar that was scored [UTC]")
    stale: bool | None = Field(description="true: a later bar should have been scored, and was not")
    model_version: int | None = Field(description="version of the model that serves by the tables")
    proven: bool | None = Field(description="whether that model passed every blocking gate")


class ForecastHealth(BaseModel):
    """How fresh a forecast is."""

    forecast: str = Field(description="name of the forecast")
    newest_bar: datetime | None = Field(description="close of the newest bar in silver [UTC]")
    newest_signal: datetime | None = Field(
        description="close of the newest bar that was scored [UTC]"
    )
    age_seconds: int | None = Field(description="seconds since `newest_signal`")
    stale: bool | None = Field(description="true: at least one of its targets is stale")
    model_version: int | None = Field(description="version of the model of its first target")
    proven: bool | None = Field(description="whether that model passed every blocking gate")
    targets: list[TargetHealth]


class Health(BaseModel):
    """Whether the API can answer, and what it reads."""

    status: Literal["ok", "degraded", "down"] = Field(
        description="`ok`, `degraded` with reasons, or `down`: nothing can be served"
    )
    reasons: list[str] = Field(description="why the status is not `ok`")
    data_source: str = Field(description="source of the data that is served")
    sample: bool | None = Field(
        description="true: the data are made up; they are of no real market"
    )
    snapshot: int | None = Field(description="number of the snapshot of the lake that is in memory")
    model_loaded: bool = Field(description="true: a model is loaded, so POST /predict can score")
    models: list[LoadedModel]
    forecasts: list[ForecastHealth]
    p99_ms: float | None = Field(
        description="time in which 99 of 100 recent requests were answered [ms]; null while too few"
    )


@router.get(
    "/health",
    response_model=Health,
    responses={503: {"model": Health, "description": "The API is down: nothing can be served"}},
)
async def health(request: Request) -> JSONResponse:
    """Tell whether the API is ok, degraded or down, and why."""
    return JSONResponse(*_health(request))


def _health(request: Request) -> tuple[dict[str, Any], int]:
    follower: Follower = request.app.state.follower
    scoring, now = request.app.state.models, request.app.state.clock()
    settings, state = request.app.state.settings, follower.state
    forecasts = [_forecast_health(n, now) for n in state.forecasts.values()] if state else []
    p99 = metrics_of(request).recent.p99()
    reasons = [public_message(follower.trouble)[0]] if follower.trouble else []
    if not follower.alive:
        reasons.append("changes of the lake are no longer followed: restart the API")
    for forecast in forecasts:
        if forecast.newest_signal is None:
            reasons.append(f"{forecast.forecast}: no bar was scored yet")
        elif forecast.stale:
            reasons.append(
                f"{forecast.forecast}: stale since the bar after {forecast.newest_signal}"
            )
        if forecast.newest_signal is not None:
            names_unscored = [part.target for part in forecast.targets if part.newest is None]
            reasons += [
                f"{forecast.forecast}: no bar was scored for the target {name}"
                for name in names_unscored
            ]
    if p99 is not None and p99 > settings.slow_ms:
        reasons.append(f"answers take {p99:.0f} ms at the 99th percentile")
    models = [_describe_model(model) for model in scoring.loaded()]
    reasons += scoring.reasons()
    answer = Health(
        status="down" if state is None else "degraded" if reasons else "ok",
        reasons=reasons,
        data_source=settings.data_source,
        sample=state.sample if state else None,
        snapshot=state.snapshot if state else None,
        model_loaded=bool(models),
        models=models,
        forecasts=forecasts,
        p99_ms=p99,
    )
    return answer.model_dump(mode="json"), 503 if state is None else 200


def _describe_model(model: Model) -> LoadedModel:
    return LoadedModel(
        forecast=model.forecast.name,
        target=model.target,
        model_version=model.version,
        candidate=model.candidate,
        proven=model.proven,
        unproven_reason=model.unproven_reason,
        source=model.source,
        origin=model.origin,
        feature_columns=list(model.scorer.description.features),
    )


def _forecast_health(newest: ForecastCache, now: float) -> ForecastHealth:
    rows = newest.newest_rows
    closes = [row["closes_at"] for row in (*newest.signals.values(), *rows.values())]
    newest_close: datetime | None = max(closes).astimezone(UTC) if closes else None
    targets = [
        _target_health(newest, name, rows.get(name), now) for name in newest.forecast.target_names
    ]
    return ForecastHealth(
        forecast=newest.forecast.name,
        newest_bar=newest.newest_bar,
        newest_signal=newest_close,
        age_seconds=None if newest_close is None else max(0, int(now - newest_close.timestamp())),
        stale=newest.stale(now),
        model_version=targets[0].model_version,
        proven=targets[0].proven,
        targets=targets,
    )


def _target_health(newest: ForecastCache, name: str, row: Row | None, now: float) -> TargetHealth:
    model = newest.models.get(name)
    return TargetHealth(
        target=name,
        newest=row["closes_at"].astimezone(UTC) if row else None,
        stale=now >= row["stale_at"].timestamp() if row else None,
        model_version=model.model_version if model else None,
        proven=model.proven if model else None,
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Return the metrics of the API for Prometheus."""
    gauges, state = metrics_of(request), request.app.state.follower.state
    now = request.app.state.clock()
    if state is not None:
        gauges.snapshot.set(state.snapshot)
        for forecast, newest in state.forecasts.items():
            for universe, signal in newest.ready.items():
                gauges.age.labels(forecast, universe).set(now - signal.closes_at)
                gauges.stale.labels(forecast, universe).set(now >= signal.stale_at)
            for gauge, rows in (
                (gauges.signal_delay, newest.signals),
                (gauges.prediction_delay, newest.newest_rows),
            ):
                for name, row in rows.items():
                    if row["delay_seconds"] is not None:
                        gauge.labels(forecast, name).set(row["delay_seconds"])
    prices: StreamPrices = request.app.state.prices
    prices.look()
    stream = prices.describe(now)["stream"]
    for name, gauge in gauges.stream.items():
        if stream is not None and stream[name] is not None:
            gauge.labels(prices.source).set(stream[name])
    for symbol, price in prices.prices.items():
        gauges.price.labels(prices.source, symbol).set(price.mid)
    return Response(generate_latest(gauges.registry), media_type=CONTENT_TYPE_LATEST)
