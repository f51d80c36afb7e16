"""Rows of a forecast as features, predictions and outcomes leave them, written directly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.calendar import UTC_TYPE
from pipelines.forecasts import Forecast
from pipelines.lake import Lake
from tests.steps.served import START

BARS = 7
CUTS = (-1.2, -0.5, 0.5, 1.2)


def _keys(
    forecast: Forecast, source: str, first: datetime, sessions: int, symbols: int
) -> pa.Table:
    opens = [
        first.replace(hour=14, minute=30) + timedelta(days=day, hours=bar)
        for day in range(sessions)
        for bar in range(BARS)
    ]
    ts = [at for at in opens for _ in range(symbols)]
    count = len(ts)
    return pa.table(
        {
            "source": [source] * count,
            "symbol": list(forecast.symbols[:symbols]) * len(opens),
            "ts": pa.array(ts, UTC_TYPE),
            "closes_at": pa.array([at + timedelta(hours=1) for at in ts], UTC_TYPE),
            "known_at": pa.array([at + timedelta(hours=2) for at in ts], UTC_TYPE),
            "session": pa.array([at.date() for at in ts], pa.date32()),
            "place": pa.array([n // symbols % BARS for n in range(count)], pa.int16()),
        }
    )


def put_features(
    lake: Lake,
    forecast: Forecast,
    source: str = "sample",
    *,
    first: datetime = START - timedelta(days=40),
    sessions: int = 30,
    symbols: int = 4,
    shift: float = 0.0,
    seed: int = 1,
) -> tuple[pa.Table, np.ndarray]:
    """Features and outcomes of so many days; the keys and the outcomes."""
    random = np.random.default_rng(seed)
    rows = _keys(forecast, source, first, sessions, symbols)
    keys, outcome = rows, random.normal(size=rows.num_rows)
    for name in forecast.feature_names:
        values = (random.normal(size=rows.num_rows) + shift).astype(np.float32)
        rows = rows.append_column(name, pa.array(values, from_pandas=True))
    rows = rows.append_column("outcome", pa.array(outcome))
    with lake.write("features") as writer:
        writer.append(forecast.table.full_name, rows)
    return keys, outcome


def put_live(
    lake: Lake,
    forecast: Forecast,
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
) -> None:
    """What a version said from `day` days after the first training on, and what became of it."""
    first = START + timedelta(days=day)
    keys, outcome = put_features(
        lake, forecast, source, first=first, sessions=sessions, symbols=symbols, shift=shift,
        seed=day,
    )  # fmt: skip
    random = np.random.default_rng(day + 1000)
    score = ic * outcome + np.sqrt(1 - ic**2) * random.normal(size=len(outcome))
    classes = np.asarray(forecast.label.classes)
    action = classes[np.searchsorted(CUTS, score)]
    actual = np.full(len(score), "hold") if one_class else classes[np.searchsorted(CUTS, outcome)]
    count = len(score)
    about = {
        "forecast": [forecast.name] * count,
        "target": [forecast.label.name] * count,
        "source": [source] * count,
        "symbol": keys["symbol"],
        "interval": [forecast.interval] * count,
        "ts": keys["ts"],
        "model_version": pa.array([version] * count, pa.int64()),
    }
    said = about | {
        "closes_at": keys["closes_at"],
        "timestamp_next": keys["known_at"],
        "role": ["champion"] * count,
        "candidate": ["logistic_regression"] * count,
        "action": action,
        "score": np.searchsorted(CUTS, score) - 2.0,
        "expected_score": score,
        "confidence": np.full(count, 0.5),
        "probabilities": pa.array(
            [[(str(action[0]), 0.5)]] * count, pa.map_(pa.string(), pa.float64())
        ),
        "proven": [True] * count,
        "unproven_reason": pa.nulls(count, pa.string()),
        "live": [live] * count,
        "scored_at": keys["closes_at"],
    }
    became = about | {
        "outcome": outcome,
        "next_return": outcome / 100,
        "actual": actual,
        "known_at": keys["known_at"],
    }
    with lake.write("live") as writer:
        writer.append("gold.predictions", pa.table(said))
        writer.append("gold.outcomes", pa.table(became))


def after(day: int) -> datetime:
    """The end of a day, counted from the first training."""
    return (START + timedelta(days=day)).astimezone(UTC).replace(hour=23)
