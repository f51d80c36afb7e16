"""The hourly forecast of the NASDAQ-100: an action of each constituent, and two signals."""

from __future__ import annotations

from pipelines.core.universes import universe
from pipelines.forecasts import FORECASTS, NASDAQ100_HOURLY
from pipelines.gates import STANDARD
from pipelines.labels.action import ACTIONS
from pipelines.modeling.candidates import CANDIDATES

TARGET = NASDAQ100_HOURLY.target_forecast().target


def test_it_is_the_forecast_of_a_request_that_names_none() -> None:
    assert FORECASTS[0] is NASDAQ100_HOURLY


def test_it_forecasts_the_next_hour_of_every_constituent() -> None:
    assert NASDAQ100_HOURLY.symbols == universe("nasdaq100").symbols
    assert (NASDAQ100_HOURLY.interval, NASDAQ100_HOURLY.horizon) == ("1h", 1)
    assert TARGET.label.classes == ACTIONS
    assert (TARGET.candidates, TARGET.gates) == (CANDIDATES, STANDARD)


def test_actions_are_combined_for_the_ten_of_qqq_and_for_all() -> None:
    assert [rule.universe for rule in TARGET.combinations] == ["qqq", "nasdaq100"]
    for rule in TARGET.combinations:
        assert (rule.buy_at, rule.sell_at) == (0.5, -0.5)


def test_a_bar_can_be_scored_from_twenty_bars_before_it() -> None:
    assert NASDAQ100_HOURLY.look_back == 20
