"""The first data come through Airflow's runs; a second start repeats nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import httpx
import pytest

from include.services import first_data
from include.services.first_data import FirstData, _sessions_ago
from include.services.settings import Services
from include.services.supervisor import ServiceError
from pipelines.core.topics import topic_names
from pipelines.forecasts import FORECASTS


@pytest.fixture(autouse=True)
def without_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.services.first_data.time.sleep", lambda _: None)


def test_a_source_that_comes_later_gets_its_own_data(
    config: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_SOURCE", "sample_noise")
    # by DAG and name; each forecast had its first data of another source
    runs: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"first_before": {"conf": {"source": "sample"}}}
    )
    triggered: list[tuple[str, str, dict[str, str]]] = []
    unpaused: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("dagRuns"):
            body = json.loads(request.content)
            dag = request.url.path.split("/")[4]
            triggered.append((dag, body["dag_run_id"], body["conf"]))
            runs[dag][body["dag_run_id"]] = body
        if request.method == "PATCH":
            unpaused.append(request.url.path.rpartition("/")[2])
        *_, dag, last = request.url.path.removesuffix("/dagRuns").split("/")
        if dag == "dagRuns":  # one by its name
            run_fields = runs[request.url.path.split("/")[4]].get(last)
            run = {"dag_run_id": last, "state": "success", **(run_fields or {})}
            return httpx.Response(200 if run_fields else 404, json=run)
        dag = last
        rows = [
            {"dag_run_id": n, "state": "success", "run_type": "manual", **r}
            for n, r in runs[dag].items()
        ]
        return httpx.Response(200, json={"dag_runs": rows, "access_token": "t"})

    def client(**_: object) -> httpx.Client:
        return real_client(base_url="http://airflow", transport=httpx.MockTransport(answer))

    real_client = httpx.Client
    monkeypatch.setattr("include.services.first_data.httpx.Client", client)
    lines: list[str] = []
    first_data.bring(config, lines.append)
    for declared in FORECASTS:
        of_forecast = [(dag, conf) for dag, _, conf in triggered if dag.endswith(declared.name)]
        assert [dag.partition("_")[0] for dag, _ in of_forecast] == [
            "ingest",
            "train",
            "score",
            "train",
        ]
        assert {conf["source"] for _, conf in of_forecast} == {"sample_noise"}
        assert of_forecast[1][1]["end"] == of_forecast[2][1]["start"]
    before = len(triggered)
    first_data.bring(config, lines.append)
    assert len(triggered) == before, "a second start finds all of it done"
    # News come in once the first data are there, as does the audit, and nothing waits for them.
    assert unpaused == ["audit_lake", *(f"ingest_news_{topic}" for topic in topic_names())] * 2
    assert not [dag for dag, *_ in triggered if dag.startswith("ingest_news")]


def test_five_sessions_back_is_the_close_of_a_session() -> None:
    at = _sessions_ago(5, FORECASTS[0])
    assert at < _sessions_ago(0, FORECASTS[0])
    assert at.hour in (17, 18, 20, 21)  # a half-day's or a day's close, in summer and winter


class ScriptedAirflow:
    """An Airflow whose runs have these states, one after the other."""

    def __init__(self, config: Services, *states: str) -> None:
        self.states, self.cleared, self.lines = list(states), 0, list[str]()
        self.first = FirstData(config, self.lines.append, FORECASTS[0])
        self.first.client = httpx.Client(
            base_url="http://airflow", transport=httpx.MockTransport(self.answer)
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        body: Any = {"task_instances": []}
        if request.url.path.endswith("/clear"):
            self.cleared += 1
        elif request.url.path.endswith("/dagRuns"):
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            body = {"dag_runs": [{"dag_run_id": "r", "state": state}]}
        return httpx.Response(200, content=json.dumps(body))

    def wait(self) -> None:
        is_over = self.first._end_of("training", "train", lambda: self.first._runs("train"))
        while not is_over():
            pass


def test_a_stage_that_is_done_is_skipped_in_silence(config: Services) -> None:
    airflow = ScriptedAirflow(config, "success")
    airflow.wait()
    assert (airflow.lines, airflow.cleared) == ([], 0)


def test_a_run_that_failed_earlier_is_tried_again(config: Services) -> None:
    airflow = ScriptedAirflow(config, "failed", "failed", "running", "success")
    airflow.wait()
    assert airflow.cleared == 1


def test_a_run_that_fails_is_reported_with_its_address(config: Services) -> None:
    with pytest.raises(ServiceError, match="train failed") as caught:
        ScriptedAirflow(config, "running", "running", "failed").wait()
    assert f"{config.url('airflow')}/dags/train/runs/r" in caught.value.hint


def test_each_forecast_goes_its_own_way_and_trainings_as_of_now_wait(
    config: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first forecast trains long; the others are scored meanwhile."""
    slow, *others = (f"train_{forecast.name}" for forecast in FORECASTS)
    events: list[tuple[str, object]] = []
    runs: dict[tuple[str, str], dict[str, Any]] = {}
    looks = 40  # until the slow training is over

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal looks
        parts = request.url.path.strip("/").split("/")
        dag = parts[3] if len(parts) > 3 else ""
        if request.method == "PATCH":
            events.append((dag, "held" if json.loads(request.content)["is_paused"] else "begins"))
        elif request.method == "POST" and parts[-1] == "dagRuns":
            body = json.loads(request.content)
            runs[dag, body["dag_run_id"]] = body | {"run_type": "manual", "state": "success"}
            events.append((dag, body["dag_run_id"]))
            return httpx.Response(200, json=body)
        elif parts[-1] == "dagRuns":  # of the ingest, which is scheduled, one is over
            rows = [run for (name, _), run in runs.items() if name == dag]
            if dag.startswith("ingest"):
                rows = [{"dag_run_id": "s", "run_type": "scheduled", "state": "success"}]
            return httpx.Response(200, json={"dag_runs": rows})
        elif "dagRuns" in parts:
            run = runs.get((dag, parts[-1]))
            if dag == slow and run:
                looks -= 1
                if looks == 0:
                    events.append((slow, "over"))
                run = run | {"state": "running" if looks > 0 else "success"}
            return httpx.Response(200 if run else 404, json=run or {})
        return httpx.Response(200, json={"access_token": "t"})

    real_client = httpx.Client
    monkeypatch.setattr(
        "include.services.first_data.httpx.Client",
        lambda **_: real_client(base_url="http://a", transport=httpx.MockTransport(answer)),
    )
    first_data.bring(config, lambda line: None)
    over = events.index((slow, "over"))
    for dag in others:
        scored = events.index((dag.replace("train", "score", 1), "first_scores"))
        assert events.index((dag, "held")) < scored < over
    last_scores = max(n for n, (_, event) in enumerate(events) if event == "first_scores")
    for dag in (slow, *others):
        assert events.index((dag, "held")) > events.index((dag, "begins"))
        assert max(n for n, event in enumerate(events) if event == (dag, "begins")) > last_scores
