"""The thread through the whole: a DAG run writes a row, and the API answers with it."""

from __future__ import annotations

import json

import httpx
import pytest

from pipelines.lake import Lake
from pipelines.settings import Settings
from serving.bars import Bar
from tests.integration.airflow_home import Airflow

pytestmark = pytest.mark.integration

ASKED = {
    "symbols": ["NVDA", "AAPL"],
    "start": "2026-09-01T00:00:00Z",
    "end": "2026-09-05T00:00:00Z",
}


def test_a_bar_that_a_dag_run_wrote_is_served(
    airflow: Airflow, shared_lake: Settings, api: httpx.Client
) -> None:
    before = api.get("/health")
    run = airflow.run("ingest_qqq", ASKED)
    assert run["state"] == "success", airflow.log(run)

    answer = api.get("/bars/newest", params={"symbol": "NVDA"})
    assert answer.status_code == 200, answer.text
    bar = Bar.model_validate_json(answer.text)

    with Lake(shared_lake, read_only=True) as lake:
        [written] = lake.sql(
            "SELECT * FROM silver.bars WHERE source = 'sample' AND symbol = 'NVDA' "
            "AND \"interval\" = '1h' ORDER BY ts DESC LIMIT 1"
        ).to_pylist()
        [noted] = lake.sql("SELECT run, status, counts FROM gold.runs").to_pylist()
    assert bar.model_dump(exclude={"snapshot"}) == {
        name: written[name] for name in Bar.model_fields if name != "snapshot"
    }
    assert bar.closes_at.isoformat() == "2026-09-04T20:00:00+00:00"
    assert noted["run"] == run["dag_run_id"]
    assert json.loads(noted["counts"])["accepted"] == 2 * 4 * 7  # symbols, sessions, bars
    # The API was up before there was a lake, and needed no restart.
    assert before.status_code == 503
    assert api.get("/health").json() == {"status": "ok", "snapshot": bar.snapshot}


def test_a_wrong_request_fails_at_once_and_says_why(airflow: Airflow) -> None:
    run = airflow.run("ingest_qqq", ASKED | {"symbols": ["NVDIA"]})
    assert run["state"] == "failed"
    log = airflow.log(run)
    assert "try 1" in log
    assert "NVDIA" in log
    assert "did you mean" in log


@pytest.mark.parametrize(
    ("name", "value"),
    [("source", "bloomberg"), ("interval", "2h"), ("symbols", "NVDA"), ("start", "yesterday")],
)
def test_a_parameter_outside_its_schema_starts_no_run(
    airflow: Airflow, name: str, value: str
) -> None:
    refused = airflow.trigger("ingest_qqq", ASKED | {name: value})
    assert refused.status_code == 400
    assert name in refused.json()["detail"]


def test_only_who_has_the_password_may_ask(airflow: Airflow) -> None:
    assert httpx.get(f"{airflow.url}/api/v2/dags").status_code == 401
    assert (airflow.home / "passwords.json").stat().st_mode & 0o077 == 0
