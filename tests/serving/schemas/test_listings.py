"""Lists of forecasts, targets and features."""

from __future__ import annotations

from fastapi.testclient import TestClient

from serving.schemas.listings import Features, Forecasts
from tests.serving.daily import DAILY
from tests.serving.daily_requests import NAMES, PATH

VALUE, RISK = DAILY.target_names


def test_the_list_of_forecasts_has_all_targets(api: TestClient) -> None:
    forecasts = Forecasts.model_validate_json(api.get("/forecasts").text).forecasts
    forecast = next(item for item in forecasts if item.name == DAILY.name)
    assert [(target.target, target.kind) for target in forecast.targets] == [
        (VALUE, "value"),
        (RISK, "classes"),
    ]
    assert forecast.targets[1].classes == list(DAILY.target_forecast(RISK).label.classes)
    assert (forecast.newest is not None, forecast.stale, forecast.universes) == (
        True,
        False,
        ["aapl"],
    )


def test_features_are_listed_as_they_are_to_be_sent(client: TestClient) -> None:
    features = Features.model_validate_json(client.get(f"{PATH}/features").text).features
    assert tuple(feature.name for feature in features) == NAMES
    rsi = next(feature for feature in features if feature.name == "rsi_14")
    assert (rsi.low, rsi.high) == (0, 100)
