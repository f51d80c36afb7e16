"""Features between markets: the own bars beside those of another symbol, as known at each close."""

from __future__ import annotations

import re

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.inputs import Reference, Subject
from pipelines.features.panel import Arrays
from pipelines.features.rolling import deviation, mean, total


def column_prefix(subject: Subject) -> str:
    """Return the beginning of the names of a subject's features: qqq, vix."""
    return re.sub(r"[^a-z0-9]+", "_", subject.name.lower()).strip("_")


def return_of(other: Subject, bars: int) -> Feature:
    logs = other.log_close
    return Feature(
        f"{column_prefix(other)}_return_{bars}",
        f"log-return of {other.name} over the last {bars} bars",
        (logs,),
        bars + 1,
        lambda x: x[logs.name][bars:] - x[logs.name][:-bars],
        unit="log price",
    )


def relative_return(other: Subject, bars: int) -> Feature:
    """The spread of two returns over the same bars."""
    logs = other.log_close

    def compute(x: Arrays) -> np.ndarray:
        ratio = x["log_close"] - x[logs.name]
        spreads: np.ndarray = ratio[bars:] - ratio[:-bars]
        return spreads

    return Feature(
        f"{column_prefix(other)}_relative_{bars}",
        f"log-return of the last {bars} bars less that of {other.name}",
        ("log_close", logs),
        bars + 1,
        compute,
        unit="log price",
    )


def ratio_gap(other: Subject, bars: int) -> Feature:
    """The ratio of two prices against its own mean: scale-free, so splits do not matter."""
    logs = other.log_close

    def compute(x: Arrays) -> np.ndarray:
        ratio = x["log_close"] - x[logs.name]
        gaps: np.ndarray = ratio[bars - 1 :] - mean(ratio, bars)
        return gaps

    return Feature(
        f"{column_prefix(other)}_ratio_gap_{bars}",
        f"log of the close over {other.name}'s, less its mean over the last {bars} bars",
        ("log_close", logs),
        bars,
        compute,
        unit="log price",
    )


def correlation(other: Subject, bars: int) -> Feature:
    logs = other.log_close

    def compute(x: Arrays) -> np.ndarray:
        own, others = np.diff(x["log_close"]), np.diff(x[logs.name])
        product = total(own * others, bars) - total(own, bars) * total(others, bars) / bars
        size = (bars - 1) * deviation(own, bars) * deviation(others, bars)
        correlations: np.ndarray = np.clip(product / size, -1, 1)
        return correlations

    return Feature(
        f"{column_prefix(other)}_correlation_{bars}",
        f"correlation of the last {bars} log-returns with those of {other.name}",
        ("log_close", logs),
        bars + 1,
        compute,
        unit="correlation",
        low=-1,
        high=1,
    )


def level(reference: Reference, name: str) -> Feature:
    """The value itself, for what has no trend: an index of volatility, a rate."""
    return Feature(
        name,
        f"newest {reference.name} known at the close",
        (reference,),
        1,
        lambda x: x[reference.name],
        unit=reference.column,
    )


def level_gap(other: Subject, bars: int) -> Feature:
    logs = other.log_close
    return Feature(
        f"{column_prefix(other)}_gap_{bars}",
        f"log of {other.name}'s close less its mean over the last {bars} bars",
        (logs,),
        bars,
        lambda x: x[logs.name][bars - 1 :] - mean(x[logs.name], bars),
        unit="log price",
    )


def is_there(reference: Reference) -> Feature:
    """Whether a reference has a value: the companion of a feature with a neutral one."""
    name = re.sub(r"[^a-z0-9]+", "_", reference.name.lower()).strip("_")
    return Feature(
        f"has_{name}",
        f"1 where {reference.name} has a value that is known and not too old, else 0",
        (reference,),
        1,
        lambda x: np.isfinite(x[reference.name]).astype(np.float64),
        low=0,
        high=1,
        formula=f"1 where {reference.column} is there, else 0",
        is_flag=True,
    )
