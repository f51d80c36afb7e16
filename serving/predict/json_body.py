"""Reading of JSON bodies: their size is checked before they become objects.

It is read in a thread and never on the event loop, and in steps that are short enough to leave the
interpreter to the loop in between.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from pipelines.core.errors import InvalidField
from serving.schemas.errors import TooLarge, as_validation
from serving.settings import Settings

Body = TypeVar("Body", bound=BaseModel)
NAMES = 1000  # in one object: more than any forecast has features
SHOWN_CHARACTERS = 64  # characters of a wrong name that an error repeats
TOO_DEEP = "the body nests objects too deeply", "send the object that /docs shows", "body"


async def _content(request: Request) -> bytes:
    """Return the body, if its content type is JSON."""
    content = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        hint = "send JSON, and the header `Content-Type: application/json`"
        error = InvalidField(
            f"the body is of the type {kind[:SHOWN_CHARACTERS]!r}, not JSON", hint, "body"
        )
        raise as_validation(error, "header")
    return content


Content = Annotated[bytes, Depends(_content)]


def read_json(content: bytes, model: type[Body], settings: Settings) -> Body:
    """Read a body of JSON into a model."""
    _check_values(content, settings.values)
    try:
        parsed = json.loads(content, object_pairs_hook=_read_object)
    except RecursionError as error:
        raise InvalidField(*TOO_DEEP) from error
    except ValueError as error:  # of JSON, of UTF-8, or of a number with thousands of digits
        raise InvalidField(f"the body is no JSON: {error}"[:300], "see /docs", "body") from error
    _check_batch(parsed, settings.batch)
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        raise RequestValidationError(
            [{**problem, "loc": ("body", *problem["loc"])} for problem in errors]
        ) from None


def _check_values(content: bytes, max_values: int) -> None:
    """Refuse more values than are taken.

    A value follows a comma or the start of an object or a list. Those within strings count too:
    no symbol, time or name of an indicator has any, and so the body need not be parsed.
    """
    marks = np.frombuffer(content, np.uint8)
    count = sum(int(np.count_nonzero(marks == mark)) for mark in b",[{")
    if count > max_values:
        raise TooLarge(
            f"the body has more than {max_values:,} values", "send fewer bars or requests at a time"
        )


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Read one object. A name that comes twice is refused: either value would be a guess."""
    if len(pairs) > NAMES:
        raise InvalidField(f"an object has {len(pairs):,} names", f"{NAMES:,} are taken", "body")
    by_name = dict(pairs)
    if len(by_name) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        name = next(name for name, count in counts.items() if count > 1)[:SHOWN_CHARACTERS]
        raise InvalidField(f"{name!r} is sent twice", "send it once", name)
    return by_name


def _check_batch(parsed: object, max_requests: int) -> None:
    requests = parsed.get("requests") if isinstance(parsed, dict) else None
    if isinstance(requests, list) and len(requests) > max_requests:
        raise TooLarge(
            f"{len(requests):,} requests are more than the {max_requests:,} taken at once",
            "send them in parts",
        )
