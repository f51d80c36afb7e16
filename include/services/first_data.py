"""The first data, through the real DAGs: ingest, train, score, train again.

Each stage is known by what Airflow has of it, so that a second start goes on where the first
stood. The scheduled runs do what is due now; two runs of our own do what lies five sessions back.
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
from pipelines.forecasts import FORECASTS, Forecast

SESSIONS = 5  # that are scored at the first start, by a model trained before them
OVER = ("success", "failed")
Run = dict[str, Any]
Wait = Callable[[], None]


def bring(chosen: Services, say: Callable[[str], None]) -> None:
    """All stages of every forecast, side by side; those that were done are passed over."""
    parts = [FirstData(chosen, say, one) for one in FORECASTS]
    with ExitStack() as stack:
        for one in parts:
            stack.enter_context(one.client)
        going = [one.stages() for one in parts]
        while going:
            begun = [(stages, next(stages, None)) for stages in going]
            for _, wait in begun:
                if wait:
                    wait()
            going = [stages for stages, wait in begun if wait]


class FirstData:
    """Drives Airflow over REST for one forecast. `say` tells each stage as it begins."""

    def __init__(self, chosen: Services, say: Callable[[str], None], forecast: Forecast) -> None:
        self.services, self.source, self.forecast = chosen, settings().source, forecast
        self.say = lambda what: say(f"{forecast.name}: {what}")
        self.client = httpx.Client(base_url=chosen.url("airflow"), timeout=30, trust_env=False)

    def stages(self) -> Iterator[Wait]:
        """Each begins when it is asked for, and is given as what waits for its end."""
        self._log_in()
        self._parsed(self._dag("score"))
        at = _sessions_ago(SESSIONS, self.forecast)
        begun = self._begun_with()
        if begun != self.source:
            yield from self._another_source(at)
            return
        yield self._ingest()
        since, wait = self._train_before(at)
        yield wait
        yield self._score(since)
        yield self._train_now()
        self._once(self._dag("monitor"))
        self._once("lake_maintenance")

    def _dag(self, kind: str) -> str:
        return f"{kind}_{self.forecast.name}"

    def _begun_with(self) -> str:
        """The source of the first start, whose scheduled runs there are; ours at the first."""
        begun = self._run(self._dag("train"), "first_before")
        return str(begun["conf"].get("source", "sample")) if begun else self.source

    def _another_source(self, since: datetime) -> Iterator[Wait]:
        """The same stages for a source that came later, all in runs of our own."""
        at, now = since.isoformat(), datetime.now(UTC).isoformat()
        yield self._own("bringing in bars and weights", "ingest", "first_bars", {})
        yield self._own(f"training as of {at[:16]} UTC", "train", "first_before", {"end": at})
        scores = {"start": at, "end": now}
        yield self._own("scoring every bar since", "score", "first_scores", scores)
        yield self._own("training as of now", "train", "first_now", {})

    def _own(self, what: str, kind: str, name: str, conf: dict[str, str]) -> Wait:
        dag, run = self._dag(kind), f"{name}_{self.source}"
        if not self._run(dag, run):
            self._trigger(dag, run, conf, datetime.now(UTC))
        return self._end_of(what, dag, lambda: self._named(dag, run))

    def _ingest(self) -> Wait:
        dag = self._dag("ingest")
        self._once(dag)
        return self._end_of("bringing in bars and weights", dag, lambda: self._runs(dag))

    def _train_before(self, at: datetime) -> tuple[datetime, Wait]:
        """Train as of five sessions ago. The DAG's own run, as of now, is the next one."""
        dag, run = self._dag("train"), "first_before"
        if not (found := self._run(dag, run)):
            found = self._trigger(dag, run, {"end": at.isoformat()}, at)
        since = datetime.fromisoformat(found["conf"]["end"])
        self._once(dag)
        what = f"training as of {since:%Y-%m-%d %H:%M} UTC"
        return since, self._end_of(what, dag, lambda: self._named(dag, run))

    def _score(self, since: datetime) -> Wait:
        dag, run = self._dag("score"), "first_scores"
        if not self._run(dag, run):
            now = datetime.now(UTC)
            conf = {"start": since.isoformat(), "end": now.isoformat()}
            self._trigger(dag, run, conf, now)
        self._once(dag)
        return self._end_of("scoring every bar since", dag, lambda: self._named(dag, run))

    def _train_now(self) -> Wait:
        dag = self._dag("train")

        def later() -> list[Run]:
            return [r for r in self._runs(dag) if r["dag_run_id"] != "first_before"]

        return self._end_of("training as of now", dag, later)

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

    def _once(self, dag: str) -> None:
        """Unpause a DAG that never ran for its schedule: whoever pauses it later is obeyed."""
        if any(r["run_type"] == "scheduled" for r in self._runs(dag)):
            return
        self._send("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})

    def _trigger(self, dag: str, run: str, conf: dict[str, str], at: datetime) -> Run:
        """Ask for a run while its DAG is paused: the one with the earlier time begins first."""
        body = {
            "dag_run_id": run,
            "logical_date": None,
            "run_after": at.isoformat(),
            "conf": conf | {"source": self.source},
            "note": "asked for by `make up`",
        }
        made: Run = self._send("POST", f"/api/v2/dags/{dag}/dagRuns", body)
        return made or {"conf": conf}

    def _runs(self, dag: str) -> list[Run]:
        found = self._send("GET", f"/api/v2/dags/{dag}/dagRuns?order_by=-run_after&limit=50")
        return list(found["dag_runs"])

    def _run(self, dag: str, run: str) -> Run | None:
        """By its name, as it may be long ago; None where there is none."""
        found: Run | None = self._send("GET", f"/api/v2/dags/{dag}/dagRuns/{run}", absent=True)
        return found

    def _named(self, dag: str, run: str) -> list[Run]:
        return [one for one in [self._run(dag, run)] if one]

    def _end_of(self, what: str, dag: str, runs: Callable[[], list[Run]]) -> Wait:
        if not any(r["state"] == "success" for r in runs()):
            self.say(f"{what} ...")
        return lambda: self._succeeded(dag, runs)

    def _succeeded(self, dag: str, runs: Callable[[], list[Run]]) -> None:
        """Wait for the success of one of these runs; one that had failed before is tried again."""
        within = 1800.0
        deadline = time.monotonic() + within
        earlier = {r["dag_run_id"] for r in runs() if r["state"] == "failed"}
        while time.monotonic() < deadline:
            found = runs()
            if any(r["state"] == "success" for r in found):
                return
            failed = [r["dag_run_id"] for r in found if r["state"] == "failed"]
            if failed and all(r["state"] in OVER for r in found):
                if failed[0] not in earlier:
                    raise self._failed(dag, failed[0])
                earlier.clear()
                again = f"/api/v2/dags/{dag}/dagRuns/{failed[0]}/clear"
                self._send("POST", again, {"dry_run": False, "only_failed": True})
            time.sleep(1)
        raise ServiceError(f"{dag} is not done after {within / 60:g} minutes", self._see(dag))

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
        """An answer; the API server may just be restarting. With `absent`, 404 gives None."""
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
    """The close of the session that lies so many before the newest one that has closed."""
    from pipelines.core.calendar import calendar
    from pipelines.core.intervals import interval_of

    now = datetime.now(UTC)
    market = calendar(forecast.schedule.calendar)
    bars = market.bars(interval_of("1d"), now - timedelta(days=21 + 2 * count), now)
    closes = (one.replace(tzinfo=UTC) for one in bars.closes_at.astype("datetime64[us]").tolist())
    found: datetime = [one for one in closes if one <= now][-1 - count]
    return found
