"""The API's own errors, and the one shape in which every failure is answered."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic_core import PydanticCustomError

from pipelines.core.errors import (
    BullionError,
    CheckFailed,
    InvalidField,
    InvalidRequest,
    LakeError,
    SourceError,
)


class ApiError(BullionError):
    """An error about the request itself: its message and hint are written for the caller."""


class NotFound(ApiError):
    """What was asked for is not there."""


class Unauthorized(ApiError):
    """A key is needed, or is not known."""


class Forbidden(ApiError):
    """Nobody may do this here."""


class NotAcceptable(ApiError):
    """None of the formats that the caller accepts can be written."""


class TooLarge(ApiError):
    """More was sent, or asked for, than is taken at once."""


class RetryLater(ApiError):
    """It may work later: `seconds` says when to ask again."""

    def __init__(self, message: str, hint: str, seconds: int) -> None:
        super().__init__(message, hint)
        self.seconds = seconds


class TooMany(RetryLater):
    """A key has asked too often."""


class NotYet(RetryLater):
    """There is nothing to answer with so far."""


class Busy(RetryLater):
    """As many requests as can be served at once are being served."""


def as_validation(error: InvalidField, place: str) -> RequestValidationError:
    """Return an error as a failed validation, which the API answers with the field's name."""
    details = {"type": "invalid_request", "loc": (place, error.field), "msg": error.message}
    return RequestValidationError([details | {"ctx": {"hint": error.hint}}])


HIDDEN: Mapping[type[BullionError], str] = {
    LakeError: "the lake cannot be read",
    SourceError: "the source of the data cannot be read",
    CheckFailed: "the data did not pass a check",
    BullionError: "the request failed",
}
"""What is answered in place of messages about this machine, which may name its paths and hosts."""
SEE_LOG = "ask the operator to see the API's log"


def public_message(error: BullionError) -> tuple[str, str]:
    """Return the message and the hint of an error for those who may not see this machine."""
    if isinstance(error, ApiError | InvalidRequest):
        return error.message, error.hint
    if error.summary:
        return error.summary, error.hint
    return next(HIDDEN[kind] for kind in type(error).__mro__ if kind in HIDDEN), SEE_LOG


class Problem(BaseModel):
    """What was wrong, and what to do next."""

    type: str = Field(description="kind of failure, one word", examples=["not_found"])
    message: str = Field(description="what was wrong")
    hint: str = Field(description="what to do next; may be empty")
    field: str | None = Field(description="parameter at fault, where there is one")


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: Problem


def refuse(error: InvalidRequest) -> PydanticCustomError:
    """Return the error as a parameter's validator raises it, which adds the parameter's name."""
    return PydanticCustomError(
        "invalid_request", "{message}", {"message": error.message, "hint": error.hint}
    )
