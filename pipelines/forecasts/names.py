"""Names in the declaration of a forecast: what each must be, and that none stands twice."""

from __future__ import annotations

import re

from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import universe


def check_name(name: str, what: str, becomes: str) -> None:
    """Refuse a name that cannot be part of the names that follow from it."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise InvalidRequest(
            f"{name!r} cannot name {what}",
            f"use small letters, digits and _: it becomes {becomes}",
        )


def check_universe(forecast: str, name: str) -> None:
    """Say which forecast it is that names a universe that there is not."""
    try:
        universe(name)
    except InvalidRequest as error:
        raise InvalidRequest(f"the forecast {forecast}: {error.message}", error.hint) from None


def refuse_repetition(beginning: str, names: tuple[str, ...]) -> None:
    """Refuse a name that stands twice in a list; `beginning` begins the error."""
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest(f"{beginning} {name} twice", "take one away")
