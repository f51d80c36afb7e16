"""SPY's next session: up or down, from its own bars and those of bonds, gold, fear and others."""

from __future__ import annotations

from datetime import timedelta

from pipelines.features import INTERMARKET
from pipelines.forecasts.base import Forecast
from pipelines.forecasts.target import Schedule, Target
from pipelines.gates import DIRECTION_GATES
from pipelines.labels import NextDirection
from pipelines.modeling.action_rules import LIKELIEST
from pipelines.modeling.candidates import (
    Logistic,
    RandomForest,
    TorchNetwork,
    XGBoostClasses,
)
from pipelines.modeling.dataset import Split

CANDIDATES = (
    Logistic(l2=100),
    RandomForest(leaf_rows=25),
    XGBoostClasses(),
    TorchNetwork(),
)

SPY_NEXT_DAY = Forecast(
    name="spy_next_day",
    meaning=__doc__ or "",
    universe="spy",
    interval="1d",
    features=INTERMARKET,
    targets=(
        Target(
            label=NextDirection(horizon=1),
            candidates=CANDIDATES,
            split=Split(held_out=0.3, begin=0.4),
            gates=DIRECTION_GATES,
            rule=LIKELIEST,
            challengers=tuple(candidate.name for candidate in CANDIDATES),
            explained=True,
        ),
    ),
    schedule=Schedule(grace=timedelta(minutes=30), history=timedelta(days=3650)),
)
