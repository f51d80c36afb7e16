"""Rows of a forecast as features, predictions and outcomes leave them, written directly.

Behind each bar stands a number that nobody knows, the same for all targets: what the label says
became of it follows, and what is said of it hangs on it by a rank IC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE
from pipelines.forecasts import Forecast, TargetForecast
from pipelines.labels import Label
from pipelines.lake import Lake
from pipelines.modeling.answers import answer_of
from tests.models import target_of
from tests.steps.served import START

BARS = 7
CUTS = {3: (-0.43, 0.43), 5: (-1.2, -0.5, 0.5, 1.2)}
UNIT = 0.01  # of values
BELIEVED = 0.3  # the rank IC that values are said by, whatever theirs is

Given = tuple[np.ndarray, np.ndarray]  # given and said, as a model has them


def _classes(label: Label, score: np.ndarray) -> Given:
    """The probabilities whose expected score it is, and its class."""
    count = len(label.classes)
    place = np.clip(score + (count - 1) / 2, 0, count - 1)
    given = np.maximum(1 - np.abs(place[:, None] - np.arange(count)), 0)
    return given, np.searchsorted(CUTS[count], score)


def _values(label: Label, score: np.ndarray) -> Given:
    value = BELIEVED * UNIT * score
    reach = 1.28 * UNIT * np.sqrt(1 - BELIEVED**2)
    return np.stack([value, value - reach, value + reach], axis=1), value


SPOKEN = {"classes": _classes, "value": _values}
BECAME = {
    "classes": lambda label, hidden: np.searchsorted(CUTS[len(label.classes)], hidden),
    "value": lambda label, hidden: hidden * UNIT,
}


def outcome_of(label: Label, hidden: np.ndarray) -> np.ndarray:
    """In a value's unit, in an action's, or never below nothing, as ranges are."""
    if not label.scores:
        return hidden * UNIT
    return hidden if label.scores[0] < 0 else np.exp(hidden)


def _keys(
    forecast: Forecast | TargetForecast, source: str, first: datetime, sessions: int, symbols: int
) -> pa.Table:
    bars = 1 if forecast.bar.minutes is None else BARS
    opens = [
        first.replace(hour=14, minute=30) + timedelta(days=day, hours=bar)
        for day in range(sessions)
        for bar in range(bars)
    ]
    named = forecast.symbols[:symbols]
    ts = [at for at in opens for _ in named]
    count = len(ts)
    return pa.table(
        {
            "source": [source] * count,
            "symbol": list(named) * len(opens),
            "ts": pa.array(ts, UTC_TYPE),
            "closes_at": pa.array([at + timedelta(hours=1) for at in ts], UTC_TYPE),
            "known_at": pa.array([at + timedelta(hours=2) for at in ts], UTC_TYPE),
            "session": pa.array([at.date() for at in ts], pa.date32()),
            "place": pa.array([n // len(named) % bars for n in range(count)], pa.int16()),
        }
    )


def put_features(
    lake: Lake,
    forecast: Forecast | TargetForecast,
    source: str = "sample",
    *,
    first: datetime = START - timedelta(days=40),
    sessions: int = 30,
    symbols: int = 4,
    shift: float = 0.0,
    seed: int = 1,
    write: bool = True,
) -> tuple[pa.Table, np.ndarray]:
    """Features and outcomes of so many days; the keys and what stands behind each bar."""
    random = np.random.default_rng(seed)
    keys = _keys(forecast, source, first, sessions, symbols)
    hidden, rows = random.normal(size=keys.num_rows), keys.drop_columns("known_at")
    for name in forecast.feature_names:
        values = (random.normal(size=rows.num_rows) + shift).astype(np.float32)
        rows = rows.append_column(name, pa.array(values, from_pandas=True))
    targets = forecast.targets if isinstance(forecast, Forecast) else forecast.forecast.targets
    for target in targets:
        rows = rows.append_column(target.outcome, pa.array(outcome_of(target.label, hidden)))
        rows = rows.append_column(target.known_at, keys["known_at"])
    if write:
        with lake.write("features") as writer:
            writer.append(forecast.table.full_name, rows)
    return keys, hidden


def put_live(
    lake: Lake,
    forecast: Forecast | TargetForecast,
    version: int,
    source: str = "sample",
    *,
    ic: float,
    sessions: int,
    day: int = 1,
    symbols: int = 10,
    live: bool = True,
    shift: float = 0.0,
    one_class: bool = False,
    features: bool = True,
) -> None:
    """What a version said from `day` days after the first training on, and what became of it.

    Without `features` their rows are there already, put for another target.
    """
    first = START + timedelta(days=day)
    keys, hidden = put_features(
        lake, forecast, source, first=first, sessions=sessions, symbols=symbols, shift=shift,
        seed=day, write=features,
    )  # fmt: skip
    random = np.random.default_rng(day + 1000)
    score = ic * hidden + np.sqrt(1 - ic**2) * random.normal(size=len(hidden))
    label, count = target_of(forecast).label, len(score)
    answer, (given, said) = answer_of(label.kind), SPOKEN[label.kind](label, score)
    truth = BECAME[label.kind](label, hidden)
    if one_class:
        truth = np.full(count, len(label.classes) // 2)
    about = {
        "forecast": [forecast.name] * count,
        "target": [label.name] * count,
        "source": [source] * count,
        "symbol": keys["symbol"],
        "interval": [forecast.interval] * count,
        "ts": keys["ts"],
        "model_version": pa.array([version] * count, pa.int64()),
    }
    told = about | {
        "closes_at": keys["closes_at"],
        "timestamp_next": keys["known_at"],
        "role": ["champion"] * count,
        "candidate": ["logistic_regression"] * count,
        **answer.columns(label, given, said),
        "proven": [True] * count,
        "unproven_reason": pa.nulls(count, pa.string()),
        "live": [live] * count,
        "scored_at": keys["closes_at"],
    }
    became = about | {
        "outcome": outcome_of(label, hidden),
        "next_return": hidden / 100,
        "actual": answer.actual(label, truth),
        "known_at": keys["known_at"],
    }
    with lake.write("live") as writer:
        writer.append("gold.predictions", pa.table(told))
        writer.append("gold.outcomes", pa.table(became))


def after(day: int) -> datetime:
    """The end of a day, counted from the first training."""
    return (START + timedelta(days=day)).astimezone(UTC).replace(hour=23)
