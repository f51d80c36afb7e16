"""Monitoring: live figures, Evidently's reports, and a rollback where skill is gone.

The figures and the rollback need nothing but the lake. That a report could not be made, or that
MLflow is down, is recorded and hides neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import utc
from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake
from pipelines.monitoring import reports
from pipelines.monitoring.kinds import figures
from pipelines.monitoring.live import Credit, LiveRows, LiveSkill, TrainedOn, credited
from pipelines.monitoring.pages import keep_pages, reports_folder
from pipelines.registry.decisions import ModelDecision, Serving, decisions, promoted, serving
from pipelines.registry.mlflow import Registry, reached
from pipelines.steps.models.aliases import reconcile
from pipelines.steps.models.manual_decisions import EVER
from pipelines.steps.models.moves import rollback
from pipelines.steps.scoring.day import Day, newest_day
from pipelines.steps.watch.live import Training, live_rows, nothing_known, trained_on, training_of
from pipelines.steps.watch.report import Monitored

DRIFTED = 0.3  # share of the features that is worth a warning, as at the gate
# Sessions that hold the rows a report takes: each has one or more, but not every row counts.
ENOUGH = reports.LEAST_ROWS * 5 // 4


def monitor(
    lake: Lake,
    registry: Registry,
    forecast: TargetForecast,
    source: str,
    *,
    now: datetime | None = None,
    sessions: int = 60,
    skill: LiveSkill | None = None,
    run: str = "cli",
) -> Monitored:
    """Look at what was said live over the last sessions, report it, and roll back if it must be.

    It is about one target. As of an earlier `now` everything is looked at as it was
    then, and nothing is moved that another decision has moved since.
    """
    if sessions < 1:
        raise InvalidRequest(f"{sessions} sessions to look at", "name one at the least")
    look = _Look(lake, registry, forecast, source, utc(now) if now else datetime.now(UTC))
    look.reconcile()
    skill = skill or LiveSkill(window=max(sessions, LiveSkill.least))
    with lake.view() as view:
        known = decisions(view, forecast, source)
        who, champion = serving(known, look.at), promoted(known, look.at)
        own = training_of(view, forecast, source, who) if who else None
        credit = credited(forecast.gates, own.gates) if own else None
        rows = live_rows(
            view, forecast, source, look.at, max(sessions, skill.reach(credit), ENOUGH)
        )
        day = newest_day(view, forecast, source, look.at)
    window = rows.newest(sessions)
    look.figures |= figures(forecast.label, window)
    rolled_back = look.judge(skill, champion, own, credit, rows)
    if champion is None:
        look.said.append(_unproven(forecast, source, who))
    pages = look.reports(own, window, rows.newest(sessions, reports.LEAST_ROWS))
    look.log(who.model_version if who else None, pages, day)
    kept = look.keep(pages)
    share = look.figures.get("drifted_share")
    done = Monitored(
        forecast.name,
        forecast.target.name,
        source,
        who.model_version if who else None,
        look.figures,
        tuple(look.said),
        tuple(look.failures),
        rolled_back,
        share is not None and share > DRIFTED,
        kept,
    )
    _record(lake, done, look.at, window, run)
    return done


def _unproven(forecast: TargetForecast, source: str, who: Serving | None) -> str:
    if who is None:
        return f"nothing was trained yet: bullion train {forecast.name} --source {source}"
    return f"version {who.model_version} serves unproven: there is nothing to roll back"


@dataclass
class _Look:
    """One look, and what it has found so far."""

    lake: Lake
    registry: Registry
    forecast: TargetForecast
    source: str
    at: datetime
    figures: dict[str, float | int | None] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    down: bool = False  # MLflow could not be asked
    trained: TrainedOn | None = None

    def reconcile(self) -> None:
        try:
            self.said += reconcile(self.lake, self.registry, self.forecast, self.source).said
        except BullionError as error:
            self.failures.append(f"the alias was not looked at: {error.message}")
            self.down = True

    def judge(
        self,
        skill: LiveSkill,
        champion: ModelDecision | None,
        own: Training | None,
        credit: Credit | None,
        rows: LiveRows,
    ) -> bool:
        """True where the champion was rolled back."""
        if champion is None or own is None:
            return False
        # What it said before it was last promoted was known to whoever promoted it.
        since = np.datetime64(champion.as_of.astimezone(UTC).replace(tzinfo=None), "us")
        its = rows.take((rows.version == champion.model_version) & (rows.rows.closes_at > since))
        try:
            trained = self._trained_on(own) if len(its) and credit else None
        except BullionError:  # the report on drift says so
            trained = None
        beside = (trained or nothing_known(self.forecast, its)).beside
        verdict = skill.judge(its, credit, beside)
        self.said.append(f"version {champion.model_version}: {verdict.reason}")
        self.figures |= {
            "skill": verdict.skill,
            "skill_low": verdict.low,
            "skill_high": verdict.high,
            "credited": verdict.credited,
            "champion_rows": verdict.rows,
            "champion_sessions": verdict.sessions,
        }
        return verdict.failed and self._roll_back(champion, verdict.reason)

    def _trained_on(self, own: Training) -> TrainedOn:
        """What the model was trained on, read once."""
        if self.trained is None:
            self.trained, otherwise = trained_on(self.lake, self.forecast, self.source, own)
            self.said += [otherwise] if otherwise else []
        return self.trained

    def _roll_back(self, champion: ModelDecision, reason: str) -> bool:
        with self.lake.view() as view:
            known = decisions(view, self.forecast, self.source)
        if promoted(known, EVER) != champion:
            self.said.append("it is champion no longer, so nothing is moved")
            return False
        try:
            done = rollback(
                self.lake, self.registry, self.forecast, self.source, reason=reason, by="monitor"
            )
        except BullionError as error:
            self.failures.append(f"the rollback: {error.message}")
            return False
        self.said += done.said
        return True

    def reports(self, own: Training | None, rows: LiveRows, enough: LiveRows) -> dict[str, bytes]:
        """The pages by kind. What cannot be told from the rows is said; the rest has failed."""
        if not len(rows):
            self.said.append("no live prediction has an outcome yet: nothing to report on")
            return {}
        pages: dict[str, bytes] = {}
        for kind in ("drift", "quality") if own else ("quality",):
            try:
                if kind == "drift" and own:
                    pages[kind] = self._drift(own, enough)
                else:
                    pages[kind] = reports.quality(self.forecast.label, rows)
            except InvalidRequest as error:
                self.said.append(f"no {kind} report: {error.message}")
            # Evidently raises whatever pandas or NumPy does; no figure depends on it.
            except Exception as failure:
                told = failure.message if isinstance(failure, BullionError) else str(failure)
                self.failures.append(f"the {kind} report: {type(failure).__name__}: {told[:500]}")
        return pages

    def _drift(self, own: Training, rows: LiveRows) -> bytes:
        """Live rows against the rows that the model was trained on."""
        moved = reports.drift(self._trained_on(own).beside(rows))
        self.figures |= {"drifted_share": moved.share, "labels_apart": moved.labels}
        self.said.append(moved.reason)
        return moved.page

    @property
    def which(self) -> str:
        """The target, where there are several to tell apart."""
        return self.forecast.target.name if self.forecast.has_siblings else ""

    def log(self, version: int | None, pages: Mapping[str, bytes], day: Day) -> None:
        """A run of the forecast's experiment: the figures, the pages, the day's table and WSS."""
        if self.down:
            return
        registry = self.registry
        try:
            number = registry.experiment(self.forecast.name)
            with reached(registry.uri):
                tags = {
                    "source": self.source,
                    "target": self.forecast.target.name,
                    "model_version": str(version),
                }
                name = " ".join(filter(None, ["monitor", self.which, f"{self.at:%Y-%m-%d}"]))
                run_id = registry.client.create_run(number, tags=tags, run_name=name).info.run_id
                for key, value in self.figures.items():
                    if value is not None:
                        registry.client.log_metric(run_id, key, float(value))
                for kind, page in pages.items():
                    registry.client.log_text(run_id, page.decode(), f"{kind}.html")
                if day.predictions.num_rows:
                    registry.client.log_text(run_id, day.table, "predictions.csv")
                for bar, (universe, closes, wss) in enumerate(day.wss):
                    milliseconds = int(closes.timestamp() * 1000)
                    registry.client.log_metric(run_id, f"wss_{universe}", wss, milliseconds, bar)
                registry.client.set_terminated(run_id, "FINISHED")
        except BullionError as error:
            self.failures.append(f"MLflow was not told: {error.message}")

    def keep(self, pages: Mapping[str, bytes]) -> tuple[Path, ...]:
        """The pages as files beside the lake."""
        folder = reports_folder(Path(self.lake.target) if self.lake.kind == "sqlite" else None)
        date = f"{self.at:%Y-%m-%d}"
        try:
            named = {
                "-".join(filter(None, [self.which, kind])): page for kind, page in pages.items()
            }
            return keep_pages(folder, self.forecast.name, self.source, date, named)
        except OSError as error:
            self.failures.append(f"the reports could not be written to {folder}: {error}")
            return ()


def _record(lake: Lake, done: Monitored, now: datetime, rows: LiveRows, run: str) -> None:
    first = rows.days[0].item() if len(rows) else None
    row = {
        "run": run,
        "step": "monitor",
        "source": done.source,
        "about": done.forecast,
        "interval_start": datetime.combine(first, time(), UTC) if first else now,
        "interval_end": now,
        "status": done.status,
        "counts": json.dumps(done.counts),
        "message": "; ".join([*done.failures, *done.said]) or None,
        "finished_at": datetime.now(UTC),
    }
    with lake.write(f"monitor {done.forecast}") as writer:
        writer.append("gold.runs", pa.Table.from_pylist([row]))
