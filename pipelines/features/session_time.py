"""Features of the time in the session and in the week, as the calendar has them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays

SESSIONS = 5  # of a week


def place_in_session() -> Feature:
    return Feature(
        "place_in_session",
        "how far into the session the bar closes: above 0, and 1 for its last bar",
        ("place", "session_bars"),
        1,
        lambda x: (x["place"] + 1) / x["session_bars"],
        low=0,
        high=1,
        formula="(place + 1) / bars of the session",
    )


def bars_to_close() -> Feature:
    return Feature(
        "bars_to_close",
        "bars of the session that come after this one",
        ("place", "session_bars"),
        1,
        lambda x: x["session_bars"] - x["place"] - 1,
        unit="bars",
        low=0,
        formula="bars of the session - place - 1",
    )


def time_of_day() -> tuple[Feature, Feature]:
    """Return sine and cosine of the time in the session, as an angle."""
    return (
        _on_a_circle("session_sine", "sine of the time in the session", np.sin, weekly=False),
        _on_a_circle("session_cosine", "cosine of the time in the session", np.cos, weekly=False),
    )


def time_of_week() -> tuple[Feature, Feature]:
    """Return sine and cosine of the time in a week of five sessions, as an angle."""
    return (
        _on_a_circle("week_sine", "sine of the time in the week", np.sin, weekly=True),
        _on_a_circle("week_cosine", "cosine of the time in the week", np.cos, weekly=True),
    )


def _on_a_circle(
    name: str, meaning: str, function: Callable[[np.ndarray], np.ndarray], *, weekly: bool
) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        elapsed = (x["place"] + 1) / x["session_bars"]
        if weekly:
            elapsed = (x["weekday"] + elapsed) / SESSIONS
        return function(2 * np.pi * elapsed)

    angle = "(weekday + (place + 1) / bars of the session) / 5"
    if not weekly:
        angle = "(place + 1) / bars of the session"
    return Feature(
        name,
        f"{meaning}, which is one turn",
        ("place", "session_bars", *(("weekday",) if weekly else ())),
        1,
        compute,
        unit="-1 to 1",
        low=-1,
        high=1,
        formula=f"{'sin' if function is np.sin else 'cos'}(2 pi {angle})",
    )
