"""The next hour's action of each NASDAQ-100 constituent, pooled, with the symbol as a feature."""

from __future__ import annotations

from pipelines.features import HOURLY
from pipelines.forecasts.base import Forecast
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.forecasts.target import Target
from pipelines.gates import STANDARD
from pipelines.labels import Action
from pipelines.modeling.candidates import CANDIDATES
from pipelines.modeling.dataset import Split

NASDAQ100_HOURLY = Forecast(
    name="nasdaq100_hourly",
    meaning=__doc__ or "",
    universe="nasdaq100",
    interval="1h",
    features=HOURLY,
    targets=(
        Target(
            label=Action(horizon=1),
            candidates=CANDIDATES,
            split=Split(held_out=0.2),
            gates=STANDARD,
            combinations=(ComponentWeighted("qqq"), ComponentWeighted("nasdaq100")),
            challengers=("logistic_regression",),
        ),
    ),
)
