"""From end to end: a DAG run writes a row, and the API answers with it."""

from __future__ import annotations

import json

import httpx
import pytest

from pipelines.core.settings import Settings
from pipelines.steps.lake import open_lake
from serving.routes.bars import Bar
from tests.integration.airflow_home import Airflow
from tests.recent import HOURLY, INGEST

pytestmark = pytest.mark.integration

CONF = {
    "symbols": ["NVDA", "AAPL"],
    "start": "2026-09-01T00:00:00Z",
    "end": "2026-09-05T00:00:00Z",
}


def test_the_api_serves_a_bar_that_a_dag_run_wrote(
    airflow: Airflow, shared_lake: Settings, api: httpx.Client
) -> None:
    run = airflow.run(INGEST, CONF)
    assert run["state"] == "success", airflow.log(run)

    answer = api.get("/bars/newest", params={"symbol": "NVDA"})
    assert answer.status_code == 200, answer.text
    bar = Bar.model_validate_json(answer.text)

    with open_lake(shared_lake, read_only=True) as lake:
        [row] = lake.sql(
            "SELECT * FROM silver.bars WHERE source = 'sample' AND symbol = 'NVDA' "
            "AND \"interval\" = '1h' ORDER BY ts DESC LIMIT 1"
        ).to_pylist()
        [note] = lake.sql(
            """SELECT status, counts FROM gold.runs
               WHERE run = ? AND step = 'ingest' AND about = ?""",
            [run["dag_run_id"], HOURLY.name],
        ).to_pylist()
    assert bar.model_dump(exclude={"snapshot"}) == {
        name: row[name] for name in Bar.model_fields if name != "snapshot"
    }
    assert note["status"] == "ok"
    assert json.loads(note["counts"])["received"] >= 2 * 4 * 7  # symbols, sessions, bars


def test_a_wrong_request_fails_at_once_and_says_why(airflow: Airflow) -> None:
    run = airflow.run(INGEST, CONF | {"symbols": ["NVDIA"]})
    assert run["state"] == "failed"
    log = airflow.log(run)
    assert "try 1" in log
    assert "NVDIA" in log
    assert "did you mean" in log


@pytest.mark.parametrize(
    ("name", "value"),
    [("source", "bloomberg"), ("universe", "dow"), ("symbols", "NVDA"), ("start", "yesterday")],
)
def test_a_parameter_outside_its_schema_starts_no_run(
    airflow: Airflow, name: str, value: str
) -> None:
    answer = airflow.trigger(INGEST, CONF | {name: value})
    assert answer.status_code == 400
    assert name in answer.json()["detail"]


def test_airflow_answers_only_with_the_password(airflow: Airflow) -> None:
    assert httpx.get(f"{airflow.url}/api/v2/dags").status_code == 401
    assert (airflow.home / "passwords.json").stat().st_mode & 0o077 == 0
