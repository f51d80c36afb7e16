"""A forecast whose features read beside its own bars: QQQ's bars, and a dataset of the tests'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.contracts import columns
from pipelines.contracts.schema import Column, Table
from pipelines.core.calendar import UTC_TYPE
from pipelines.features import Feature
from pipelines.features.inputs import Dataset, Subject, bars
from pipelines.features.intermarket import correlation, is_there, level, relative_return
from pipelines.features.returns import log_return
from pipelines.forecasts import NASDAQ100_HOURLY, Forecast
from pipelines.forecasts.tables import FEATURE_TABLES
from pipelines.lake import Lake
from tests.empty_lake import at, create_lake

MOODS_TABLE = Table(
    "gold",
    "moods",
    "A mood of a topic, with later versions of the same time",
    (
        columns.SOURCE,
        Column("topic", "VARCHAR", "what it is about"),
        Column("ended_at", "TIMESTAMPTZ", "end of the time that it is about", "UTC"),
        columns.KNOWN_AT,
        Column("mood", "DOUBLE", "how good it is"),
        columns.BATCH,
    ),
    key=("source", "topic", "ended_at", "known_at"),
)
MOODS = Dataset("moods", "gold.moods", "topic", "ended_at", "known_at", ("mood",))
QQQ, MOOD = bars("QQQ", timedelta(days=4)), Subject(MOODS, "oil", timedelta(hours=3))
FEATURES: tuple[Feature, ...] = (
    log_return(1),
    relative_return(QQQ, 3),
    correlation(QQQ, 5),
    replace(level(MOOD.mood, "mood"), neutral=0.0),
    is_there(MOOD.mood),
    replace(relative_return(QQQ, 1), name="spread", neutral=0.5),
    is_there(QQQ.log_close),
)
BESIDE = Forecast(
    name="beside_hourly",
    meaning="What lies beside the bars of two companies",
    universe="nasdaq100",
    interval="1h",
    features=FEATURES,
    targets=(replace(NASDAQ100_HOURLY.targets[0], combinations=()),),
)


@contextmanager
def companion_lake(folder: Path) -> Iterator[Lake]:
    """A lake that has the tables of this forecast, too."""
    create_lake(at(folder)).close()
    tables = (*FEATURE_TABLES, BESIDE.table, MOODS_TABLE)
    with Lake(at(folder), feature_tables=tables) as lake:
        yield lake


def write_moods(
    lake: Lake, name: str, moods: list[tuple[datetime, datetime, float]], topic: str = "oil"
) -> None:
    """Write moods: the end of the time they are about, when they were known, and their value."""
    ended, known, values = zip(*moods, strict=True)
    rows = pa.table(
        {
            "source": [name] * len(moods),
            "topic": [topic] * len(moods),
            "ended_at": pa.array(ended, UTC_TYPE),
            "known_at": pa.array(known, UTC_TYPE),
            "mood": np.array(values, np.float64),
        }
    )
    with lake.write("moods") as writer:
        writer.append("gold.moods", rows)
