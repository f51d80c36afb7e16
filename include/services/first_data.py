"""Bring the first data through the real DAGs: ingest, train, score, train again; then news.

Which stages are done is read from Airflow's runs, so that a second start continues where the first
stopped. Scheduled runs do what is due now; two triggered runs do what lies five sessions back. The
trainings as of now, whose models are for bars to come, wait until every forecast has its signals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from include.services.settings import Services
from include.services.supervisor import ServiceError
from pipelines.core.settings import settings
from pipelines.core.topics import topic_names
from pipelines.forecasts import FORECASTS, Forecast

SESSIONS = 5  # that are scored at the first start, by a model trained before them
OVER = ("success", "failed")
WITHIN = 1800.0  # seconds that a stage may take
Run = dict[str, Any]
IsOver = Callable[[], bool]
Stages = Iterator[IsOver]


def bring(config: Services, say: Callable[[str], None]) -> None:
    """Run all stages of every forecast, each at its own pace; skip those that are done."""
    drivers = [FirstData(config, say, forecast) for forecast in FORECASTS]
    with ExitStack() as stack:
        for driver in drivers:
            stack.enter_context(driver.client)
        unfinished = [_begin_next(driver.stages()) for driver in drivers]
        while unfinished := [part for part in map(_look_at, unfinished) if part]:
            time.sleep(1)
        for driver in drivers:
            driver.resume_training()
        drivers[0].begin_news()


def _begin_next(stages: Stages) -> tuple[Stages, IsOver] | None:
    """Begin the next stage; return it with those that follow, or None where none is left."""
    is_over = next(stages, None)
    return (stages, is_over) if is_over else None


def _look_at(part: tuple[Stages, IsOver] | None) -> tuple[Stages, IsOver] | None:
    """Begin the stage after one that is over."""
    if part is None:
        return None
    stages, is_over = part
    return _begin_next(stages) if is_over() else part


class FirstData:
    """Drives Airflow over REST for one forecast. `say` prints each stage as it begins."""

    def __init__(self, config: Services, say: Callable[[str], None], forecast: Forecast) -> None:
        self.services, self.source, self.forecast = config, settings().source, forecast
        self.say = lambda stage: say(f"{forecast.name}: {stage}")
        self.client = httpx.Client(base_url=config.url("airflow"), timeout=30, trust_env=False)
        self._holds_training = False

    def stages(self) -> Stages:
        """Yield for each stage whether it is over; asking for the next begins it."""
        self._log_in()
        self._parsed(self._dag("score"))
        at = _sessions_ago(SESSIONS, self.forecast)
        first_source = self._first_source()
        if first_source != self.source:
            yield from self._another_source(at)
            return
        yield self._ingest()
        since, is_trained = self._train_before(at)
        yield is_trained
        self._hold_training()
        yield self._score(since)
        self._unpause(self._dag("monitor"))
        self._unpause("lake_maintenance")

    def _hold_training(self) -> None:
        """Pause the training as of now, which would take the cores from the first signals."""
        if self._is_new(self._dag("train")):
            self._set_paused(self._dag("train"), True)
            self._holds_training = True

    def resume_training(self) -> None:
        """Let the training as of now begin, where it was held."""
        if self._holds_training:
            self._set_paused(self._dag("train"), False)

    def begin_news(self) -> None:
        """Let the news of every topic come in; nothing waits for them, and nothing needs them.

        So with the weekly audit: its first run proves what was just published.
        """
        self._unpause("audit_lake")
        for topic in topic_names():
            dag = f"ingest_news_{topic}"
            if self._send("GET", f"/api/v2/dags/{dag}", absent=True):
                self._unpause(dag)

    def _dag(self, kind: str) -> str:
        return f"{kind}_{self.forecast.name}"

    def _first_source(self) -> str:
        """Return the source of the first start, which the scheduled runs have."""
        run = self._run(self._dag("train"), "first_before")
        return str(run["conf"].get("source", "sample")) if run else self.source

    def _another_source(self, since: datetime) -> Stages:
        """Yield the same stages for a source that came later, all in triggered runs."""
        at, now = since.isoformat(), datetime.now(UTC).isoformat()
        yield self._triggered("bringing in bars and weights", "ingest", "first_bars", {})
        yield self._triggered(f"training as of {at[:16]} UTC", "train", "first_before", {"end": at})
        scores = {"start": at, "end": now}
        yield self._triggered("scoring every bar since", "score", "first_scores", scores)
        # As with the first source, the signal waits for no model of bars to come.
        self._triggered("training as of now", "train", "first_now", {})

    def _triggered(self, stage: str, kind: str, name: str, conf: dict[str, str]) -> IsOver:
        dag, run = self._dag(kind), f"{name}_{self.source}"
        if not self._run(dag, run):
            self._trigger(dag, run, conf, datetime.now(UTC))
        return self._end_of(stage, dag, lambda: self._runs_named(dag, run))

    def _ingest(self) -> IsOver:
        dag = self._dag("ingest")
        self._unpause(dag)
        return self._end_of("bringing in bars and weights", dag, lambda: self._runs(dag))

    def _train_before(self, at: datetime) -> tuple[datetime, IsOver]:
        """Train as of five sessions ago. The DAG's own run, as of now, is the next one."""
        dag, run = self._dag("train"), "first_before"
        if not (first_run := self._run(dag, run)):
            first_run = self._trigger(dag, run, {"end": at.isoformat()}, at)
        since = datetime.fromisoformat(first_run["conf"]["end"])
        self._unpause(dag)
        stage = f"training as of {since:%Y-%m-%d %H:%M} UTC"
        return since, self._end_of(stage, dag, lambda: self._runs_named(dag, run))

    def _score(self, since: datetime) -> IsOver:
        dag, run = self._dag("score"), "first_scores"
        if not self._run(dag, run):
            now = datetime.now(UTC)
            conf = {"start": since.isoformat(), "end": now.isoformat()}
            self._trigger(dag, run, conf, now)
        self._unpause(dag)
        return self._end_of("scoring every bar since", dag, lambda: self._runs_named(dag, run))

    # -- Airflow

    def _log_in(self) -> None:
        body = {"username": "admin", "password": self.services.secrets["admin"]}
        token = self._send("POST", "/auth/token", body)["access_token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    def _parsed(self, dag: str, within: float = 120.0) -> None:
        deadline = time.monotonic() + within
        while not self.client.get(f"/api/v2/dags/{dag}").is_success:
            if time.monotonic() > deadline:
                errors = self._send("GET", "/api/v2/importErrors")["import_errors"]
                why = "\n".join(str(e["stack_trace"]) for e in errors) or "it was not parsed"
                raise ServiceError(f"Airflow has no DAG {dag}:\n{why}", "mend it; `make up` again")
            time.sleep(1)

    def _unpause(self, dag: str) -> None:
        """Unpause a new DAG; one that a person paused later stays so."""
        if self._is_new(dag):
            self._set_paused(dag, False)

    def _is_new(self, dag: str) -> bool:
        """Whether no scheduled run of it is over."""
        return not any(r["run_type"] == "scheduled" and r["state"] in OVER for r in self._runs(dag))

    def _set_paused(self, dag: str, paused: bool) -> None:
        self._send("PATCH", f"/api/v2/dags/{dag}", {"is_paused": paused})

    def _trigger(self, dag: str, run: str, conf: dict[str, str], at: datetime) -> Run:
        """Trigger a run while its DAG is paused: the one with the earlier time begins first."""
        body = {
            "dag_run_id": run,
            "logical_date": None,
            "run_after": at.isoformat(),
            "conf": conf | {"source": self.source},
            "note": "requested by `make up`",
        }
        answer: Run = self._send("POST", f"/api/v2/dags/{dag}/dagRuns", body)
        return answer or {"conf": conf}

    def _runs(self, dag: str) -> list[Run]:
        answer = self._send("GET", f"/api/v2/dags/{dag}/dagRuns?order_by=-run_after&limit=50")
        return list(answer["dag_runs"])

    def _run(self, dag: str, run: str) -> Run | None:
        """Return the run of that name, however old; None where there is none."""
        answer: Run | None = self._send("GET", f"/api/v2/dags/{dag}/dagRuns/{run}", absent=True)
        return answer

    def _runs_named(self, dag: str, run: str) -> list[Run]:
        named_run = self._run(dag, run)
        return [named_run] if named_run else []

    def _end_of(self, stage: str, dag: str, runs: Callable[[], list[Run]]) -> IsOver:
        """Return whether one of these runs has succeeded; one that failed before is tried again.

        Raises ServiceError where a run fails, or half an hour is over.
        """
        first = runs()
        if not any(r["state"] == "success" for r in first):
            self.say(f"{stage} ...")
        deadline = time.monotonic() + WITHIN
        failed_before = {r["dag_run_id"] for r in first if r["state"] == "failed"}

        def is_over() -> bool:
            current = runs()
            if any(r["state"] == "success" for r in current):
                return True
            if time.monotonic() > deadline:
                minutes = f"{WITHIN / 60:g} minutes"
                raise ServiceError(f"{dag} is not done after {minutes}", self._see(dag))
            failed = [r["dag_run_id"] for r in current if r["state"] == "failed"]
            if failed and all(r["state"] in OVER for r in current):
                if failed[0] not in failed_before:
                    raise self._failed(dag, failed[0])
                failed_before.clear()
                clear_path = f"/api/v2/dags/{dag}/dagRuns/{failed[0]}/clear"
                self._send("POST", clear_path, {"dry_run": False, "only_failed": True})
            return False

        return is_over

    def _failed(self, dag: str, run: str) -> ServiceError:
        reasons = "\n".join(self._reasons(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances"))
        return ServiceError(f"{dag} failed:\n{reasons}", self._see(f"{dag}/runs/{run}"))

    def _reasons(self, where: str) -> Iterator[str]:
        for task in self._send("GET", where)["task_instances"]:
            if task["state"] != "failed":
                continue
            log = f"{where}/{task['task_id']}/logs/{task['try_number']}?full_content=true"
            for entry in self._send("GET", log)["content"]:
                for error in entry.get("error_detail") or ():
                    yield f"  {task['task_id']}: {error['exc_value']}"

    def _see(self, path: str) -> str:
        return f"see {self.services.url('airflow')}/dags/{path}, then `make up` again"

    def _send(self, method: str, path: str, body: Any = None, *, absent: bool = False) -> Any:
        """Return Airflow's answer, with patience for a restart. With `absent`, 404 gives None."""
        for patience in (1, 2, 4, 8, 15, 0):
            with suppress(httpx.TransportError):
                answer = self.client.request(method, path, json=body)
                if answer.is_success:
                    return answer.json()
                if answer.status_code == 404 and absent:
                    return None
                if answer.status_code == 409 and method == "POST":
                    return {}  # an answer was lost: it had been done
                if answer.status_code < 500:
                    break
            time.sleep(patience)
        else:
            raise ServiceError("Airflow does not answer", "see `make status` and `make logs`")
        raise ServiceError(
            f"Airflow refused {method} {path}: {answer.text[:500]}", "see `make logs`"
        )


def _sessions_ago(count: int, forecast: Forecast) -> datetime:
    """Return the close of the session that lies `count` before the newest closed one."""
    from pipelines.core.calendar import calendar
    from pipelines.core.intervals import interval_of

    now = datetime.now(UTC)
    market = calendar(forecast.schedule.calendar)
    bars = market.bars(interval_of("1d"), now - timedelta(days=21 + 2 * count), now)
    closes = (
        close.replace(tzinfo=UTC) for close in bars.closes_at.astype("datetime64[us]").tolist()
    )
    past: list[datetime] = [close for close in closes if close <= now]
    return past[-1 - count]
