"""Predictions of a forecast with several targets: the newest of each, and their history."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest
from fastapi.testclient import TestClient

from pipelines.core.calendar import utc
from pipelines.steps.lake import open_lake
from serving.http.formats import ARROW, CSV
from serving.schemas.answers import Component, Decisions, LatestPredictions, PastPredictions
from serving.schemas.listings import Forecasts
from tests.serving.daily import BASELINE, DAILY, NOT_PROVEN, SYMBOL
from tests.serving.scored_api import LAST_CLOSE, api_at, at, build_folder, lake_of, problem

PATH = f"/forecasts/{DAILY.name}"
VALUE, RISK = DAILY.target_names
STALE_AT = LAST_CLOSE + timedelta(days=1, minutes=35)  # half an hour's grace, and five minutes
HISTORY = f"{PATH}/history?live=false"


def latest(client: TestClient) -> Component:
    (component,) = LatestPredictions.model_validate_json(
        client.get(f"{PATH}/latest").text
    ).predictions
    return component


def test_the_newest_prediction_of_each_target_equals_the_table(api: TestClient) -> None:
    component = latest(api)
    assert (component.symbol, list(component.targets)) == (SYMBOL, list(DAILY.target_names))
    rows = lake_of(api).sql(
        "FROM gold.predictions WHERE forecast = ? AND live AND role = 'champion'", [DAILY.name]
    )
    for row in rows.to_pylist():
        prediction = component.targets[row["target"]]
        assert prediction is not None
        if row["probabilities"] is not None:
            row["probabilities"] = dict(row["probabilities"])
        for name in set(type(prediction).model_fields) & set(row):
            assert getattr(prediction, name) == row[name], name
    assert rows.num_rows == len(component.targets)
    value, risk = component.targets[VALUE], component.targets[RISK]
    assert value is not None
    assert value.kind == "value"
    assert risk is not None
    assert risk.kind == "classes"
    assert value.value_low < value.value < value.value_high
    assert (value.unit, value.value_coverage) == ("fraction", 0.8)
    assert risk.action in DAILY.target_forecast(RISK).label.classes
    assert sum(risk.probabilities.values()) == pytest.approx(1)
    assert component.spans_night
    assert value.timestamp_next == utc("2026-09-01T20:00+00:00")


def test_the_top_of_a_component_is_its_first_target(api: TestClient) -> None:
    component = latest(api).model_dump()
    first = component["targets"][VALUE]
    assert (component["target"], component["action"], component["probabilities"]) == (
        VALUE,
        None,
        None,
    )
    for name in set(first) - {"scored_at"}:
        assert component[name] == first[name], name
    assert component["as_of"] == first["scored_at"]


def test_a_baseline_is_marked_unproven_with_the_reason(api: TestClient) -> None:
    component = latest(api)
    value, risk = component.targets[VALUE], component.targets[RISK]
    assert value is not None
    assert risk is not None
    assert (value.candidate, value.proven, value.unproven_reason) == (BASELINE, False, NOT_PROVEN)
    assert risk.proven
    assert f"unproven model of {VALUE}: {NOT_PROVEN}" in component.notices


def test_a_component_and_the_latest_are_the_same(api: TestClient) -> None:
    component = Component.model_validate_json(api.get(f"{PATH}/component?symbol={SYMBOL}").text)
    assert component == latest(api)
    answer = api.get(f"{PATH}/component?symbol={SYMBOL}&min_confidence=0.5")
    assert (answer.status_code, problem(answer).field) == (422, "min_confidence")


def test_latest_is_sent_again_only_when_more_than_its_age_changes(api: TestClient) -> None:
    for name in (DAILY.name, "nasdaq100_hourly"):
        path = f"/forecasts/{name}/latest"
        answer = api.get(path)
        condition = {"If-None-Match": answer.headers["etag"]}
        assert str(answer.json()["snapshot"]) in answer.headers["etag"]
        unchanged = api.get(path, headers=condition)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert api.get(f"{path}?").content == answer.content
        with at(api, STALE_AT.timestamp()):
            stale = api.get(path, headers=condition)
            assert stale.status_code == 200
            assert all(prediction["stale"] for prediction in stale.json()["predictions"])
    with at(api, STALE_AT.timestamp() - 1):
        assert not latest(api).stale


def test_a_forecast_without_combinations_says_so(api: TestClient) -> None:
    for route in ("signal", "signals", "signal?universe=qqq"):
        answer = api.get(f"{PATH}/{route}")
        assert answer.status_code == 404
        assert "combines no signal" in problem(answer).message
        assert f"{PATH}/latest" in problem(answer).hint


def test_the_list_of_forecasts_has_all_targets(api: TestClient) -> None:
    forecasts = Forecasts.model_validate_json(api.get("/forecasts").text).forecasts
    forecast = next(item for item in forecasts if item.name == DAILY.name)
    assert [(target.target, target.kind) for target in forecast.targets] == [
        (VALUE, "value"),
        (RISK, "classes"),
    ]
    assert forecast.targets[1].classes == list(DAILY.target_forecast(RISK).label.classes)
    assert (forecast.newest is not None, forecast.stale, forecast.universes) == (True, False, [])


def test_history_has_a_row_for_each_bar_and_target(api: TestClient) -> None:
    all_rows = PastPredictions.model_validate_json(api.get(HISTORY).text).rows
    assert {row.target for row in all_rows} == {VALUE, RISK}
    for name in (VALUE, RISK):
        rows = PastPredictions.model_validate_json(api.get(f"{HISTORY}&target={name}").text).rows
        assert rows == [row for row in all_rows if row.target == name]
        assert len(rows) == len(all_rows) / 2 > 20
        for row in rows:
            assert (row.value is None) == (row.action is not None) == (name == RISK)
            assert (row.probabilities is None) == (name == VALUE)
            assert (row.actual is not None) == (name == RISK and row.outcome is not None)
        assert any(row.outcome is not None for row in rows)
    answer = api.get(f"{HISTORY}&target=riks")
    assert (answer.status_code, problem(answer).field) == (422, "target")
    assert "did you mean risk" in problem(answer).hint
    assert api.get(f"/predictions/history?target={VALUE}").status_code == 422


def test_pages_give_every_row_of_both_targets_once(api: TestClient) -> None:
    whole = api.get(HISTORY).json()["rows"]
    rows, cursor = [], ""
    while cursor is not None:
        page = api.get(f"{HISTORY}&limit=7{cursor and '&cursor=' + cursor}").json()
        rows += page["rows"]
        cursor = page["next"]
    assert rows == whole


def test_history_is_the_same_in_all_formats(api: TestClient) -> None:
    rows = PastPredictions.model_validate_json(api.get(f"{HISTORY}&limit=9").text).rows
    arrow = api.get(f"{HISTORY}&limit=9", headers={"Accept": ARROW})
    table = pa.ipc.open_stream(arrow.content).read_all()
    text = api.get(f"{HISTORY}&limit=9", headers={"Accept": CSV})
    strings = pyarrow.csv.ConvertOptions(strings_can_be_null=True)
    lines = pyarrow.csv.read_csv(io.BytesIO(text.content), convert_options=strings)
    for name in ("target", "action", "value", "value_low", "value_high", "confidence", "actual"):
        expected = [getattr(row, name) for row in rows]
        assert table[name].to_pylist() == expected
        assert lines[name].to_pylist() == expected


def test_decisions_can_be_listed_for_one_target(api: TestClient) -> None:
    for name in DAILY.target_names:
        decisions = Decisions.model_validate_json(api.get(f"{PATH}/decisions?target={name}").text)
        assert [row.target for row in decisions.rows] == [name]


@pytest.fixture
def partly_scored_api(tmp_path: Path) -> Iterator[TestClient]:
    """A lake in which one target was never scored."""
    build_folder(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{tmp_path}/catalog.sqlite")
        patch.setenv("BULLION_LAKE_DATA", f"{tmp_path}/files")
        with open_lake() as lake, lake.write("forget") as writer:
            writer.delete("gold.predictions", "forecast = ? AND target = ?", [DAILY.name, VALUE])
    with api_at(tmp_path) as client:
        yield client


def test_a_target_without_predictions_is_null_with_a_notice(partly_scored_api: TestClient) -> None:
    component = latest(partly_scored_api)
    assert (component.targets[VALUE], component.target) == (None, RISK)
    assert f"nothing was predicted of {VALUE} lately" in component.notices
    reasons = partly_scored_api.get("/health").json()["reasons"]
    assert f"{DAILY.name}: no bar was scored for the target {VALUE}" in reasons
