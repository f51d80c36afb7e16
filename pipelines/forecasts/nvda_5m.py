"""NVIDIA's next five minutes: one of five actions, published only where it is likely enough."""

from __future__ import annotations

from datetime import timedelta

from pipelines.features import HOURLY
from pipelines.forecasts.base import Forecast
from pipelines.forecasts.target import Schedule, Target
from pipelines.gates import STANDARD
from pipelines.labels import Action
from pipelines.modeling.action_rules import LikeliestIfConfident
from pipelines.modeling.candidates import HistogramBoosting, Logistic, RandomForest
from pipelines.modeling.dataset import Split

NVDA_5M = Forecast(
    name="nvda_5m",
    meaning=__doc__ or "",
    universe="nvda",
    interval="5m",
    features=HOURLY,  # of the bars before a bar, whatever their length
    targets=(
        Target(
            label=Action(horizon=1),
            candidates=(HistogramBoosting(), Logistic(), RandomForest()),
            split=Split(held_out=0.2),
            gates=STANDARD,
            rule=LikeliestIfConfident(least=0.6),
        ),
    ),
    # A row is live for five minutes. Yahoo has 60 days of 5-minute bars, and refuses more.
    schedule=Schedule(grace=timedelta(seconds=30), history=timedelta(days=56)),
)
