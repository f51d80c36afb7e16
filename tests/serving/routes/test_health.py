"""Health: what makes it less than well, and what Prometheus is told."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from pipelines.forecasts import FORECASTS
from serving.routes.health import Health
from tests.serving.served import CLOSED, NIGHT, api_at, wait_until
from tests.steps.scored_market import HOURLY


def health(client: TestClient) -> Health:
    return Health.model_validate_json(client.get("/health").text)


def test_slow_answers_make_it_degraded(scored_folder: Path) -> None:
    with api_at(scored_folder, slow_ms="400") as client:
        wait_until(lambda: health(client).status == "ok")
        for _ in range(200):
            client.app.state.metrics.took("/signal/index", 200, 0.5)  # type: ignore[attr-defined]
        said = health(client)
    assert (said.status, said.p99_ms) == ("degraded", 500)
    assert said.reasons == ["answers take 500 ms at the 99th percentile"]


def test_it_tells_the_model_and_the_newest_bar(api: TestClient) -> None:
    wait_until(lambda: len(health(api).models) == 3)
    said = health(api)
    models = {(model.forecast, model.target): model for model in said.models}
    assert set(models) == {(f.name, name) for f in FORECASTS for name in f.target_names}
    assert {model.model_version for model in said.models} == {1}
    main = models[HOURLY.name, HOURLY.target_forecast().label.name]
    assert (main.proven, main.unproven_reason) == (False, "no skill")
    assert [one.forecast for one in said.forecasts] == [f.name for f in FORECASTS]
    for one in said.forecasts:
        assert one.newest_signal == one.newest_bar == CLOSED
        assert (one.stale, one.age_seconds) == (False, int((NIGHT - CLOSED).total_seconds()))
        assert {part.newest for part in one.targets} == {CLOSED}
        assert (one.model_version, one.proven) == (1, False)
    assert said.sample


def test_prometheus_is_told_how_old_the_signal_is(api: TestClient) -> None:
    api.get("/signal/index")
    told = api.get("/metrics").text
    age = 'bullion_signal_age_seconds{forecast="nasdaq100_hourly",universe="qqq"} '
    assert f"{age}{(NIGHT - CLOSED).total_seconds()}" in told
    assert 'bullion_requests_total{route="/signal/index",status="200"}' in told
