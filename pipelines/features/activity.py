"""Features of traded volume and of the time in the session."""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays
from pipelines.features.rolling import mean


def volume_ratio(bars: int) -> Feature:
    return Feature(
        f"volume_ratio_{bars}",
        f"volume over the mean volume of the {bars} bars before",
        ("volume",),
        bars + 1,
        lambda x: x["volume"][bars:] / mean(x["volume"][:-1], bars),
        low=0,
    )


def overnight_gap() -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        gap = np.log(x["open"][1:] / x["close"][:-1])
        gaps: np.ndarray = np.where(x["session_start"][1:], gap, 0.0)
        return gaps

    return Feature(
        "overnight_gap",
        "log of a session's first open over the close before it; 0 in later bars",
        ("open", "close", "session_start"),
        2,
        compute,
        unit="log price",
    )


def place_in_session() -> Feature:
    return Feature(
        "place_in_session",
        "how far into the session the bar closes: above 0, and 1 for its last bar",
        ("place", "session_bars"),
        1,
        lambda x: (x["place"] + 1) / x["session_bars"],
        low=0,
        high=1,
    )
