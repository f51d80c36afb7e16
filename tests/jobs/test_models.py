"""Scoring runs: gaps are filled, and no bar is published twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines import jobs
from pipelines.core.errors import BullionError, NothingToDo
from pipelines.core.settings import Settings
from pipelines.forecasts import FORECASTS, TargetForecast
from pipelines.jobs import RunRequest
from pipelines.registry.mlflow import RegistryError
from tests.jobs.run_requests import (
    BARS,
    NAME,
    NEWEST,
    SYMBOLS,
    bring_and_score,
    request,
)
from tests.recent import HOURLY, all_rows, count_duplicates, rows_of, run_notes


def test_a_run_after_a_gap_fills_it_and_publishes_only_the_newest(trained: Settings) -> None:
    assert bring_and_score(request("first", BARS[0]))["bars"] == 1
    assert bring_and_score(request("next"))["bars"] == len(BARS) - 1
    rows = rows_of(trained, "predictions")
    assert {row["closes_at"] for row in rows} == {close for _, close in BARS}
    assert {row["closes_at"] for row in rows if row["live"]} == {NEWEST[1]}
    assert not any(count_duplicates(trained).values())


def test_a_hole_that_a_backfill_left_is_filled(trained: Settings) -> None:
    bring_and_score(request("first", BARS[0]))
    bring_and_score(request("backfill", BARS[-2], fill=False))
    bring_and_score(request("next"))
    assert {row["closes_at"] for row in rows_of(trained, "predictions")} == {c for _, c in BARS}


def test_one_bar_at_a_time_gives_the_rows_of_the_range(trained: Settings) -> None:
    spans_of_range = BARS[-4:-1]
    bulk_run = request("bulk", (spans_of_range[0][0], spans_of_range[-1][1]), fill=False)
    assert "fresh" not in jobs.bring_bars(NAME, bulk_run, weights=True).values()
    assert "fresh" in jobs.bring_bars(NAME, bulk_run, weights=True).values()
    jobs.score(NAME, bulk_run)
    bulk = all_rows(trained)
    for place, span in enumerate(reversed(spans_of_range)):
        bring_and_score(request(f"backfill {place}", span, fill=False))
    assert all_rows(trained) == bulk
    assert len(bulk["index_signals"]) == len(spans_of_range) * len(HOURLY.combinations)
    written = (len(spans_of_range) - 1) * len(SYMBOLS)
    assert jobs.outcomes(NAME, bulk_run)["written"] == written
    [ended] = rows_of(trained, "runs", "step = 'outcomes'")
    assert (ended["run"], ended["status"]) == ("bulk", "ok")
    assert json.loads(ended["counts"])["written"] == written


def test_a_bar_that_was_published_is_not_published_again(trained: Settings) -> None:
    bring_and_score(request("first"))
    before = all_rows(trained)
    with pytest.raises(NothingToDo, match="was published before"):
        jobs.score(NAME, request("second"))
    assert all_rows(trained) == before


def test_a_doubled_run_has_one_result(trained: Settings) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(_or_skip, request(f"run {n}")) for n in range(2)]
    assert [result.result() for result in results].count(True) == 1
    assert len(rows_of(trained, "predictions")) == len(SYMBOLS)
    assert not any(count_duplicates(trained).values())


def _or_skip(run: RunRequest) -> bool:
    try:
        return bool(bring_and_score(run))
    except NothingToDo:
        return False


def test_without_weights_there_are_predictions_and_the_signal_says_why_not(
    trained: Settings,
) -> None:
    jobs.bring_bars(NAME, request("run"))
    jobs.score(NAME, request("run"))
    assert len(rows_of(trained, "predictions")) == len(SYMBOLS)
    assert rows_of(trained, "index_signals") == []
    assert "no signal of qqq at 1 bars" in run_notes(trained, "run")[-1][2]


def test_without_mlflow_scoring_works_and_training_fails(
    trained: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pipelines.registry.mlflow.DEFAULT_FOLDER", tmp_path
    )  # where the verified models are
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert bring_and_score(request("hour"))["scored"] == len(SYMBOLS)
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:1"):
        jobs.train(NAME, request("day"))
    [(step, status, message)] = run_notes(trained, "day")
    assert (step, status) == ("train", "failed")
    assert "127.0.0.1:1" in message


def test_without_a_trained_model_the_run_is_skipped_with_its_reason(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    jobs.bring_bars(NAME, request("run"))
    with pytest.raises(NothingToDo, match="nothing was trained before"):
        jobs.score(NAME, request("run"))
    assert "nothing was trained" in run_notes(lake_settings, "run")[-1][2]


def test_a_task_of_one_target_trains_that_alone(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    targets: list[str] = []

    def fail(_lake: object, _registry: object, target: TargetForecast, *_: object, **__: object):  # type: ignore[no-untyped-def]
        targets.append(target.target.name)
        raise BullionError(f"{target.target.name} cannot be trained")

    monkeypatch.setattr("pipelines.steps.models.train.train", fail)
    several = next(forecast for forecast in FORECASTS if len(forecast.targets) > 1)
    last = several.target_names[-1]
    with pytest.raises(BullionError, match=f"{last} cannot be trained"):
        jobs.train_only(several.name, request("day"), target=last)
    assert targets == [last]
    with pytest.raises(BullionError, match="cannot be trained"):
        jobs.train_only(several.name, request("day"))
    assert targets == [last, *several.target_names]
    with pytest.raises(BullionError, match="unknown target"):
        jobs.train_only(several.name, request("day"), target="gain")
