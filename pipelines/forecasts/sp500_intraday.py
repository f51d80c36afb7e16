"""The S&P 500 future's next half hour and hour, from minutes with quotes, and from the news.

A run every quarter of an hour scores the minutes since the one before. What comes after the end of
a session is not forecast: its last half hour, or hour, has no outcome.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pipelines.features import INTRADAY
from pipelines.forecasts.base import Forecast
from pipelines.forecasts.target import Schedule, Target
from pipelines.gates import DIRECTION_GATES, VALUE_GATES
from pipelines.labels import NextDirection, NextReturn
from pipelines.modeling.action_rules import LIKELIEST
from pipelines.modeling.candidates import (
    LightGBMClasses,
    Mean,
    XGBoostClasses,
    XGBoostValues,
    without,
)
from pipelines.modeling.dataset import Split
from pipelines.modeling.selection import ByOutOfTimeAuc

# Minutes that follow each other are nearly the same row: trees are small and their leaves large,
# and nothing is tuned. Trees of twice the depth learn the noise of half a year.
XGBOOST = XGBoostClasses(rounds=100, depth=2, leaf_rows=1000, features=0.3, trials=0)
XGBOOST_VALUES = XGBoostValues(rounds=100, depth=2, leaf_rows=1000, features=0.3, trials=0)
MARKET_ALONE = without("news_*", "has_news_*")
XGBOOST_MARKET = replace(XGBOOST, inputs=MARKET_ALONE, name="xgboost_market")
LIGHTGBM_MARKET = LightGBMClasses(
    rounds=100,
    leaves=4,
    leaf_rows=1000,
    features=0.3,
    inputs=MARKET_ALONE,
    name="lightgbm_market",
)
SPLIT = Split(held_out=0.3, folds=2, stretches=2, out_of_time=0.5)

SP500_INTRADAY = Forecast(
    name="sp500_intraday",
    meaning=(__doc__ or "").splitlines()[0],
    universe="sp500_future",
    interval="1m",
    features=INTRADAY,
    targets=(
        Target(
            label=NextDirection(horizon=30, within_session=True, name="direction_30"),
            candidates=(XGBOOST, XGBOOST_MARKET, LIGHTGBM_MARKET),
            split=SPLIT,
            selection=ByOutOfTimeAuc(),
            gates=DIRECTION_GATES,
            rule=LIKELIEST,
        ),
        Target(
            label=NextDirection(horizon=60, within_session=True, name="direction_60"),
            candidates=(XGBOOST,),
            split=SPLIT,
            selection=ByOutOfTimeAuc(),
            gates=DIRECTION_GATES,
            rule=LIKELIEST,
        ),
        Target(
            label=NextReturn(horizon=30, within_session=True, name="return_30"),
            candidates=(Mean(), XGBOOST_VALUES),
            split=SPLIT,
            gates=VALUE_GATES,
            baseline="mean",
        ),
    ),
    # A row is live for a minute: the source has it within seconds of its close.
    schedule=Schedule(
        every=timedelta(minutes=15),
        grace=timedelta(seconds=10),
        history=timedelta(days=5 * 365),
        sample_history=timedelta(days=180),
    ),
)
