"""Every failure is answered in one shape, with the status that this map gives it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from pipelines.core.errors import BullionError, CheckFailed, InvalidRequest, LakeError, SourceError
from pipelines.requests.csv_file import TooManyRows
from serving.schemas.errors import (
    HIDDEN,
    SEE_LOG,
    Busy,
    ErrorBody,
    Forbidden,
    NotAcceptable,
    NotFound,
    NotYet,
    Problem,
    RetryLater,
    TooLarge,
    TooMany,
    Unauthorized,
    public_message,
)

log = logging.getLogger(__name__)


STATUS: Mapping[type[BullionError], tuple[int, str]] = {
    Unauthorized: (401, "unauthorized"),
    Forbidden: (403, "forbidden"),
    NotFound: (404, "not_found"),
    NotAcceptable: (406, "not_acceptable"),
    TooLarge: (413, "too_large"),
    TooManyRows: (413, "too_large"),
    InvalidRequest: (422, "invalid_request"),
    TooMany: (429, "too_many_requests"),
    NotYet: (503, "not_yet"),
    Busy: (503, "busy"),
    LakeError: (503, "lake_unavailable"),
    SourceError: (503, "source_unavailable"),
    CheckFailed: (503, "check_failed"),
    BullionError: (500, "internal"),
}


HINTS: Mapping[str, str] = {
    "float_type": "write a number, without quotes",
}
"""Hints for errors of pydantic, by its kind of error."""


MAX_NAMED = 10  # errors of one request that are named
KINDS_BY_STATUS = {status: kind for status, kind in STATUS.values() if status != 503}


Responses = dict[int | str, dict[str, Any]]
RETRY_AFTER = {
    "Retry-After": {
        "description": "seconds until it may work; absent where nobody knows",
        "schema": {"type": "integer"},
    }
}


def error_responses(*statuses: int) -> Responses:
    """Return the errors that a route may answer, for its documentation."""
    return {
        status: {"model": ErrorBody, "description": HTTPStatus(status).phrase}
        | ({"headers": RETRY_AFTER} if status in (429, 503) else {})
        for status in statuses
    }


ALWAYS = error_responses(400, 401, 408, 413, 429, 431, 500, 503)
"""Errors that any route may answer: bad requests, keys, slow or large ones, and failures here."""


def install_handlers(app: FastAPI) -> None:
    """Answer every failure of the app in the one shape."""
    app.add_exception_handler(BullionError, _bullion_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _disconnect)
    app.add_exception_handler(Exception, _unexpected)


def _bullion_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BullionError)
    message, hint = public_message(error)
    if message != error.message and error is not request.app.state.follower.trouble:
        log.warning("%s: %s", request.url.path, error)  # the follower has logged its own
    # The nearest ancestor in the map; BullionError itself is always there.
    status, kind = next(STATUS[k] for k in type(error).__mro__ if k in STATUS)
    headers = {"Retry-After": str(error.seconds)} if isinstance(error, RetryLater) else {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return error_response(status, kind, message, hint, headers=headers)


def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first, *other_errors = error.errors()
    hint = str(first.get("ctx", {}).get("hint", HINTS.get(first["type"], "")))
    if other_errors:
        places = ", ".join(_place(e) for e in other_errors[: MAX_NAMED - 1])
        rest = (
            f" and {len(other_errors) - MAX_NAMED + 1} more"
            if len(other_errors) >= MAX_NAMED
            else ""
        )
        hint = f"{hint}; also wrong: {places}{rest}".removeprefix("; ")
    return error_response(422, "invalid_request", first["msg"], hint or "see /docs", _place(first))


def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    kind = KINDS_BY_STATUS.get(error.status_code, kind)
    return error_response(
        error.status_code, kind, str(error.detail), "see /docs", headers=error.headers
    )


def _disconnect(_: Request, error: Exception) -> JSONResponse:
    # Nobody is there to read it: the metrics count it, and the API has not failed.
    return error_response(400, "bad_request", "the body broke off", "send the whole of it")


def _unexpected(_: Request, error: Exception) -> JSONResponse:
    # What went wrong is in the server's log; it may name files and is not for callers.
    return error_response(500, "internal", HIDDEN[BullionError], SEE_LOG)


def _place(error: Mapping[str, Any]) -> str:
    # The first part says whether it stands in the query or in the body.
    return ".".join(map(str, error["loc"][1:] or error["loc"]))[:64]


def error_response(
    status: int,
    kind: str,
    message: str,
    hint: str,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error as an answer in the one shape."""
    body = ErrorBody(error=Problem(type=kind, message=message, hint=hint, field=field))
    return JSONResponse(body.model_dump(), status, headers)
