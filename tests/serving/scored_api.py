"""An API over a lake that the real steps wrote, for the tests of serving."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from pipelines.core.calendar import utc
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.sentiment.choice import chosen_model
from pipelines.sources.sample import Sample
from pipelines.steps import ingest_news, refresh_news_signals, score_stories
from pipelines.steps.lake import open_lake
from pipelines.steps.scoring.outcomes import refresh_outcomes
from pipelines.steps.scoring.score import score
from serving.app import create_app
from serving.schemas.errors import ErrorBody, Problem
from tests import models
from tests.serving import daily
from tests.serving.live_prices import write_price
from tests.serving.model_evidence import GATES, write_backtest, write_evidence
from tests.serving.process import WAIT
from tests.steps.scored_market import (
    END,
    HOURLY,
    HOURS,
    SYMBOLS,
    TRAINED,
    build_market,
    write_bars,
    write_weights,
)

SOURCE = "sample"
TOPIC = "sp500"
STREAM = "ws://localhost/ws/market-stream"
LAST = HOURS[-1]  # opens 19:30, closes 20:00: the next bar is of the next session
LAST_CLOSE = utc("2026-08-31T20:00+00:00")
SOON = LAST_CLOSE + timedelta(minutes=1)
BACKFILL_START = utc("2026-08-27")  # rows that are not live are scored from here
NIGHT = utc("2026-09-01T09:00+00:00")
NEWS_START, NEWS_END = NIGHT - timedelta(hours=3), NIGHT - timedelta(minutes=15)
NEWS_STALE_AT = NEWS_END + timedelta(minutes=30)
LATE = utc("2026-09-01T15:00+00:00")  # the bar of 13:30 has closed at 14:30
# The bar after the last one closes at 14:30; a minute of grace and five more follow.
STALE_AT = LAST_CLOSE + timedelta(hours=18, minutes=36)


def fill(folder: Path) -> None:
    """Write bars and weights, past predictions with outcomes, and one live signal."""
    with open_lake() as lake:
        registry = Registry(folder=folder / "mlflow")
        earlier_bars = [row for row in build_market() if row["ts"] < LAST]  # type: ignore[operator]
        write_bars(lake, SOURCE, earlier_bars)
        write_weights(lake, SOURCE, dict.fromkeys(SYMBOLS, 0.1))
        model = models.store_verified(registry, HOURLY, models.body(HOURLY))
        models.decide(
            lake, HOURLY, SOURCE, model, TRAINED, proven=False, reason="no skill", gates=GATES
        )
        write_evidence(lake, HOURLY, SOURCE, model, TRAINED)
        write_backtest(folder)
        score(lake, registry, HOURLY, SOURCE, start=BACKFILL_START, end=END, now=LATE)
        publish(lake, folder)
        refresh_outcomes(lake, registry, HOURLY, SOURCE)
        fill_daily(lake, folder)
        fill_news(lake)
    write_price(at=NIGHT)


def fill_daily(lake: Lake, folder: Path) -> None:
    """Write predictions of the forecast with several targets; the last one is live."""
    registry = Registry(folder=folder / "mlflow")
    daily.write_bars(lake, SOURCE)
    daily.serve_models(lake, folder, SOURCE)
    last = LAST_CLOSE - timedelta(minutes=30)
    score(lake, registry, daily.DAILY, SOURCE, start=daily.TRAINED, end=last, now=LATE)
    score(lake, registry, daily.DAILY, SOURCE, start=last, end=SOON, now=SOON)
    refresh_outcomes(lake, registry, daily.DAILY, SOURCE)


def fill_news(lake: Lake) -> None:
    """Write stories of a topic, their sentiment, and its signals; the last is live."""
    source, span = Sample(), (NEWS_START, NEWS_END)
    ingest_news(lake, source, TOPIC, *span, as_of=NEWS_END).enforce()
    choice = chosen_model()
    score_stories(lake, SOURCE, choice=choice)
    refresh_news_signals(lake, SOURCE, TOPIC, *span, model=choice.model, now=NEWS_END)


def publish(lake: Lake, folder: Path, now: datetime = SOON) -> None:
    """Write the last bar, and publish its live signal."""
    write_bars(lake, SOURCE, [row for row in build_market() if row["ts"] == LAST])
    registry = Registry(folder=folder / "mlflow")
    score(
        lake, registry, HOURLY, SOURCE, start=LAST_CLOSE - timedelta(minutes=30), end=SOON, now=now
    )


@contextmanager
def api_at(folder: Path, at: datetime = NIGHT, **settings: str) -> Iterator[TestClient]:
    """Serve the lake of a folder, with the clock at a fixed instant.

    The settings hold for this API alone, whatever other APIs are open in the same test.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{folder}/catalog.sqlite")
        patch.setenv("BULLION_LAKE_DATA", f"{folder}/files")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow/mlflow.db")
        with own_settings({"poll_seconds": "0.02"} | settings):
            app: FastAPI = create_app()
        app.state.clock = at.timestamp
        with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
            assert app.state.follower.looked.wait(60)
            yield client


@contextmanager
def own_settings(settings: Mapping[str, str]) -> Iterator[None]:
    """Set these settings of the API, and no others, until the end of the block."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BULLION_API_")]:
            patch.delenv(name)
        for name, value in settings.items():
            patch.setenv(f"BULLION_API_{name.upper()}", value)
        yield


def build_folder(folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{folder}/catalog.sqlite")
        patch.setenv("BULLION_LAKE_DATA", f"{folder}/files")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow/mlflow.db")
        fill(folder)
    return folder


def problem(answer: Response) -> Problem:
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"type", "message", "hint", "field"}
    return ErrorBody.model_validate_json(answer.text).error


@contextmanager
def at(client: TestClient, seconds: float) -> Iterator[None]:
    """Set the clock of an API to another instant, until the end of the block."""
    state = client.app.state  # type: ignore[attr-defined]
    clock, state.clock = state.clock, lambda: seconds
    try:
        yield
    finally:
        state.clock = clock


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until the condition is true, however long it takes."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.02)


def lake_of(client: TestClient) -> Lake:
    """Return the lake that an API reads, whatever lake this test's settings name."""
    return client.app.state.reader.lake()  # type: ignore[attr-defined, no-any-return]
