"""Every forecast with a direction is traded: by its combination, or all of its symbols."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.backtest.policy import Policy
from pipelines.backtest.traded import check_policy, find_combination, find_traded
from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import AAPL_DAILY, FORECASTS, NASDAQ100_HOURLY, NVDA_5M, Forecast
from pipelines.forecasts.combination import ComponentWeighted
from tests.backtest import small_backtest


@pytest.mark.parametrize("forecast", FORECASTS, ids=lambda forecast: forecast.name)
def test_each_declared_forecast_can_be_traded(forecast: Forecast) -> None:
    traded = find_traded(forecast)
    assert traded.combinations
    assert traded.model_fingerprint == forecast.target_forecast(traded.label.name).model_fingerprint


def test_the_first_target_with_a_signal_is_traded() -> None:
    assert find_traded(NVDA_5M).combinations == (ComponentWeighted("nvda"),)
    assert find_traded(AAPL_DAILY).label.name == "return"
    assert find_traded(NASDAQ100_HOURLY).combinations == NASDAQ100_HOURLY.combinations


def test_several_symbols_without_a_combination_are_combined_as_they_are() -> None:
    forecast = NASDAQ100_HOURLY.target_forecast().replace(combinations=()).forecast
    assert find_traded(forecast).combinations == (ComponentWeighted("nasdaq100"),)


def test_a_forecast_without_a_direction_is_refused() -> None:
    risk = replace(AAPL_DAILY, targets=(AAPL_DAILY.target_forecast("risk").target,))
    with pytest.raises(InvalidRequest, match="says nothing of a direction, only of risk"):
        find_traded(risk)


def test_bars_that_are_sessions_cannot_be_flat_by_the_close() -> None:
    flat = Policy(flat_by_close=True)
    with pytest.raises(InvalidRequest, match="each 1d bar of aapl_daily ends with its session"):
        check_policy(find_traded(AAPL_DAILY), flat)
    check_policy(find_traded(AAPL_DAILY), Policy(stop_loss=0.01))
    check_policy(find_traded(NVDA_5M), flat)


def test_a_universe_that_is_not_combined_is_refused_with_those_that_are() -> None:
    forecast = small_backtest.FORECAST
    assert find_combination(forecast, "qqq").universe == "qqq"
    with pytest.raises(InvalidRequest, match="combination of nasdaq100_hourly") as refused:
        find_combination(forecast, "qq")
    assert "qqq" in refused.value.hint
