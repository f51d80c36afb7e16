"""The first data, through the real DAGs: ingest, train, score, train again.

Each stage is known by what Airflow has of it, so that a second start goes on where the first
stood. The scheduled runs do what is due now; two runs of our own do what lies five sessions back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from include.services.settings import Services
from include.services.supervisor import ServiceError
from pipelines.settings import settings

FORECAST = "nasdaq100_hourly"
SESSIONS = 5  # that are scored at the first start, by a model trained before them
OVER = ("success", "failed")
Run = dict[str, Any]


class FirstData:
    """Drives Airflow over REST. `say` tells each stage as it ends."""

    def __init__(self, chosen: Services, say: Callable[[str], None]) -> None:
        self.services, self.say, self.source = chosen, say, settings().source
        self._client = httpx.Client(base_url=chosen.url("airflow"), timeout=30, trust_env=False)

    def bring(self) -> None:
        """All stages; those that were done are passed over."""
        with self._client:
            self._log_in()
            self._parsed(f"score_{FORECAST}")
            if self._begun_with() != self.source:
                self._another_source()
                return
            self._ingest()
            since = self._train_before()
            self._score(since)
            self._train_now()
            for dag in (f"monitor_{FORECAST}", "lake_maintenance"):
                self._once(dag)

    def _begun_with(self) -> str:
        """The source of the first start, whose scheduled runs there are; ours at the first."""
        begun = self._run(f"train_{FORECAST}", "first_before")
        return str(begun["conf"].get("source", "sample")) if begun else self.source

    def _another_source(self) -> None:
        """The same stages for a source that came later, all in runs of our own."""
        at, now = _sessions_ago(SESSIONS).isoformat(), datetime.now(UTC).isoformat()
        self._own("bringing in bars and weights", "ingest", "first_bars", {})
        self._own(f"training as of {at[:16]} UTC", "train", "first_before", {"end": at})
        self._own("scoring every bar since", "score", "first_scores", {"start": at, "end": now})
        self._own("training as of now", "train", "first_now", {})

    def _own(self, what: str, kind: str, name: str, conf: dict[str, str]) -> None:
        dag, run = f"{kind}_{FORECAST}", f"{name}_{self.source}"
        if not self._run(dag, run):
            self._trigger(dag, run, conf, datetime.now(UTC))
        self._succeeded(what, dag, lambda: self._named(dag, run))

    def _ingest(self) -> None:
        dag = f"ingest_{FORECAST}"
        self._once(dag)
        self._succeeded("bringing in bars and weights", dag, lambda: self._runs(dag))

    def _train_before(self) -> datetime:
        """Train as of five sessions ago. The DAG's own run, as of now, is the next one."""
        dag, run = f"train_{FORECAST}", "first_before"
        if not (found := self._run(dag, run)):
            at = _sessions_ago(SESSIONS)
            found = self._trigger(dag, run, {"end": at.isoformat()}, at)
        since = datetime.fromisoformat(found["conf"]["end"])
        self._once(dag)
        what = f"training as of {since:%Y-%m-%d %H:%M} UTC"
        self._succeeded(what, dag, lambda: self._named(dag, run))
        return since

    def _score(self, since: datetime) -> None:
        dag, run = f"score_{FORECAST}", "first_scores"
        if not self._run(dag, run):
            now = datetime.now(UTC)
            conf = {"start": since.isoformat(), "end": now.isoformat()}
            self._trigger(dag, run, conf, now)
        self._once(dag)
        self._succeeded("scoring every bar since", dag, lambda: self._named(dag, run))

    def _train_now(self) -> None:
        dag = f"train_{FORECAST}"

        def later() -> list[Run]:
            return [r for r in self._runs(dag) if r["dag_run_id"] != "first_before"]

        self._succeeded("training as of now", dag, later)

    # -- Airflow

    def _log_in(self) -> None:
        body = {"username": "admin", "password": self.services.secrets["admin"]}
        token = self._send("POST", "/auth/token", body)["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def _parsed(self, dag: str, within: float = 120.0) -> None:
        deadline = time.monotonic() + within
        while not self._client.get(f"/api/v2/dags/{dag}").is_success:
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
        return next(iter(self._named(dag, run)), None)

    def _named(self, dag: str, run: str) -> list[Run]:
        return [one for one in self._runs(dag) if one["dag_run_id"] == run]

    def _succeeded(self, what: str, dag: str, runs: Callable[[], list[Run]]) -> None:
        """Wait for the success of one of these runs; one that had failed before is tried again."""
        within = 1800.0
        if not any(r["state"] == "success" for r in runs()):
            self.say(f"{what} ...")
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

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        """An answer; the API server may just be restarting."""
        for patience in (1, 2, 4, 8, 15, 0):
            with suppress(httpx.TransportError):
                answer = self._client.request(method, path, json=body)
                if answer.is_success:
                    return answer.json()
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


def _sessions_ago(count: int) -> datetime:
    """The close of the session that lies so many before the newest one that has closed."""
    from pipelines.calendar import calendar
    from pipelines.forecasts import forecast
    from pipelines.intervals import interval_of

    now = datetime.now(UTC)
    market = calendar(forecast(FORECAST).schedule.calendar)
    bars = market.bars(interval_of("1d"), now - timedelta(days=21 + 2 * count), now)
    closes = (one.replace(tzinfo=UTC) for one in bars.closes_at.astype("datetime64[us]").tolist())
    found: datetime = [one for one in closes if one <= now][-1 - count]
    return found
