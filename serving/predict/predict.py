"""From features to what the models of all targets say of them, and how that is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import spans_night
from pipelines.modeling.answers import answer_of
from pipelines.scoring.predict import next_closes, say
from serving.schemas.errors import Refused
from serving.state.kinds import KINDS, NOTHING
from serving.state.model import Model, Models
from serving.state.times import instant

Row = dict[str, Any]
NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True, eq=False)
class Asked:
    """One row of features that is to be scored, and what is to be told about it."""

    symbol: str
    features: np.ndarray
    ts: np.datetime64  # NaT: which bar it is of is not known
    closes_at: np.datetime64
    bars: int  # that decided
    data_source: str
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Next:
    """The bar that a prediction is about; None where that is not known."""

    closes_at: datetime | None
    spans_night: bool | None


Said = Mapping[str, Row]
"""What the models say of a bar, by target, as rows of gold.predictions have it."""


def say_all(models: Models, symbols: Sequence[str], features: np.ndarray) -> list[Said | None]:
    """What the models say of rows of features, each asked once for all of them.

    None where a row lacks a feature.
    """
    found: list[dict[str, Row]] = [{} for _ in symbols]
    for name, model in models.by_target.items():
        said = say(model.scorer, symbols, features, np.zeros(len(symbols)))
        label, good = model.forecast.label, said.good
        columns = answer_of(label.kind).columns(label, said.given[good], said.said[good])
        for place, row in zip(good.tolist(), pa.table(columns).to_pylist(), strict=True):
            if row["probabilities"] is not None:
                row["probabilities"] = dict(row["probabilities"])
            found[place][name] = row
    return [one if len(one) == len(models.by_target) else None for one in found]


def about_next(models: Models, ts: np.ndarray, closes_at: np.ndarray) -> dict[str, list[Next]]:
    """The bars that predictions of these bars are about, by target."""
    by_horizon: dict[int, list[Next]] = {}
    horizons = {name: one.forecast.label.horizon for name, one in models.by_target.items()}
    for horizon in set(horizons.values()):
        by_horizon[horizon] = _after(models.main, ts, closes_at, horizon)
    return {name: by_horizon[horizon] for name, horizon in horizons.items()}


def _after(model: Model, ts: np.ndarray, closes_at: np.ndarray, horizon: int) -> list[Next]:
    found, known = np.full(len(ts), NEVER), ~np.isnat(ts)
    found[known] = next_closes(model.market, model.forecast.bar, model.grid, ts[known], horizon)
    nights = spans_night(model.market, closes_at, found)
    return [
        Next(None, None) if np.isnat(at) else Next(instant(at), bool(night))
        for at, night in zip(found, nights, strict=True)
    ]


def predicted(
    models: Models, asked: Sequence[Asked], min_confidence: float | None
) -> list[Row | Refused]:
    """Whole predictions but for how long they took, or why there is none."""
    rows = np.stack([one.features for one in asked])
    said = say_all(models, [one.symbol for one in asked], rows)
    ts, closes = (np.array([getattr(a, name) for a in asked]) for name in ("ts", "closes_at"))
    after = about_next(models, ts, closes)
    return [
        unscored(models, one.features)
        if what is None
        else _prediction(models, one, what, {n: a[place] for n, a in after.items()}, min_confidence)
        for place, (one, what) in enumerate(zip(asked, said, strict=True))
    ]


def _prediction(
    models: Models, one: Asked, said: Said, after: Mapping[str, Next], least: float | None
) -> Row:
    forecast = models.forecast
    main = after[models.main.target]
    return {
        **marks(models, one.notices),
        **told(models, said, after, least),
        "symbol": one.symbol,
        "interval": forecast.interval,
        "ts": _instant(one.ts),
        "closes_at": _instant(one.closes_at),
        "timestamp_next": main.closes_at,
        "spans_night": main.spans_night,
        "features_used": dict(zip(forecast.feature_names, one.features.tolist(), strict=True)),
        "bars_used": one.bars,
        "data_source": one.data_source,
    }


def unscored(models: Models, row: np.ndarray) -> Refused:
    """Why a row of features has no prediction."""
    absent = np.flatnonzero(~np.isfinite(row))
    names = ", ".join(models.forecast.feature_names[place] for place in absent)
    return Refused(
        f"the bars give no value of {names}",
        "send bars with volume, and with prices that move",
        "bars",
    )


def told(
    models: Models, said: Said, after: Mapping[str, Next], min_confidence: float | None
) -> Row:
    """What is said of all targets by name, and at the top what is said of the main one."""
    targets: dict[str, Row | None] = dict.fromkeys(models.forecast.target_names)
    top: Row = {}
    for name, model in models.by_target.items():
        label, about = model.forecast.label, after[name]
        one = KINDS[label.kind].told(label, said[name], min_confidence)
        top = top or NOTHING | one | {"target": name}
        about_it = {"timestamp_next": about.closes_at, "spans_night": about.spans_night}
        targets[name] = one | about_it | of_model(model)
    return top | {"targets": targets}


def of_model(model: Model) -> Row:
    """What is told of the model of one target."""
    return {
        "candidate": model.candidate,
        "model_version": model.version,
        "proven": model.proven,
        "unproven_reason": model.unproven_reason,
    }


def of_models(models: Models) -> dict[str, Row]:
    return {name: of_model(one) for name, one in models.by_target.items()}


def marks(models: Models, notices: Sequence[str] = ()) -> Row:
    """What every answer says of its models: at the top of the main target's."""
    return marks_of(models.main) | {"notices": [*notices, *models.notices]}


def marks_of(model: Model) -> Row:
    """What is said of one model."""
    return {
        "forecast": model.forecast.name,
        "model_version": model.version,
        "proven": model.proven,
        "unproven_reason": model.unproven_reason,
        "trained_on": model.source,
        "sample": model.sample,
        "notices": model.notices,
    }


def _instant(at: np.datetime64) -> datetime | None:
    return None if np.isnat(at) else instant(at)
