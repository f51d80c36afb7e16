"""Routes of the models that serve: their description, and their reload."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake
from serving.routes.health import Health
from serving.schemas.errors import NotYet
from serving.schemas.scoring import ModelInfo, ReloadAnswer
from serving.state.model_loader import ModelLoader, ReloadResult
from tests.serving.daily import DAILY
from tests.serving.scored_api import problem
from tests.serving.serving_models import (
    HOURLY,
    LATER,
    UNTRAINED,
    api_client,
    loader_of,
    serve_model,
)

ACTION_FORECAST = HOURLY.target_forecast()


def test_model_info_describes_the_model_that_serves(client: TestClient) -> None:
    info = ModelInfo.model_validate_json(client.get("/model-info").text)
    assert info.features == list(HOURLY.feature_names)
    assert info.classes == list(ACTION_FORECAST.label.classes)
    assert info.untrained == [UNTRAINED]
    assert (info.model_version, info.verdict, info.proven) == (1, "promoted", True)
    assert (info.look_back, info.definition) == (
        HOURLY.look_back,
        ACTION_FORECAST.model_fingerprint,
    )
    assert len(info.thresholds) == len(info.classes) - 1
    assert info.sha256 == loader_of(client).model(ACTION_FORECAST).sha256


def test_every_target_of_every_forecast_has_its_model(client: TestClient) -> None:
    models = Health.model_validate_json(client.get("/health").text).models
    targets = {(item.name, name) for item in (HOURLY, DAILY) for name in item.target_names}
    assert {(item.forecast, item.target) for item in models} == targets
    for forecast, target in targets:
        query = f"forecast={forecast}&target={target}"
        info = ModelInfo.model_validate_json(client.get(f"/model-info?{query}").text)
        assert (info.forecast, info.target) == (forecast, target)
        reloaded = ReloadAnswer.model_validate_json(client.post(f"/reload-model?{query}").text)
        assert (list(reloaded.targets), reloaded.sha256) == ([target], info.sha256)
    whole = ReloadAnswer.model_validate_json(
        client.post(f"/reload-model?forecast={DAILY.name}").text
    )
    assert tuple(whole.targets) == DAILY.target_names
    answer = client.get(f"/model-info?forecast={DAILY.name}&target=riks")
    assert (answer.status_code, problem(answer).field) == (422, "target")
    assert "did you mean risk" in problem(answer).hint


def test_the_other_targets_are_reloaded_where_one_has_no_model(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever it is; and where none can be taken, it is an error."""
    reload, lacking = ModelLoader.reload, set[str]()

    def reload_or_fail(loader: ModelLoader, forecast: TargetForecast) -> ReloadResult:
        if forecast.target.name in lacking:
            raise NotYet(f"{forecast.target.name}: nothing was trained yet", "train it", 5)
        return reload(loader, forecast)

    monkeypatch.setattr(ModelLoader, "reload", reload_or_fail)
    for name in DAILY.target_names:
        lacking.clear()
        lacking.add(name)
        answer = client.post(f"/reload-model?forecast={DAILY.name}")
        reloaded = ReloadAnswer.model_validate_json(answer.text)
        assert [n for n, result in reloaded.targets.items() if result is None] == [name]
        assert reloaded.target != name
        assert name in reloaded.notices[0]
    lacking.update(DAILY.target_names)
    assert client.post(f"/reload-model?forecast={DAILY.name}").status_code == 503


def test_a_reload_needs_a_key_and_takes_what_is_decided(lake: Lake, folder: Path) -> None:
    serve_model(lake, folder)
    with api_client() as client:
        assert client.post("/reload-model", headers={"X-API-Key": "no"}).status_code == 401
        reloaded = ReloadAnswer.model_validate_json(client.post("/reload-model").text)
        assert (reloaded.changed, reloaded.before, reloaded.model_version) == (False, 1, 1)
        with loader_of(client)._lock:  # the loader's thread may not read meanwhile
            serve_model(lake, folder, seed=1, version=2, as_of=LATER)
        reloaded = ReloadAnswer.model_validate_json(client.post("/reload-model").text)
        assert reloaded.model_version == 2
