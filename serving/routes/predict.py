"""Routes that score what a caller sends, with the models of all targets of a forecast.

Each route exists twice: with the forecast in its path, and with the forecast as a parameter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipelines.contracts import columns as columns
from pipelines.core.errors import InvalidField, InvalidRequest, unknown
from pipelines.forecasts import FORECASTS
from pipelines.forecasts import forecast as forecast_named
from pipelines.lake import View
from pipelines.requests import csv_file, file_scoring, file_table
from pipelines.requests.model import Models
from serving.http.dependencies import (
    Confidence,
    ForecastInPath,
    check_policy,
    json_response,
    routers,
)
from serving.http.errors import error_responses
from serving.http.formats import ARROW, CSV, CSV_HEADERS, JSON, csv_headers, preferred_format
from serving.http.turns import Turns
from serving.predict import file_answers, predictions, request_features
from serving.predict.form import extract_file
from serving.predict.json_body import Content, read_json
from serving.schemas.errors import NotAcceptable, NotFound, Problem, as_validation, refuse
from serving.schemas.scoring import (
    EXAMPLE_FILE,
    BatchAnswer,
    BatchRequest,
    FileAnswer,
    Prediction,
    ScoreRequest,
)
from serving.settings import Settings
from serving.state.model_loader import ModelLoader

router, forecast_router = routers("scoring")
NAMES = [forecast.name for forecast in FORECASTS]


def _known_forecast(name: str) -> str:
    if name not in NAMES:
        raise refuse(unknown("forecast", name, NAMES))
    return name


ForecastName = Annotated[
    str,
    AfterValidator(_known_forecast),
    Query(description=columns.FORECAST.meaning, json_schema_extra={"enum": NAMES}),
]


class ScoringOptions(BaseModel):
    """How a request is scored."""

    model_config = ConfigDict(extra="forbid")

    history: Literal["sent", "stored"] = Field(
        "sent",
        description="`stored`: bars of the lake complete the sent ones where these are too few",
    )
    min_confidence: Confidence = None


class ForecastScoringOptions(ScoringOptions):
    """How a request is scored, and by which forecast."""

    forecast: ForecastName = NAMES[0]


async def ready_loader(request: Request) -> ModelLoader:
    """Return the loaded models, after the first look for them has ended."""
    models: ModelLoader = request.app.state.models
    if not models.looked.is_set():
        await run_in_threadpool(models.looked.wait, 10)
    return models


Loader = Annotated[ModelLoader, Depends(ready_loader)]


async def _path_models(name: ForecastInPath, loader: Loader) -> Models:
    """Return the models of the forecast that the path names."""
    try:
        forecast = forecast_named(name)
    except InvalidRequest as error:
        raise NotFound(error.message, error.hint) from error
    return loader.models(forecast)


ForecastModels = Annotated[Models, Depends(_path_models)]


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


@contextmanager
def _refuse_fields_of(place: str = "body") -> Iterator[None]:
    try:
        yield
    except InvalidField as error:
        raise as_validation(error, place) from error


def json_body(kind: type[BaseModel]) -> dict[str, Any]:
    """Document the body of a route that reads it by itself."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def _milliseconds_since(start: float) -> float:
    return round(1000 * (time.perf_counter() - start), 3)


# -- one request


@forecast_router.post(
    "/predict",
    response_model=Prediction,
    responses=error_responses(403, 404, 422),
    openapi_extra=json_body(ScoreRequest),
)
async def predict_here(
    request: Request,
    loader: Loader,
    models: ForecastModels,
    content: Content,
    options: Annotated[ScoringOptions, Query()],
) -> Response:
    """Predict all targets from the bars or the indicators that are sent.

    Of bars, the newest one is scored; the others are the past that its features need.
    """
    return await _predict(request, loader, models, content, options)


@router.post(
    "/predict",
    response_model=Prediction,
    responses=error_responses(403, 422),
    openapi_extra=json_body(ScoreRequest),
)
async def predict_newest(
    request: Request,
    loader: Loader,
    content: Content,
    options: Annotated[ForecastScoringOptions, Query()],
) -> Response:
    """Predict all targets from the bars or the indicators that are sent.

    Of bars, the newest one is scored. The query names the forecast.
    """
    models = loader.models(forecast_named(options.forecast))
    return await _predict(request, loader, models, content, options)


async def _predict(
    request: Request, loader: ModelLoader, models: Models, content: bytes, options: ScoringOptions
) -> Response:
    start, limits = time.perf_counter(), _settings(request)
    check_policy(models.forecast, options.min_confidence)

    def work() -> Response:
        body = read_json(content, ScoreRequest, limits)
        (result,) = _score_all(loader, models, [body], options, limits.bars)
        if isinstance(result, InvalidField):
            raise result
        seconds = time.perf_counter() - start
        loader.recent.add(seconds)
        return json_response(result | {"latency_ms": round(1000 * seconds, 3)})

    return await _in_turn(request.app.state.predictions, work)


async def _in_turn(turns: Turns, work: Callable[[], Response]) -> Response:
    """Read and score a body in a thread, so that neither holds up the event loop."""
    async with turns.turn():
        with _refuse_fields_of():
            return await run_in_threadpool(work)


