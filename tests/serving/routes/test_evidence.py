"""What the API says of one version of a model: gates, evidence, ranking and drift."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from pipelines.contracts.evidence import EVIDENCE_KINDS
from serving.schemas.evidence import Drift, Evidence, Gates, Rankings
from tests.serving.daily import DAILY
from tests.serving.model_evidence import CANDIDATES, GATES, ROWS
from tests.serving.scored_api import lake_of, problem
from tests.steps.scored_market import HOURLY

PATH = f"/forecasts/{HOURLY.name}"
OF_A_VERSION = ("gates", "evidence", "rankings", "drift")
CLASSES = HOURLY.targets[0].label.classes


def test_gates_are_rows_and_say_which_side_they_need(api: TestClient) -> None:
    answer = Gates.model_validate_json(api.get(f"{PATH}/gates").text)
    assert (answer.model_version, answer.target, answer.proven) == (1, "action", False)
    assert [row.gate for row in answer.rows] == [gate["gate"] for gate in json.loads(GATES)]
    assert [row.needs for row in answer.rows] == ["at_least", "at_most", "unknown"]
    for row, gate in zip(answer.rows, json.loads(GATES), strict=True):
        assert row.model_dump(exclude={"needs"}) == gate


def test_evidence_has_all_kinds_in_order_and_the_greatest_importances(api: TestClient) -> None:
    answer = Evidence.model_validate_json(api.get(f"{PATH}/evidence").text)
    assert answer.judged_candidate == CANDIDATES[0]
    kinds = list(dict.fromkeys(row.evidence for row in answer.rows))
    assert kinds == sorted(EVIDENCE_KINDS)
    counts = [row.row_count for row in answer.rows if row.evidence == "confusion"]
    assert (len(counts), sum(counts)) == (len(CLASSES) ** 2, ROWS)
    importances = [row for row in answer.rows if row.evidence == "importance"]
    assert [row.place for row in importances] == list(
        range(1, min(20, len(HOURLY.feature_names)) + 1)
    )
    curve = [(r.x, r.y) for r in answer.rows if (r.evidence, r.name) == ("roc", CLASSES[0])]
    assert (curve[0], curve[-1]) == ((0, 0), (1, 1))
    two = api.get(f"{PATH}/evidence?evidence=importance&top=2").text
    assert Evidence.model_validate_json(two).rows == importances[:2]


def test_rankings_are_of_the_training_the_best_first(api: TestClient) -> None:
    answer = Rankings.model_validate_json(api.get(f"{PATH}/rankings?model_version=1").text)
    assert [(row.rank, row.candidate) for row in answer.rows] == list(enumerate(CANDIDATES, 1))


def test_drift_begins_with_what_cannot_be_compared(api: TestClient) -> None:
    answer = Drift.model_validate_json(api.get(f"{PATH}/drift").text)
    assert len(answer.rows) == len(HOURLY.feature_names)
    distances = [row.distance for row in answer.rows]
    assert distances[0] is None
    finite_distances = [distance for distance in distances if distance is not None]
    assert finite_distances == sorted(finite_distances, reverse=True)
    drifted = lake_of(api).rows("SELECT count(*) FROM gold.feature_drift WHERE drifted")
    assert drifted == [(sum(row.drifted for row in answer.rows),)]


def test_a_version_from_before_evidence_was_stored_says_so(api: TestClient) -> None:
    answer = api.get(f"/forecasts/{DAILY.name}/evidence").json()
    assert answer["rows"] == []
    assert any("trained before evidence was stored" in notice for notice in answer["notices"])
    assert api.get(f"/forecasts/{DAILY.name}/gates").json()["rows"] == []
    notices = api.get(f"/forecasts/{DAILY.name}/drift").json()["notices"]
    assert any(f"monitor_{DAILY.name} measures it" in notice for notice in notices)


@pytest.mark.parametrize("rest", OF_A_VERSION)
def test_before_a_training_there_are_no_rows_and_the_way_to_one(api: TestClient, rest: str) -> None:
    answer = api.get(f"/forecasts/nvda_5m/{rest}")
    assert answer.status_code == 200
    assert answer.json()["rows"] == []
    assert answer.json()["model_version"] is None
    assert any("trigger train_nvda_5m" in notice for notice in answer.json()["notices"])


@pytest.mark.parametrize("rest", OF_A_VERSION)
def test_an_unknown_version_or_target_is_refused(api: TestClient, rest: str) -> None:
    missing = api.get(f"{PATH}/{rest}?model_version=99")
    assert missing.status_code == 404
    assert "decisions lists the versions" in problem(missing).hint
    assert api.get(f"{PATH}/{rest}?target=risk").status_code == 422
    assert api.get(f"{PATH}/{rest}?model_version=two").status_code == 422
    assert api.get(f"/forecasts/none/{rest}").status_code == 404


def test_an_unchanged_answer_is_a_304(api: TestClient) -> None:
    for rest in OF_A_VERSION:
        tag = api.get(f"{PATH}/{rest}").headers["etag"]
        assert api.get(f"{PATH}/{rest}", headers={"If-None-Match": tag}).status_code == 304
