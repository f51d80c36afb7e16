"""A lake of four symbols with a model that serves, and the API over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pipelines.core.calendar import utc
from pipelines.forecasts import FORECASTS
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from serving.app import create_app
from serving.state.model_loader import ModelLoader
from tests.models import StoredModel, body, decide, store_verified
from tests.steps.scored_market import HOURLY, HOURS, SYMBOLS, build_market, write_bars

SOURCE, KEY = "sample", "a-key"
NEEDED = HOURLY.look_back + 1
TRAINED, LATER = utc("2026-08-11"), utc("2026-08-12")
UNTRAINED = SYMBOLS[3]


@contextmanager
def environment(folder: Path) -> Iterator[pytest.MonkeyPatch]:
    """A lake and a registry in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{folder}/catalog.sqlite")
        patch.setenv("BULLION_LAKE_DATA", f"{folder}/files")
        patch.setenv("BULLION_SOURCE", SOURCE)
        patch.setenv("BULLION_API_KEYS", KEY)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow/mlflow.db")
        for name in ("MODEL_URI", "BULLION_MODEL_SHA256"):
            patch.delenv(name, raising=False)
        yield patch


@contextmanager
def api_client() -> Iterator[TestClient]:
    with TestClient(
        create_app(),
        base_url="http://localhost",
        raise_server_exceptions=False,
        headers={"X-API-Key": KEY},
    ) as client:
        yield client


def serve_model(
    lake: Lake,
    folder: Path,
    seed: int = 0,
    version: int = 1,
    features: tuple[str, ...] = (),
    **decision: Any,
) -> StoredModel:
    """Store a model in the cache, and decide that it serves."""
    model = store_verified(
        Registry(folder=folder / "mlflow"),
        HOURLY,
        body(HOURLY, seed, untrained=(UNTRAINED,), features=features),
        version,
    )
    decide(lake, HOURLY, SOURCE, model, decision.pop("as_of", TRAINED), **decision)
    return model


def fill(lake: Lake) -> None:
    write_bars(lake, SOURCE, build_market())


def loader_of(client: TestClient) -> ModelLoader:
    """Return the loader of the API's models."""
    return client.app.state.models  # type: ignore[attr-defined, no-any-return]


def reasons(client: TestClient) -> list[str]:
    """Return why the scoring of the main forecast is degraded."""
    others = tuple(f"{forecast.name}." for forecast in FORECASTS if forecast is not HOURLY)
    return [reason for reason in loader_of(client).reasons() if not reason.startswith(others)]


def build_request(
    symbol: str = SYMBOLS[0], last: int = len(HOURS), count: int = NEEDED, timed: bool = True
) -> dict[str, Any]:
    """Build a request with the scripted market's bars up to one of its hours."""
    rows = [r for r in build_market() if r["symbol"] == symbol][max(0, last - count) : last]
    names = ("open", "high", "low", "close", "volume")
    bars = [{name: row[name] for name in names} for row in rows]
    if timed:
        for bar, row in zip(bars, rows, strict=True):
            bar["ts"] = row["ts"].isoformat()  # type: ignore[attr-defined]
    return {"symbol": symbol, "interval": "1h", "bars": bars}


def cache_path(folder: Path, model: StoredModel) -> Path:
    return folder / "mlflow" / "verified" / f"{model.sha256}.onnx"


def version(client: TestClient) -> int | None:
    answer = client.post("/predict", json=build_request())
    return answer.json()["model_version"] if answer.status_code == 200 else None


def registry_at(folder: Path, uri: str) -> Any:
    """Return an __init__ for registries that uses this address and this folder."""
    original = Registry.__init__

    def connect(registry: Registry, *_: object) -> None:
        original(registry, uri, folder / "mlflow")

    return connect
