"""Features of volume and of the gap between sessions.

Volume is what was traded; of oanda it is the count of prices. The time in the session is in
session_time.py.
"""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays
from pipelines.features.rolling import deviation, mean, percentile_rank, total


def volume_ratio(bars: int) -> Feature:
    return Feature(
        f"volume_ratio_{bars}",
        f"volume over the mean volume of the {bars} bars before",
        ("volume",),
        bars + 1,
        lambda x: x["volume"][bars:] / mean(x["volume"][:-1], bars),
        low=0,
        formula=f"v / mean(v[1], {bars})",
    )


def volume_mean(bars: int) -> Feature:
    return Feature(
        f"volume_mean_{bars}",
        f"log of one and the mean volume of the last {bars} bars",
        ("volume",),
        bars,
        lambda x: np.log1p(mean(x["volume"], bars)),
        unit="log volume",
        low=0,
        formula=f"ln(1 + mean(v, {bars}))",
    )


def volume_z_score(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        volume = x["volume"]
        values: np.ndarray = (volume[bars - 1 :] - mean(volume, bars)) / deviation(volume, bars)
        return values

    return Feature(
        f"volume_z_score_{bars}",
        f"volume less its mean over the last {bars} bars, in their deviations; missing where all "
        "are equal",
        ("volume",),
        bars,
        compute,
        unit="deviations",
        formula=f"(v - mean(v, {bars})) / sd(v, {bars})",
    )


def volume_trend(short: int, long: int) -> Feature:
    return Feature(
        f"volume_trend_{short}_{long}",
        f"mean volume of the last {short} bars over that of the last {long}",
        ("volume",),
        long,
        lambda x: mean(x["volume"], short)[long - short :] / mean(x["volume"], long),
        low=0,
        formula=f"mean(v, {short}) / mean(v, {long})",
    )


def volume_rank(bars: int) -> Feature:
    return Feature(
        f"volume_rank_{bars}",
        f"share of the {bars - 1} bars before whose volume was smaller; equal ones count half",
        ("volume",),
        bars,
        lambda x: percentile_rank(x["volume"], bars),
        unit="0 to 1",
        low=0,
        high=1,
        formula=f"rank(v, {bars})",
    )


def tick_flow(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        counts = np.log1p(total(x["volume"], bars))
        values: np.ndarray = counts[bars:] - counts[:-bars]
        return values

    last = f"the last {bars} bars" if bars > 1 else "the bar"
    before = f"the {bars} before" if bars > 1 else "the one before"
    return Feature(
        f"tick_flow_{bars}",
        f"log of one and the volume of {last}, less that of {before}",
        ("volume",),
        2 * bars,
        compute,
        unit="log volume",
        formula=f"ln((1 + sum(v, {bars})) / (1 + sum(v[{bars}], {bars})))",
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
