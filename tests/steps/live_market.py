"""Features, live predictions and outcomes of a forecast, written to the lake directly.

Each bar has a hidden number, the same for all targets: the outcome of every label follows from it,
and predictions correlate with it by a rank IC.
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
from pipelines.modeling.description import Description
from tests.models import target_of
from tests.steps.served import START

BARS = 7
CUTS = {2: (0.0,), 3: (-0.43, 0.43), 5: (-1.2, -0.5, 0.5, 1.2)}
UNIT = 0.01  # of values
ASSUMED_IC = 0.3  # the rank IC that the size of predicted values assumes, whatever the real one is

Prediction = tuple[np.ndarray, np.ndarray]  # outputs and predictions, as a model has them


def _classes(label: Label, score: np.ndarray) -> Prediction:
    """The probabilities whose expected score is `score`, and its class."""
    count = len(label.classes)
    place = np.clip(score + (count - 1) / 2, 0, count - 1)
    outputs = np.maximum(1 - np.abs(place[:, None] - np.arange(count)), 0)
    return outputs, np.searchsorted(CUTS[count], score)


def _values(label: Label, score: np.ndarray) -> Prediction:
    value = ASSUMED_IC * UNIT * score
    margin = 1.28 * UNIT * np.sqrt(1 - ASSUMED_IC**2)
    return np.stack([value, value - margin, value + margin], axis=1), value


PREDICT = {"classes": _classes, "value": _values}
TRUTH = {
    "classes": lambda label, hidden: np.searchsorted(CUTS[len(label.classes)], hidden),
    "value": lambda label, hidden: hidden * UNIT,
}


def outcome_of(label: Label, hidden: np.ndarray) -> np.ndarray:
    """The outcome in the unit of the label; never negative for a label of ranges."""
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
    symbols_of_rows = forecast.symbols[:symbols]
    ts = [at for at in opens for _ in symbols_of_rows]
    count = len(ts)
    return pa.table(
        {
            "source": [source] * count,
            "symbol": list(symbols_of_rows) * len(opens),
            "ts": pa.array(ts, UTC_TYPE),
            "closes_at": pa.array([at + timedelta(hours=1) for at in ts], UTC_TYPE),
            "known_at": pa.array([at + timedelta(hours=2) for at in ts], UTC_TYPE),
            "session": pa.array([at.date() for at in ts], pa.date32()),
            "place": pa.array([n // len(symbols_of_rows) % bars for n in range(count)], pa.int16()),
        }
    )


def write_features(
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
    """Write features and outcomes of that many days; return the keys and the hidden numbers."""
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


def write_live(
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
    """Write live predictions of a version with outcomes, from `day` days after the first training.

    Without `features` their rows are there already, written for another target.
    """
    first = START + timedelta(days=day)
    keys, hidden = write_features(
        lake, forecast, source, first=first, sessions=sessions, symbols=symbols, shift=shift,
        seed=day, write=features,
    )  # fmt: skip
    random = np.random.default_rng(day + 1000)
    score = ic * hidden + np.sqrt(1 - ic**2) * random.normal(size=len(hidden))
    label, count = target_of(forecast).label, len(score)
    answer, (outputs, predictions) = answer_of(label.kind), PREDICT[label.kind](label, score)
    truth = TRUTH[label.kind](label, hidden)
    shares = (1 / max(1, len(label.classes)),) * len(label.classes)
    description = Description(label.classes, (), (), (), shares, kind=label.kind)
    if one_class:
        truth = np.full(count, len(label.classes) // 2)
    key_columns = {
        "forecast": [forecast.name] * count,
        "target": [label.name] * count,
        "source": [source] * count,
        "symbol": keys["symbol"],
        "interval": [forecast.interval] * count,
        "ts": keys["ts"],
        "model_version": pa.array([version] * count, pa.int64()),
    }
    predicted = key_columns | {
        "closes_at": keys["closes_at"],
        "timestamp_next": keys["known_at"],
        "role": ["champion"] * count,
        "candidate": ["logistic_regression"] * count,
        **answer.columns(label, outputs, predictions, description),
        "proven": [True] * count,
        "unproven_reason": pa.nulls(count, pa.string()),
        "live": [live] * count,
        "scored_at": keys["closes_at"],
    }
    outcomes = key_columns | {
        "outcome": outcome_of(label, hidden),
        "next_return": hidden / 100,
        "actual": answer.actual(label, truth),
        "known_at": keys["known_at"],
    }
    with lake.write("live") as writer:
        writer.append("gold.predictions", pa.table(predicted))
        writer.append("gold.outcomes", pa.table(outcomes))


def write_live_signals(
    lake: Lake,
    forecast: Forecast,
    version: int,
    *,
    ic: float,
    sessions: int,
    day: int = 1,
    live: bool = True,
    universe: str = "qqq",
) -> None:
    """Write signals of a version with what the index did next, as `write_live` does predictions."""
    first = START + timedelta(days=day)
    keys = _keys(forecast, "sample", first, sessions, 1).drop_columns(["symbol", "place"])
    count, random = keys.num_rows, np.random.default_rng(day + 500)
    wss, noise = random.normal(size=(2, count))
    key_columns = {
        "forecast": [forecast.name] * count,
        "source": ["sample"] * count,
        "universe": [universe] * count,
        "interval": [forecast.interval] * count,
        "ts": keys["ts"],
    }
    signals = key_columns | {
        "index": ["QQQ"] * count,
        "instrument": ["/NQ"] * count,
        "closes_at": keys["closes_at"],
        "timestamp_next": keys["known_at"],
        "wss": np.clip(wss, -2, 2),
        "expected_wss": np.clip(wss, -2, 2) / 4,
        "signal": ["HOLD"] * count,
        "reason": ["made up"] * count,
        "coverage": [1.0] * count,
        "index_share": [0.5] * count,
        "weights_effective": keys["session"],
        "weights_partial": [False] * count,
        "model_version": pa.array([version] * count, pa.int64()),
        "proven": [True] * count,
        "unproven_reason": pa.nulls(count, pa.string()),
        "live": [live] * count,
        "scored_at": keys["closes_at"],
    }
    outcomes = key_columns | {
        "next_return": (ic * wss + np.sqrt(1 - ic**2) * noise) / 100,
        "spans_night": [False] * count,
        "origin": ["QQQ"] * count,
        "coverage": [1.0] * count,
        "known_at": keys["known_at"],
    }
    with lake.write("live signals") as writer:
        writer.append("gold.index_signals", pa.table(signals))
        writer.append("gold.index_outcomes", pa.table(outcomes))


def end_of_day(day: int) -> datetime:
    """The end of a day, counted from the first training."""
    return (START + timedelta(days=day)).astimezone(UTC).replace(hour=23)
