"""The follower sees new commits, and a lake that appears late or disappears."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipelines.registry.mlflow import Registry
from pipelines.steps.lake import open_lake
from serving.schemas.answers import Signal
from tests import models
from tests.serving.scored_api import LAST, SOURCE, STREAM, TRAINED, api_at, publish, wait_until
from tests.steps.scored_market import HOURLY, SYMBOLS, build_market, write_bars, write_weights


def prepare_lake(folder: Path) -> None:
    """Write all bars but the last, weights and a model; nothing is scored yet."""
    with open_lake() as lake:
        write_bars(lake, SOURCE, [row for row in build_market() if row["ts"] < LAST])  # type: ignore[operator]
        write_weights(lake, SOURCE, dict.fromkeys(SYMBOLS, 0.1))
        model = models.store_verified(
            Registry(folder=folder / "mlflow"), HOURLY, models.body(HOURLY)
        )
        models.decide(lake, HOURLY, SOURCE, model, TRAINED)


def test_a_published_signal_is_seen_and_served_from_memory_while_the_lake_is_lost(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "lake"
    with api_at(folder) as client:
        health = client.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "down")
        assert "there is no lake" in health.json()["reasons"][0]
        prepare_lake(folder)
        wait_until(lambda: client.get("/health").status_code == 200)
        assert client.get("/health").json()["status"] == "degraded"
        assert client.get("/signal/index").status_code == 503
        with client.websocket_connect(STREAM) as listener:
            assert listener.receive_json()["signal"] is None
            with open_lake() as lake:
                publish(lake, folder)
            message = listener.receive_json()
            while message["type"] == "heartbeat":
                message = listener.receive_json()
            assert message["type"] == "signal"
        signal = Signal.model_validate_json(client.get("/signal/index").text)
        assert Signal(**message["signal"]) == signal
        assert signal.proven
        with client.websocket_connect(STREAM) as listener:
            assert Signal(**listener.receive_json()["signal"]) == signal
        shutil.move(folder, tmp_path / "gone")
        wait_until(lambda: "there is no lake" in str(client.get("/health").json()["reasons"]))
        assert client.get("/health").status_code == 200
        assert client.get("/signal/index").json() == signal.model_dump(mode="json")
        shutil.move(tmp_path / "gone", folder)
        wait_until(lambda: "there is no lake" not in str(client.get("/health").json()["reasons"]))
        assert client.get("/signals/history").json()["rows"][0]["wss"] == signal.wss