def _score_all(
    loader: ModelLoader,
    models: Models,
    bodies: Sequence[ScoreRequest],
    options: ScoringOptions,
    max_bars: int,
) -> list[predictions.Row | InvalidField]:
    """Return the prediction or the error of each request, all from one snapshot."""
    complete = options.history == "stored"
    with _view_for(loader, models, complete) as view:
        rows = request_features.build_feature_rows(
            models, bodies, datetime.now(UTC), view, max_bars, complete
        )
    good = [row for row in rows if not isinstance(row, InvalidField)]
    answers = iter(
        predictions.build_predictions(models, good, options.min_confidence) if good else ()
    )
    return [row if isinstance(row, InvalidField) else next(answers) for row in rows]


def _view_for(
    loader: ModelLoader, models: Models, needed: bool = False
) -> AbstractContextManager[View | None]:
    """Open a view of the lake where a request needs one: for what features read beside its bars."""
    return loader.view() if needed or models.forecast.references else nullcontext()


# -- several requests


@router.post(
    "/predict/batch",
    response_model=BatchAnswer,
    responses=error_responses(403, 422),
    openapi_extra=json_body(BatchRequest),
)
async def predict_many(
    request: Request,
    loader: Loader,
    content: Content,
    options: Annotated[ForecastScoringOptions, Query()],
) -> Response:
    """Predict for several requests at once, each with a result or an error of its own.

    The same models answer all of them; the query names the forecast.
    """
    start, limits = time.perf_counter(), _settings(request)
    models = loader.models(forecast_named(options.forecast))
    check_policy(models.forecast, options.min_confidence)

    def work() -> Response:
        body = read_json(content, BatchRequest, limits)
        answers = _score_all(loader, models, body.requests, options, limits.bars)
        milliseconds = _milliseconds_since(start)
        results = [
            {"index": place} | _result(answer, milliseconds) for place, answer in enumerate(answers)
        ]
        summary = {
            "models": predictions.describe_models(models),
            "results": results,
            "scored": sum(result["prediction"] is not None for result in results),
            "latency_ms": milliseconds,
        }
        return json_response(predictions.build_marks(models) | summary)

    return await _in_turn(request.app.state.batches, work)


def _result(answer: predictions.Row | InvalidField, milliseconds: float) -> dict[str, Any]:
    if not isinstance(answer, InvalidField):
        return {"prediction": answer | {"latency_ms": milliseconds}, "error": None}
    problem = Problem(
        type="invalid_request", message=answer.message, hint=answer.hint, field=answer.field
    )
    return {"prediction": None, "error": problem.model_dump()}


# -- a file

CSV_BODY = {"schema": {"type": "string"}, "example": EXAMPLE_FILE}
FORM_BODY = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}},
    }
}
FILE: dict[str, Any] = {
    "response_model": FileAnswer,
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {CSV: CSV_BODY, "multipart/form-data": FORM_BODY},
        }
    },
}
ROWS = error_responses(403, 406, 422) | {
    200: {
        "content": {CSV: {"schema": {"type": "string"}}},
        "description": "A row for each row of the file",
        "headers": CSV_HEADERS,
    }
}
OfAllRows = Annotated[
    str | None,
    Query(max_length=32, description="symbol of all rows, where the file has no column for it"),
]


@forecast_router.post("/predict_batch", responses=error_responses(404) | ROWS, **FILE)
async def predict_file_here(
    request: Request,
    loader: Loader,
    models: ForecastModels,
    symbol: OfAllRows = None,
    min_confidence: Confidence = None,
) -> Response:
    """Predict every row of a CSV file of bars or of indicators.

    The file is the body, or the field `file` of a form. Bars have the columns open, high, low and
    close, and may have symbol, ts and volume; indicators have a column for every feature. The
    answer has a row for each row of the file; a row without a prediction says why. It is JSON, or
    CSV with columns for each target where the header `Accept` is text/csv.
    """
    return await _predict_file(request, loader, models, symbol, min_confidence)


@router.post("/predict_batch", responses=ROWS, **FILE)
async def predict_file(
    request: Request,
    loader: Loader,
    forecast: ForecastName = NAMES[0],
    symbol: OfAllRows = None,
    min_confidence: Confidence = None,
) -> Response:
    """Predict every row of a CSV file; the query names the forecast.

    The file and the answer are as for POST /forecasts/{name}/predict_batch.
    """
    models = loader.models(forecast_named(forecast))
    return await _predict_file(request, loader, models, symbol, min_confidence)


async def _predict_file(
    request: Request,
    loader: ModelLoader,
    models: Models,
    symbol: str | None,
    min_confidence: float | None,
) -> Response:
    start, limits = time.perf_counter(), _settings(request)
    check_policy(models.forecast, min_confidence)
    media_type = preferred_format(request.headers.get("accept"))
    if media_type == ARROW:
        raise NotAcceptable("rows of a file are not answered as Arrow", f"accept {JSON} or {CSV}")
    content = await request.body()
    kind = request.headers.get("content-type", "")

    def work() -> Response:
        file = csv_file.read_csv(extract_file(content, kind), limits.rows, models.forecast)
        with _view_for(loader, models) as view:
            file_scoring.score_file(models, file, symbol, datetime.now(UTC), view)
        if media_type == CSV:
            marks = predictions.build_marks(models, file.notices)
            return _csv_attachment(file_table.write_csv(models, file.lines, min_confidence), marks)
        return json_response(
            file_answers.build_json(models, file, min_confidence)
            | {"latency_ms": _milliseconds_since(start)}
        )

    return await _in_turn(request.app.state.batches, work)


def _csv_attachment(text: str, marks: Mapping[str, Any]) -> Response:
    return Response(
        text.encode(),
        media_type=CSV,
        headers=csv_headers(marks)
        | {
            "content-disposition": 'attachment; filename="predictions.csv"',
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        },
    )
