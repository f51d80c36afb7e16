"""Health: what degrades it, and which metrics Prometheus reads."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from pipelines.forecasts import FORECASTS
from serving.routes.health import Health
from tests.serving.daily import DAILY
from tests.serving.scored_api import LAST_CLOSE, NIGHT, api_at, wait_until
from tests.steps.scored_market import HOURLY


def health(client: TestClient) -> Health:
    return Health.model_validate_json(client.get("/health").text)


def test_slow_answers_make_the_health_degraded(scored_folder: Path) -> None:
    with api_at(scored_folder, slow_ms="400") as client:
        wait_until(lambda: len(health(client).models) == 3)
        assert not [text for text in health(client).reasons if text.startswith("answers take")]
        for _ in range(200):
            client.app.state.metrics.count_request("/signal/index", 200, 0.5)  # type: ignore[attr-defined]
        report = health(client)
    assert (report.status, report.p99_ms) == ("degraded", 500)
    assert "answers take 500 ms at the 99th percentile" in report.reasons


def test_health_lists_the_models_and_the_newest_bars(api: TestClient) -> None:
    wait_until(lambda: len(health(api).models) == 3)
    report = health(api)
    models = {(model.forecast, model.target): model for model in report.models}
    served = (HOURLY, DAILY)
    assert set(models) == {(f.name, name) for f in served for name in f.target_names}
    assert {model.model_version for model in report.models} == {1}
    main = models[HOURLY.name, HOURLY.target_forecast().label.name]
    assert (main.proven, main.unproven_reason) == (False, "no skill")
    assert [forecast.forecast for forecast in report.forecasts] == [f.name for f in FORECASTS]
    for forecast in report.forecasts[len(served) :]:
        assert (forecast.newest_bar, forecast.model_version) == (None, None)
        assert any(forecast.forecast in reason for reason in report.reasons)
    for forecast in report.forecasts[: len(served)]:
        assert forecast.newest_signal == forecast.newest_bar == LAST_CLOSE
        assert (forecast.stale, forecast.age_seconds) == (
            False,
            int((NIGHT - LAST_CLOSE).total_seconds()),
        )
        assert {part.newest for part in forecast.targets} == {LAST_CLOSE}
        assert (forecast.model_version, forecast.proven) == (1, False)
    assert report.sample


def test_metrics_have_the_age_of_the_signal(api: TestClient) -> None:
    api.get("/signal/index")
    text = api.get("/metrics").text
    age = 'bullion_signal_age_seconds{forecast="nasdaq100_hourly",universe="qqq"} '
    assert f"{age}{(NIGHT - LAST_CLOSE).total_seconds()}" in text
    assert 'bullion_requests_total{route="/signal/index",status="200"}' in text


def test_metrics_have_how_late_signals_and_predictions_were_written(api: TestClient) -> None:
    text = api.get("/metrics").text
    for name, labels in (
        ("signal", 'forecast="nasdaq100_hourly",universe="qqq"'),
        ("prediction", 'forecast="nasdaq100_hourly",target="action"'),
        ("prediction", 'forecast="aapl_daily",target="risk"'),
    ):
        assert f"bullion_{name}_delay_seconds{{{labels}}} 60.0\n" in text
