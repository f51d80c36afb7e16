"""Routes that score what a caller sends, and that tell of the model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile

from pipelines import words
from pipelines.errors import unknown
from pipelines.forecasts import FORECASTS, Forecast
from pipelines.forecasts import forecast as forecast_named
from serving.asked import Confidence, plain
from serving.errors import NotAcceptable, Problem, TooLarge, may, refuse
from serving.forms import ARROW, CSV, JSON, form
from serving.keys import changing, reading
from serving.scoring import predict, state, upload
from serving.scoring.errors import Refused
from serving.scoring.model import Model
from serving.scoring.predict import Series
from serving.scoring.shapes import (
    EXAMPLE_FILE,
    Bars,
    Batch,
    BatchAnswer,
    FileAnswer,
    ModelInfo,
    Prediction,
    ReloadAnswer,
)
from serving.settings import Settings

router = APIRouter(tags=["scoring"])
NAMES = [one.name for one in FORECASTS]


def _known(name: str) -> str:
    if name not in NAMES:
        raise refuse(unknown("forecast", name, NAMES))
    return name


ForecastName = Annotated[
    str,
    AfterValidator(_known),
    Query(description=words.FORECAST.meaning, json_schema_extra={"enum": NAMES}),
]


class How(BaseModel):
    """How what is sent is to be scored."""

    model_config = ConfigDict(extra="forbid")

    forecast: ForecastName = NAMES[0]
    history: Literal["sent", "stored"] = Field(
        "sent", description="stored: bars of the lake complete those sent, where they are too few"
    )
    min_confidence: Confidence = None


async def _ready() -> state.State:
    """The models, once they were looked for."""
    found = state.current()
    if not found.looked.is_set():
        await run_in_threadpool(found.looked.wait, 10)
    return found


Served = Annotated[state.State, Depends(_ready)]


def _settings(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


@contextmanager
def _refusing(place: str = "body") -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise error.at(place) from error


def _since(start: float) -> float:
    return round(1000 * (time.perf_counter() - start), 3)


@router.post("/predict", response_model=Prediction, responses=may(422), dependencies=[reading])
async def predict_newest(
    request: Request, served: Served, sent: Bars, how: Annotated[How, Query()]
) -> Response:
    """What the model says of the newest of the bars that are sent."""
    start = time.perf_counter()
    model, most = served.model(forecast_named(how.forecast)), _settings(request).bars
    with _refusing():
        if how.history == "stored":
            series = await run_in_threadpool(_completed, served, model, sent, most)
        else:
            series = predict.series_of(model, sent, datetime.now(UTC), None, most)
        ((row, said, after),) = predict.newest(model, [series])
        made = predict.prediction(model, series, row, said, how.min_confidence, after)
    taken = time.perf_counter() - start
    served.recent.took(taken)
    return plain(made | {"latency_ms": round(1000 * taken, 3)})


def _completed(served: state.State, model: Model, sent: Bars, most: int) -> Series:
    with served.view() as view:
        return predict.series_of(model, sent, datetime.now(UTC), view, most)


@router.post(
    "/predict/batch", response_model=BatchAnswer, responses=may(422), dependencies=[reading]
)
async def predict_many(
    request: Request, served: Served, sent: Batch, how: Annotated[How, Query()]
) -> Response:
    """The same for many requests at once, each with its own result or error, all by one model."""
    start, limits = time.perf_counter(), _settings(request)
    if len(sent.requests) > limits.batch:
        raise TooLarge(
            f"{len(sent.requests):,} requests are more than the {limits.batch:,} taken at once",
            "send them in parts",
        )
    model = served.model(forecast_named(how.forecast))
    made = await run_in_threadpool(_many, served, model, sent.requests, how, limits.bars)
    return plain(made | {"latency_ms": _since(start)})


def _many(
    served: state.State, model: Model, sent: list[Bars], how: How, most: int
) -> dict[str, Any]:
    now = datetime.now(UTC)
    results: list[dict[str, Any]] = [
        {"index": place, "prediction": None, "error": None} for place in range(len(sent))
    ]
    good: dict[int, Series] = {}
    # One snapshot for all of them.
    with served.view() if how.history == "stored" else nullcontext() as view:
        for place, one in enumerate(sent):
            try:
                good[place] = predict.series_of(model, one, now, view, most)
            except Refused as error:
                results[place]["error"] = _problem(error)
    if good:
        many = list(good.values())
        found = zip(good, many, predict.newest(model, many), strict=True)
        for place, series, (row, said, after) in found:
            start = time.perf_counter()
            try:
                made = predict.prediction(model, series, row, said, how.min_confidence, after)
                results[place]["prediction"] = made | {"latency_ms": _since(start)}
            except Refused as error:
                results[place]["error"] = _problem(error)
    scored = sum(one["prediction"] is not None for one in results)
    return predict.marks(model) | {"results": results, "scored": scored}


def _problem(error: Refused) -> dict[str, object]:
    return Problem(
        type="invalid_request", message=error.message, hint=error.hint, field=error.field
    ).model_dump()


CSV_BODY = {"schema": {"type": "string"}, "example": EXAMPLE_FILE}
FORM_BODY = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}},
    }
}


@router.post(
    "/predict_batch",
    response_model=FileAnswer,
    responses=may(406, 422)
    | {200: {"content": {CSV: {"schema": {"type": "string"}}}, "description": "a row a row"}},
    dependencies=[reading],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {CSV: CSV_BODY, "multipart/form-data": FORM_BODY},
        }
    },
)
async def predict_file(
    request: Request,
    served: Served,
    forecast: ForecastName = NAMES[0],
    symbol: Annotated[
        str | None,
        Query(max_length=32, description="of all rows, where the file has no such column"),
    ] = None,
    min_confidence: Confidence = None,
) -> Response:
    """A CSV of bars, as the body or as the field `file`: a row out for every row in.

    Columns: open, high, low, close, and symbol, ts and volume where there are. Rows without a
    prediction say why. The answer is JSON, or CSV where `Accept` says text/csv.
    """
    start, limits = time.perf_counter(), _settings(request)
    wanted = form(request.headers.get("accept"))
    if wanted == ARROW:
        raise NotAcceptable("rows of a file are not answered as Arrow", f"accept {JSON} or {CSV}")
    content = await _content(request)
    if len(content) > limits.body_bytes:
        raise TooLarge(
            f"the file has {len(content):,} bytes, {limits.body_bytes:,} are taken",
            "send it in parts",
        )
    model = served.model(forecast_named(forecast))
    with _refusing():
        sheet = await run_in_threadpool(_file, model, content, symbol, limits.rows)
    if wanted == CSV:
        text = await run_in_threadpool(upload.as_csv, model, sheet.lines, min_confidence)
        return Response(
            text.encode(),
            media_type=CSV,
            headers={
                "content-disposition": 'attachment; filename="predictions.csv"',
                "cache-control": "no-store",
                "x-content-type-options": "nosniff",
            },
        )
    answer = await run_in_threadpool(upload.as_json, model, sheet, min_confidence)
    return plain(answer | {"latency_ms": _since(start)})


async def _content(request: Request) -> bytes:
    if not request.headers.get("content-type", "").lower().startswith("multipart/"):
        return await request.body()
    async with request.form(max_files=1, max_fields=10) as sent:
        found = sent.get("file")
        if isinstance(found, UploadFile):
            return await found.read()
    raise Refused("the form has no file", "send it as the field `file`", "file").at("body")


def _file(model: Model, content: bytes, symbol: str | None, most: int) -> upload.Sheet:
    sheet = upload.read(content, most)
    upload.score(model, sheet, symbol, datetime.now(UTC))
    return sheet


@router.get("/model-info", response_model=ModelInfo, responses=may(422), dependencies=[reading])
async def model_info(served: Served, forecast: ForecastName = NAMES[0]) -> Response:
    """The model that serves, and what is known of it."""
    model = served.model(forecast_named(forecast))
    told, label, more = model.scorer.description, model.forecast.label, model.more
    return plain(
        predict.marks(model)
        | {
            "candidate": model.candidate,
            "verdict": more.get("verdict"),
            "reason": more.get("reason"),
            "as_of": model.as_of,
            "decided_at": more.get("decided_at"),
            "gates": more.get("gates", []),
            "rankings": more.get("rankings", []),
            "data_snapshot": more.get("data_snapshot"),
            "definition": model.forecast.definition,
            "sha256": model.sha256,
            "classes": told.classes,
            "scores": label.scores,
            "thresholds": told.thresholds,
            "shares": told.shares,
            "features": told.features,
            "symbols": told.symbols,
            "untrained": told.untrained,
            "interval": model.forecast.interval,
            "look_back": model.forecast.look_back,
            "calendar": model.market.name,
            "origin": model.origin,
            "instead_of": model.instead_of or None,
        }
    )


@router.post(
    "/reload-model",
    response_model=ReloadAnswer,
    responses=may(403, 422),
    dependencies=[changing],
)
def reload_model(served: Served, forecast: ForecastName = NAMES[0]) -> Response:
    """Take the model that is decided on now; on failure the old one stays, and why is told."""
    wanted: Forecast = forecast_named(forecast)
    done = served.reload(wanted)
    return plain(
        {
            "forecast": wanted.name,
            "changed": done.changed,
            "before": done.before,
            "model_version": done.model.version,
            "sha256": done.model.sha256,
            "proven": done.model.proven,
            "unproven_reason": done.model.unproven_reason,
        }
    )
