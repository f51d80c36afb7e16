"""Times and numbers that callers send, read as the documentation says and in no other way.

Pydantic by itself takes a number for seconds since 1970, true for 1 and 1_0 for 10. For true and
false it takes words such as 1, on and yes too: they mean nothing else, and may.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Strict

from pipelines.core.errors import InvalidRequest
from pipelines.requests.written import HOW, NUMBER
from serving.schemas.errors import refuse

DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(?P<zone>Z|[+-]\d\d:\d\d)?", re.ASCII
)
SHOWN_CHARACTERS = 40  # characters of a wrong value that an answer repeats


def read_date_time(value: object) -> datetime:
    """Read a date-time of RFC 3339; seconds may be left out, and a space may stand for the T."""
    text = repr(value)[:SHOWN_CHARACTERS] if isinstance(value, str | int | float) else "this"
    match = DATE_TIME.fullmatch(value.upper()) if isinstance(value, str) else None
    if match is None:
        raise refuse(InvalidRequest(f"{text} is no date-time", f"{HOW}; in an address + is %2B"))
    if match["zone"] is None:
        raise refuse(InvalidRequest(f"{text} names no timezone", HOW))
    try:
        return datetime.fromisoformat(match[0])
    except ValueError as error:
        raise refuse(InvalidRequest(f"{text} is no date-time: {error}", HOW)) from None


def check_number(value: object) -> object:
    """Return a query value, unless it is text that is not written as a plain number."""
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        raise refuse(
            InvalidRequest(f"{value[:SHOWN_CHARACTERS]!r} is no number", "write it as 1000 or 0.6")
        )
    return value


DateTime = Annotated[AwareDatetime, BeforeValidator(read_date_time)]
"""An instant with its zone, in a query or in JSON."""

QueryNumber = BeforeValidator(check_number)
"""Before a number that comes in a query."""

JsonNumber = Annotated[float, Strict()]
"""A number in JSON: neither text nor true."""
