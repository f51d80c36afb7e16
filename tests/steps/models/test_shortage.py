"""Too few bars are refused with the number that is needed, for any forecast."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import FORECASTS, TargetForecast
from pipelines.modeling.dataset import Rows
from pipelines.steps.models.shortage import check_enough_bars

TARGETS = [target for forecast in FORECASTS for target in forecast.per_target()]


def bars(forecast: TargetForecast, count: int) -> Rows:
    """Bars of one symbol, one a session; the first have no features yet."""
    closes = np.datetime64("2020-01-01T21:00", "us") + np.arange(count) * np.timedelta64(1, "D")
    random = np.random.default_rng(0)
    features = random.normal(size=(count, len(forecast.feature_names) + 1))
    features[: forecast.look_back, 0] = np.nan
    return Rows(
        features=features,
        outcome=random.normal(size=count),
        symbol=np.zeros(count, np.int64),
        closes_at=closes,
        known_at=closes + np.timedelta64(1, "D"),
        session=closes.astype("datetime64[D]"),
        place=np.zeros(count, np.int64),
    )


@pytest.mark.parametrize("forecast", TARGETS, ids=lambda f: f"{f.name}-{f.target.name}")
def test_the_bars_that_it_says_are_enough(forecast: TargetForecast) -> None:
    few = forecast.look_back + 60
    with pytest.raises(InvalidRequest, match=rf"files has {few} bars .* too few") as caught:
        check_enough_bars(forecast, "files", bars(forecast, few))
    stated_count = re.search(r"about ([\d,]+) .* bars of each symbol", caught.value.hint)
    assert stated_count
    needed = int(stated_count[1].replace(",", ""))
    assert 500 < needed < 2000
    check_enough_bars(forecast, "files", bars(forecast, needed))
    with pytest.raises(InvalidRequest):
        check_enough_bars(forecast, "files", bars(forecast, needed * 7 // 8))
