"""What a forecast with several targets has said: the newest of each by name, and the past."""

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
from tests.serving.served import CLOSED, api_at, at, build_folder, lake_of, problem

HERE = f"/forecasts/{DAILY.name}"
VALUE, RISK = DAILY.target_names
STALE_AT = CLOSED + timedelta(days=1, minutes=35)  # half an hour's grace, and five minutes
HISTORY = f"{HERE}/history?live=false"


def latest(client: TestClient) -> Component:
    (one,) = LatestPredictions.model_validate_json(client.get(f"{HERE}/latest").text).predictions
    return one


def test_the_newest_of_each_target_is_what_the_tables_say(api: TestClient) -> None:
    made = latest(api)
    assert (made.symbol, list(made.targets)) == (SYMBOL, list(DAILY.target_names))
    rows = lake_of(api).sql(
        "FROM gold.predictions WHERE forecast = ? AND live AND role = 'champion'", [DAILY.name]
    )
    for row in rows.to_pylist():
        told = made.targets[row["target"]]
        assert told is not None
        if row["probabilities"] is not None:
            row["probabilities"] = dict(row["probabilities"])
        for name in set(type(told).model_fields) & set(row):
            assert getattr(told, name) == row[name], name
    assert rows.num_rows == len(made.targets)
    value, risk = made.targets[VALUE], made.targets[RISK]
    assert value is not None
    assert value.kind == "value"
    assert risk is not None
    assert risk.kind == "classes"
    assert value.value_low < value.value < value.value_high
    assert (value.unit, value.value_coverage) == ("fraction", 0.8)
    assert risk.action in DAILY.target_forecast(RISK).label.classes
    assert sum(risk.probabilities.values()) == pytest.approx(1)
    assert made.spans_night
    assert value.timestamp_next == utc("2026-09-01T20:00+00:00")


def test_the_top_is_the_first_target(api: TestClient) -> None:
    made = latest(api).model_dump()
    first = made["targets"][VALUE]
    assert (made["target"], made["action"], made["probabilities"]) == (VALUE, None, None)
    for name in set(first) - {"scored_at"}:
        assert made[name] == first[name], name
    assert made["as_of"] == first["scored_at"]


def test_a_baseline_is_marked_and_says_why(api: TestClient) -> None:
    made = latest(api)
    value, risk = made.targets[VALUE], made.targets[RISK]
    assert value is not None
    assert risk is not None
    assert (value.candidate, value.proven, value.unproven_reason) == (BASELINE, False, NOT_PROVEN)
    assert risk.proven
    assert f"unproven model of {VALUE}: {NOT_PROVEN}" in made.notices


def test_a_component_and_the_latest_are_the_same(api: TestClient) -> None:
    one = Component.model_validate_json(api.get(f"{HERE}/component?symbol={SYMBOL}").text)
    assert one == latest(api)
    answer = api.get(f"{HERE}/component?symbol={SYMBOL}&min_confidence=0.5")
    assert (answer.status_code, problem(answer).field) == (422, "min_confidence")


