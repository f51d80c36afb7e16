"""Which model serves: it is verified first, and stays while no newer one is sound."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from pipelines.core.calendar import utc
from pipelines.lake import Lake
from pipelines.modeling.scorer import OnnxScorer, checksum
from pipelines.registry.mlflow import Registry
from pipelines.steps.lake import open_lake
from serving.state.model_loader import ModelLoader
from tests.models import body, decide, store_verified
from tests.serving import daily
from tests.serving.scored_api import problem, wait_until
from tests.serving.serving_models import (
    HOURLY,
    LATER,
    SOURCE,
    SYMBOLS,
    UNTRAINED,
    api_client,
    build_request,
    cache_path,
    fill,
    loader_of,
    reasons,
    serve_model,
    version,
)
from tests.steps.served import fresh_registry, spoil, tiny_model, train_model


def test_the_api_starts_without_a_lake_and_recovers_once_a_model_is_there(folder: Path) -> None:
    with api_client() as client:
        answer = client.post("/predict", json=build_request())
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "no model of nasdaq100_hourly" in problem(answer).message
        assert client.get("/model-info").status_code == 503
        assert any("no lake" in reason for reason in reasons(client))
        with open_lake() as lake:
            fill(lake)
            wait_until(lambda: any("nothing was trained" in reason for reason in reasons(client)))
            serve_model(lake, folder)
        wait_until(lambda: version(client) == 1)
        assert reasons(client) == []


def test_a_promotion_is_picked_up_without_a_restart(lake: Lake, folder: Path) -> None:
    serve_model(lake, folder)
    with api_client() as client:
        first = client.post("/predict", json=build_request()).json()
        model = serve_model(lake, folder, seed=1, version=2, as_of=LATER)
        wait_until(lambda: version(client) == 2)
        second = client.post("/predict", json=build_request()).json()
        assert first["features_used"] == second["features_used"]
        assert first["probabilities"] != second["probabilities"]
        assert client.get("/model-info").json()["sha256"] == model.sha256


def test_an_unproven_model_serves_as_unproven(lake: Lake, folder: Path) -> None:
    serve_model(lake, folder, verdict="refused", proven=False, reason="no skill in direction")
    with api_client() as client:
        for answer in (client.post("/predict", json=build_request()), client.get("/model-info")):
            body = answer.json()
            assert body["proven"] is False
            assert body["unproven_reason"] == "no skill in direction"
            assert any("no skill in direction" in notice for notice in body["notices"])


def test_the_model_before_serves_again_once_one_is_rolled_back(lake: Lake, folder: Path) -> None:
    first = serve_model(lake, folder)
    serve_model(lake, folder, seed=1, version=2, as_of=LATER)
    with api_client() as client:
        assert version(client) == 2
        decide(lake, HOURLY, SOURCE, first, utc("2026-08-13"), reason="rolled back")
        wait_until(lambda: version(client) == 1)


@pytest.mark.parametrize("how", ["tampered", "missing", "another forecast's", "classes"])
def test_an_unsound_model_never_replaces_the_old_one(lake: Lake, folder: Path, how: str) -> None:
    serve_model(lake, folder)
    with api_client() as client:
        assert version(client) == 1
        registry = Registry(folder=folder / "mlflow")
        content = body(HOURLY, 2, definition="other" if how == "another forecast's" else None)
        if how == "classes":
            content = tiny_model(HOURLY, classes=HOURLY.target_forecast().label.classes[::-1])
        model = store_verified(registry, HOURLY, content, 2)
        if how == "tampered":
            cache_path(folder, model).write_bytes(body(HOURLY, 5))  # a sound model, but another one
        if how == "missing":
            cache_path(folder, model).unlink()
        decide(lake, HOURLY, SOURCE, model, LATER)
        wait_until(lambda: any("version 2 cannot serve" in reason for reason in reasons(client)))
        assert version(client) == 1
        wait_until(
            lambda: "version 2 cannot serve" in client.post("/predict", json=build_request()).text
        )
        answer = client.post("/reload-model")
        assert answer.status_code == 503
        assert "version 2 cannot serve" in problem(answer).message
        assert "version 1 serves on" in problem(answer).message
        assert version(client) == 1
        assert client.get("/health").json()["status"] == "degraded"


@pytest.mark.parametrize("how", ["tampered", "missing"])
def test_the_champion_before_serves_where_the_newest_file_is_lost(
    lake: Lake, folder: Path, how: str
) -> None:
    """No file was verified here before, so both are read from the store."""
    registry = fresh_registry(folder / "mlflow")
    first = train_model(lake, registry, HOURLY, SOURCE, point=False)
    newer = train_model(lake, registry, HOURLY, SOURCE, day=1, point=False)
    spoil(registry, HOURLY, newer, how)
    with api_client() as client:
        assert version(client) == first
        info = client.get("/model-info").json()
        assert (info["proven"], info["instead_of"][:22]) == (True, f"version {newer} cannot serve")
        assert any(f"version {newer} cannot serve" in notice for notice in info["notices"])
        assert any(f"version {newer} cannot serve" in reason for reason in reasons(client))


@pytest.mark.parametrize("is_named", [True, False])
def test_a_pinned_file_serves_the_target_that_it_names(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch, is_named: bool
) -> None:
    forecast = daily.DAILY.per_target()[-1]
    file = folder / "pinned.onnx"
    file.write_bytes(
        body(forecast)
        if is_named
        else tiny_model(forecast, shares=(0.3, 0.4, 0.3), thresholds=(1.0, 2.0))
    )
    monkeypatch.setenv("MODEL_URI", file.as_uri())
    monkeypatch.setenv("BULLION_MODEL_SHA256", checksum(file.read_bytes()))
    with api_client() as client:
        path = f"/model-info?forecast={forecast.name}&target="
        assert client.get(f"{path}{forecast.target.name}").status_code == (200 if is_named else 503)
        assert client.get(f"{path}{forecast.forecast.target_names[0]}").status_code == 503
        if is_named:  # a notice names the target without a model
            answer = client.post(
                f"/forecasts/{forecast.name}/predict", json=daily.build_request()
            ).json()
            assert answer["target"] == forecast.target.name
            assert answer["targets"][forecast.forecast.target_names[0]] is None
            assert any("is not answered" in notice for notice in answer["notices"])
        else:
            assert any(
                "name one of them" in reason or "targets" in reason for reason in reasons(client)
            )


def test_slow_predictions_are_a_reason_of_health(lake: Lake, folder: Path) -> None:
    serve_model(lake, folder)
    with api_client() as client:
        assert version(client) == 1
        for _ in range(100):
            loader_of(client).recent.add(0.6)
        assert any("99th percentile" in reason for reason in reasons(client))


def test_every_answer_is_of_one_version_while_the_model_changes(lake: Lake, folder: Path) -> None:
    """The numbers of each answer are those of the version that it names."""
    serve_model(lake, folder, version=1)
    seeds = {1: 0, 2: 1, 3: 2, 4: 0, 5: 1}
    scorers = {
        seed: OnnxScorer(body(HOURLY, seed, untrained=(UNTRAINED,))) for seed in set(seeds.values())
    }
    answers: list[dict[str, Any]] = []
    stop = threading.Event()
    with api_client() as client:
        assert version(client) == 1

        def ask() -> None:
            while not stop.is_set():
                answer = client.post(
                    "/predict/batch", json={"requests": [build_request(), build_request()]}
                )
                answers.append(answer.json())

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in (2, 3, 4, 5):
                serve_model(lake, folder, seeds[number], number, as_of=utc(f"2026-08-1{number}"))
                wait_until(lambda n=number: answers and answers[-1].get("model_version") == n)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert {answer["model_version"] for answer in answers} == set(seeds)
    code = HOURLY.symbols.index(SYMBOLS[0])
    for answer in answers:
        for prediction in (result["prediction"] for result in answer["results"]):
            assert prediction["model_version"] == answer["model_version"]
            row = np.array([[*prediction["features_used"].values(), code]], np.float32)
            expected = scorers[seeds[prediction["model_version"]]].score(np.repeat(row, 2, axis=0))[
                0
            ][0]
            np.testing.assert_allclose(
                list(prediction["probabilities"].values()), expected, atol=1e-5
            )


def test_decisions_that_could_not_be_read_are_read_again(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_model(lake, folder)

    def fail(*_: object) -> None:
        raise duckdb.InvalidInputException("No open result set")

    with api_client() as client:
        assert version(client) == 1
        with monkeypatch.context() as patch:
            patch.setattr("serving.state.model_loader.read_target_decisions", fail)
            serve_model(lake, folder, seed=1, version=2, as_of=LATER)
            wait_until(
                lambda: any("the lake cannot be read" in reason for reason in reasons(client))
            )
            assert version(client) == 1
        wait_until(lambda: version(client) == 2)
        assert reasons(client) == []


def test_a_lake_that_does_not_change_is_read_once(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the thread that follows the lake polls it."""
    serve_model(lake, folder)
    with api_client() as client:
        assert version(client) == 1
        wait_until(lambda: reasons(client) == [])
        views: list[int] = []
        view = ModelLoader.view

        def count(loader: ModelLoader) -> Any:
            views.append(1)
            return view(loader)

        monkeypatch.setattr(ModelLoader, "view", count)
        monkeypatch.setattr("serving.state.model_loader.CLOCK", 0.01)
        loader_of(client)._wake.set()
        time.sleep(0.3)
        assert views == []
        serve_model(lake, folder, seed=1, version=2, as_of=LATER)
        wait_until(lambda: version(client) == 2)
        assert views
