"""The commands on models and scores, as their user meets them."""

from __future__ import annotations

import shutil

import pytest

from pipelines.lake import Lake
from pipelines.registry.mlflow import PRODUCTION, Registry, model_name
from tests.commands import Bullion
from tests.steps.live_market import write_live
from tests.steps.served import HOURLY, spoil, train_model

ACTION_FORECAST = HOURLY.target_forecast()

NAME = HOURLY.name


def test_models_promote_and_rollback_agree(
    bullion: Bullion, lake: Lake, registry: Registry
) -> None:
    code, out, _ = bullion("models")
    assert code == 0
    assert f"next: bullion train {NAME}" in out
    train_model(lake, registry, HOURLY)
    train_model(lake, registry, HOURLY, day=1, verdict="refused", low=None)
    _, out, _ = bullion("models", NAME)
    lines = [line for line in out.splitlines() if "logistic_regression" in line]
    assert ["Staging" in line for line in lines] == [True, False]
    assert ["Production" in line for line in lines] == [False, True]
    assert "0.1700 (> 0.1000)" in lines[1]
    assert "version 1 serves, proven" in out

    code, out, _ = bullion("promote", NAME, "--version", "2", "--to", "Production")
    assert code == 0
    assert "version 2 was promoted by cli" in out
    _, out, _ = bullion("models", NAME)
    assert "version 2 serves, unproven: version 2 was promoted by cli" in out
    code, out, _ = bullion("rollback", NAME, "--reason", "a slip")
    assert code == 0
    assert "a slip" in out
    assert "version 1 serves" in out
    assert registry.alias_state(model_name(ACTION_FORECAST)).aliases[PRODUCTION] == 1


def test_models_are_listed_while_mlflow_is_down(
    bullion: Bullion, lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_model(lake, registry, HOURLY)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")  # it tries again without a wait
    code, out, _ = bullion("models", NAME)
    assert code == 0
    assert "the aliases are unknown" in out
    assert "version 1 serves" in out
    code, _, err = bullion("promote", NAME, "--version", "1", "--to", "Staging")
    assert code == 1
    assert "127.0.0.1:9" in err
    assert "MLFLOW_TRACKING_URI" in err


def test_models_names_versions_that_mlflow_lost(
    bullion: Bullion, lake: Lake, registry: Registry
) -> None:
    train_model(lake, registry, HOURLY)
    lost_version = train_model(lake, registry, HOURLY, day=1)
    _, out, _ = bullion("models", NAME)
    assert "no longer in MLflow" not in out
    registry.client.delete_model_version(model_name(ACTION_FORECAST), str(lost_version))
    shutil.rmtree(registry.folder / "verified")
    code, out, _ = bullion("models", NAME)
    assert code == 0
    assert "no longer in MLflow" in out
    assert f"version {lost_version}; it cannot be promoted" in out
    assert f"version 1 serves, proven; version {lost_version} cannot serve" in out
    code, _, err = bullion("promote", NAME, "--version", str(lost_version), "--to", "Production")
    assert code == 2
    name = model_name(ACTION_FORECAST)
    assert f"version {lost_version} of {name} is in the lake and no longer in MLflow" in err


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["models", "nasdaq"], "unknown forecast 'nasdaq'", NAME),
        (["promote", NAME, "--version", "7", "--to", "Staging"], "version=7", "bullion models"),
        (["promote", NAME, "--version", "1", "--to", "Prod"], "unknown alias 'Prod'", "Production"),
        (
            ["promote", NAME, "--version", "1", "--to", "Production"],
            "cannot serve",
            "bullion train",
        ),
        (["rollback", NAME], "nothing to roll back", "bullion models"),
        (
            ["score", NAME, "--at", "2026-03-01", "--end", "2026-03-02"],
            "--at names one",
            "keep one",
        ),
        (["score", NAME, "--end", "2026-03-02"], "has no start", "--start"),
        (["monitor", NAME, "--as-of", "soon"], "is not a time", "2026-09-01"),
    ],
)
def test_a_wrong_request_is_named_with_what_to_do(
    bullion: Bullion, lake: Lake, registry: Registry, words: list[str], message: str, hint: str
) -> None:
    spoil(registry, HOURLY, train_model(lake, registry, HOURLY, verdict="refused"), "missing")
    code, out, err = bullion(*words)
    assert code == 2
    assert out == ""
    assert message in err.replace("\n", " ")
    assert hint in err
    assert "Traceback" not in err


def test_monitor_prints_the_figures_and_records_the_run(
    bullion: Bullion, lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pipelines.monitoring.reports.build_quality_page", lambda *_: b"<head></head>"
    )
    version = train_model(lake, registry, HOURLY)
    write_live(lake, HOURLY, version, ic=0.3, sessions=3)
    code, out, _ = bullion("monitor", NAME, "--as-of", "2026-03-10")
    assert code == 0
    assert "3 sessions: too few to judge" in out
    assert "2026-03-10-quality.html" in out
    ((run,),) = lake.rows("SELECT run FROM gold.runs WHERE step = 'monitor'")
    assert run.startswith("cli:")