def test_latest_is_told_again_only_when_something_but_the_age_changes(api: TestClient) -> None:
    for name in (DAILY.name, "nasdaq100_hourly"):
        path = f"/forecasts/{name}/latest"
        answer = api.get(path)
        known = {"If-None-Match": answer.headers["etag"]}
        assert str(answer.json()["snapshot"]) in answer.headers["etag"]
        again = api.get(path, headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert api.get(f"{path}?").content == answer.content
        with at(api, STALE_AT.timestamp()):
            stale = api.get(path, headers=known)
            assert stale.status_code == 200
            assert all(one["stale"] for one in stale.json()["predictions"])
    with at(api, STALE_AT.timestamp() - 1):
        assert not latest(api).stale


def test_a_forecast_without_combinations_says_so(api: TestClient) -> None:
    for rest in ("signal", "signals", "signal?universe=qqq"):
        answer = api.get(f"{HERE}/{rest}")
        assert answer.status_code == 404
        assert "combines no signal" in problem(answer).message
        assert f"{HERE}/latest" in problem(answer).hint


def test_what_it_forecasts_is_listed(api: TestClient) -> None:
    every = Forecasts.model_validate_json(api.get("/forecasts").text).forecasts
    one = next(told for told in every if told.name == DAILY.name)
    assert [(t.target, t.kind) for t in one.targets] == [(VALUE, "value"), (RISK, "classes")]
    assert one.targets[1].classes == list(DAILY.target_forecast(RISK).label.classes)
    assert (one.newest is not None, one.stale, one.universes) == (True, False, [])


def test_history_has_a_row_a_bar_and_target(api: TestClient) -> None:
    every = PastPredictions.model_validate_json(api.get(HISTORY).text).rows
    assert {row.target for row in every} == {VALUE, RISK}
    for name in (VALUE, RISK):
        rows = PastPredictions.model_validate_json(api.get(f"{HISTORY}&target={name}").text).rows
        assert rows == [row for row in every if row.target == name]
        assert len(rows) == len(every) / 2 > 20
        for row in rows:
            assert (row.value is None) == (row.action is not None) == (name == RISK)
            assert (row.probabilities is None) == (name == VALUE)
            assert (row.actual is not None) == (name == RISK and row.outcome is not None)
        assert any(row.outcome is not None for row in rows)
    answer = api.get(f"{HISTORY}&target=riks")
    assert (answer.status_code, problem(answer).field) == (422, "target")
    assert "did you mean risk" in problem(answer).hint
    assert api.get(f"/predictions/history?target={VALUE}").status_code == 422


def test_pages_give_both_targets_once(api: TestClient) -> None:
    whole = api.get(HISTORY).json()["rows"]
    found, cursor = [], ""
    while cursor is not None:
        page = api.get(f"{HISTORY}&limit=7{cursor and '&cursor=' + cursor}").json()
        found += page["rows"]
        cursor = page["next"]
    assert found == whole


def test_history_is_the_same_in_all_forms(api: TestClient) -> None:
    rows = PastPredictions.model_validate_json(api.get(f"{HISTORY}&limit=9").text).rows
    arrow = api.get(f"{HISTORY}&limit=9", headers={"Accept": ARROW})
    table = pa.ipc.open_stream(arrow.content).read_all()
    text = api.get(f"{HISTORY}&limit=9", headers={"Accept": CSV})
    strings = pyarrow.csv.ConvertOptions(strings_can_be_null=True)
    lines = pyarrow.csv.read_csv(io.BytesIO(text.content), convert_options=strings)
    for name in ("target", "action", "value", "value_low", "value_high", "confidence", "actual"):
        wanted = [getattr(row, name) for row in rows]
        assert table[name].to_pylist() == wanted
        assert lines[name].to_pylist() == wanted


def test_decisions_of_one_target(api: TestClient) -> None:
    for name in DAILY.target_names:
        said = Decisions.model_validate_json(api.get(f"{HERE}/decisions?target={name}").text)
        assert [row.target for row in said.rows] == [name]


@pytest.fixture
def half(tmp_path: Path) -> Iterator[TestClient]:
    """A lake in which one target was never scored."""
    build_folder(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{tmp_path}/catalog.sqlite")
        patch.setenv("BULLION_LAKE_DATA", f"{tmp_path}/files")
        with open_lake() as lake, lake.write("forget") as writer:
            writer.delete("gold.predictions", "forecast = ? AND target = ?", [DAILY.name, VALUE])
    with api_at(tmp_path) as client:
        yield client


def test_a_target_that_was_never_said_is_null_and_told(half: TestClient) -> None:
    made = latest(half)
    assert (made.targets[VALUE], made.target) == (None, RISK)
    assert f"nothing was predicted of {VALUE} lately" in made.notices
    reasons = half.get("/health").json()["reasons"]
    assert f"{DAILY.name}: no bar was scored for the target {VALUE}" in reasons
