"""Apple's next session: its return, with an interval, and its risk as low, medium or high."""

from __future__ import annotations

from datetime import timedelta

from pipelines.features import DAILY
from pipelines.forecasts.base import Forecast
from pipelines.forecasts.target import Schedule, Target
from pipelines.gates import RISK_GATES, VALUE_GATES
from pipelines.labels import NextReturn, Risk
from pipelines.modeling.action_rules import ABOVE_SHARE
from pipelines.modeling.candidates import (
    REGRESSORS,
    GradientBoosting,
    Logistic,
    RandomForest,
)
from pipelines.modeling.dataset import Split

AAPL_DAILY = Forecast(
    name="aapl_daily",
    meaning=__doc__ or "",
    universe="aapl",
    interval="1d",
    features=DAILY,
    targets=(
        Target(
            label=NextReturn(horizon=1),
            candidates=REGRESSORS,
            split=Split(held_out=0.4),  # so weak a signal shows only on many rows
            gates=VALUE_GATES,
            baseline="mean",
        ),
        Target(
            label=Risk(horizon=1),
            candidates=(RandomForest(leaf_rows=25), GradientBoosting(), Logistic(l2=100)),
            split=Split(held_out=0.3),
            gates=RISK_GATES,
            rule=ABOVE_SHARE,
        ),
    ),
    schedule=Schedule(grace=timedelta(minutes=30), history=timedelta(days=3650)),
)
