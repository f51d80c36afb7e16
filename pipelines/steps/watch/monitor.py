"""Monitoring: live figures, Evidently's reports, and a rollback where skill is gone.

The figures and the rollback need nothing but the lake. A report that cannot be built, or MLflow
being down, is recorded and stops neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
from pipelines.monitoring.kinds import measure_live
from pipelines.monitoring.live_rows import LiveRows, ReferenceRows
from pipelines.monitoring.live_signals import LiveSignals
from pipelines.monitoring.live_skill import (
    Credit,
    LiveSkill,
    LiveVerdict,
    find_credit,
    find_index_credit,
)
from pipelines.monitoring.pages import reports_folder, write_pages
from pipelines.registry.decisions import (
    ModelDecision,
    ServingModel,
    champion_at,
    read_decisions,
    serving_model_at,
)
from pipelines.registry.mlflow import Registry, mlflow_errors
from pipelines.steps.models.aliases import reconcile
from pipelines.steps.models.manual_decisions import END_OF_TIME
from pipelines.steps.models.moves import rollback
from pipelines.steps.scoring.day import Day, newest_day
from pipelines.steps.watch.read import (
    TrainingRecord,
    empty_reference,
    read_live_rows,
    read_live_signals,
    read_reference_rows,
    read_training_record,
)
from pipelines.steps.watch.report import MonitoringReport

DRIFT_WARNING = 0.3  # share of the features that is worth a warning, as at the gate
# Sessions that hold the rows of a report: each has one or more, but not every row counts.
REPORT_SESSIONS = reports.LEAST_ROWS * 5 // 4


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
) -> MonitoringReport:
    """Measure a target's live predictions over the last sessions; roll back where skill is gone.

    With an earlier `now` everything is as it was then, and nothing is moved that a later decision
    has moved since.
    """
    if sessions < 1:
        raise InvalidRequest(f"{sessions} sessions to look at", "name one at the least")
    monitoring = _MonitoringRun(
        lake, registry, forecast, source, utc(now) if now else datetime.now(UTC)
    )
    monitoring.reconcile_alias()
    skill = skill or LiveSkill(window=max(sessions, LiveSkill.least))
    with lake.view() as view:
        decisions = read_decisions(view, forecast, source)
        serving, champion = (
            serving_model_at(decisions, monitoring.at),
            champion_at(decisions, monitoring.at),
        )
        training = read_training_record(view, forecast, source, serving) if serving else None
        verdicts = training.gates if training else "[]"
        credit = find_credit(forecast.gates, verdicts)
        index_credit = find_index_credit(forecast.gates, verdicts)
        span = max(sessions, skill.sessions_judged(credit), REPORT_SESSIONS)
        rows = read_live_rows(view, forecast, source, monitoring.at, span)
        signals = read_live_signals(view, forecast, source, monitoring.at, span)
        day = newest_day(view, forecast, source, monitoring.at)
    window = rows.newest(sessions)
    monitoring.figures |= measure_live(forecast.label, window)
    monitoring.figures |= signals.newest(sessions).figures()
    verdicts_of_champion = []
    if champion is not None and training is not None:
        verdicts_of_champion = [
            monitoring.judge_predictions(skill, champion, training, credit, rows),
            *monitoring.judge_signals(skill, champion, index_credit, rows, signals),
        ]
    rolled_back = monitoring.roll_back_if_failed(champion, verdicts_of_champion)
    if champion is None:
        monitoring.messages.append(_explain_no_champion(forecast, source, serving))
    pages = monitoring.build_pages(training, window, rows.newest(sessions, reports.LEAST_ROWS))
    version = serving.model_version if serving else None
    monitoring.log(version, pages, day)
    files = monitoring.write_pages(pages)
    drifted_share = monitoring.figures.get("drifted_share")
    report = MonitoringReport(
        forecast.name,
        forecast.target.name,
        source,
        version,
        monitoring.figures,
        tuple(monitoring.messages),
        tuple(monitoring.failures),
        rolled_back,
        drifted_share is not None and drifted_share > DRIFT_WARNING,
        files,
    )
    _record(lake, report, monitoring.at, window, run, monitoring.drift_rows(version))
    return report


def _explain_no_champion(
    forecast: TargetForecast, source: str, serving: ServingModel | None
) -> str:
    if serving is None:
        return f"nothing was trained yet: bullion train {forecast.name} --source {source}"
    return f"version {serving.model_version} serves unproven: there is nothing to roll back"


@dataclass
class _MonitoringRun:
    """One monitoring run, with the figures, messages and failures so far."""

    lake: Lake
    registry: Registry
    forecast: TargetForecast
    source: str
    at: datetime
    figures: dict[str, float | int | None] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    mlflow_is_down: bool = False
    reference: ReferenceRows | None = None
    drift: reports.DriftReport | None = None

    def reconcile_alias(self) -> None:
        """Bring the alias and the decisions into agreement first."""
        try:
            report = reconcile(self.lake, self.registry, self.forecast, self.source)
            self.messages += report.messages
        except BullionError as error:
            self.failures.append(f"the alias was not looked at: {error.message}")
            self.mlflow_is_down = True

    def judge_predictions(
        self,
        skill: LiveSkill,
        champion: ModelDecision,
        training: TrainingRecord,
        credit: Credit | None,
        rows: LiveRows,
    ) -> LiveVerdict:
        """Judge the champion's live predictions."""
        own_rows = rows.take(_mark_own(champion, rows.version, rows.rows.closes_at))
        try:
            reference = self._reference_rows(training) if len(own_rows) and credit else None
        except BullionError:  # the report on drift says so
            reference = None
        reference = reference or empty_reference(self.forecast, own_rows)
        verdict = skill.judge(own_rows, credit, reference.build_evidence)
        self.messages.append(f"version {champion.model_version}: {verdict.reason}")
        self._add_figures(verdict)
        self.figures |= {"champion_rows": verdict.rows, "champion_sessions": verdict.sessions}
        return verdict

    def judge_signals(
        self,
        skill: LiveSkill,
        champion: ModelDecision,
        credit: Credit | None,
        rows: LiveRows,
        signals: LiveSignals,
    ) -> list[LiveVerdict]:
        """Judge the champion's live signals of its indexes, where its gates credited them."""
        if credit is None:
            return []
        own_signals = signals.take(_mark_own(champion, signals.version, signals.closes_at))
        no_rows = rows.take(np.zeros(len(rows), bool))
        evidence = empty_reference(self.forecast, rows).build_evidence(no_rows)
        verdict = skill.judge(own_signals, credit, lambda part: part.add_to(evidence))
        self.messages.append(f"version {champion.model_version}, its signals: {verdict.reason}")
        self._add_figures(verdict, "index_")
        return [verdict]

    def _add_figures(self, verdict: LiveVerdict, prefix: str = "") -> None:
        self.figures |= {
            f"{prefix}skill": verdict.skill,
            f"{prefix}skill_low": verdict.low,
            f"{prefix}skill_high": verdict.high,
            f"{prefix}credited": verdict.credited,
        }

    def roll_back_if_failed(
        self, champion: ModelDecision | None, verdicts: Sequence[LiveVerdict]
    ) -> bool:
        """Roll the champion back where a verdict says so; True where it was done."""
        reasons = [verdict.reason for verdict in verdicts if verdict.failed]
        if champion is None or not reasons:
            return False
        return self._roll_back(champion, "; ".join(reasons))

    def _reference_rows(self, training: TrainingRecord) -> ReferenceRows:
        """The rows that the model was trained on, read once."""
        if self.reference is None:
            self.reference, message = read_reference_rows(
                self.lake, self.forecast, self.source, training
            )
            self.messages += [message] if message else []
        return self.reference

    def _roll_back(self, champion: ModelDecision, reason: str) -> bool:
        with self.lake.view() as view:
            decisions = read_decisions(view, self.forecast, self.source)
        if champion_at(decisions, END_OF_TIME) != champion:
            self.messages.append("it is champion no longer, so nothing is moved")
            return False
        try:
            report = rollback(
                self.lake, self.registry, self.forecast, self.source, reason=reason, by="monitor"
            )
        except BullionError as error:
            self.failures.append(f"the rollback: {error.message}")
            return False
        self.messages += report.messages
        return True

    def build_pages(
        self, training: TrainingRecord | None, window: LiveRows, drift_rows: LiveRows
    ) -> dict[str, bytes]:
        """Build Evidently's pages by kind; one that fails leaves a message or a failure."""
        if not len(window):
            self.messages.append("no live prediction has an outcome yet: nothing to report on")
            return {}
        pages: dict[str, bytes] = {}
        for kind in ("drift", "quality") if training else ("quality",):
            try:
                if kind == "drift" and training:
                    pages[kind] = self._build_drift_page(training, drift_rows)
                else:
                    pages[kind] = reports.build_quality_page(self.forecast.label, window)
            except InvalidRequest as error:
                self.messages.append(f"no {kind} report: {error.message}")
            # Evidently raises whatever pandas or NumPy does; no figure depends on it.
            except Exception as error:
                cause = error.message if isinstance(error, BullionError) else str(error)
                self.failures.append(f"the {kind} report: {type(error).__name__}: {cause[:500]}")
        return pages

    def _build_drift_page(self, training: TrainingRecord, rows: LiveRows) -> bytes:
        """Compare live rows with the rows that the model was trained on."""
        drift = reports.measure_drift(self._reference_rows(training).build_evidence(rows))
        self.drift = drift
        self.figures |= {"drifted_share": drift.share, "labels_apart": drift.labels}
        self.messages.append(drift.reason)
        return drift.page

    def drift_rows(self, version: int | None) -> list[dict[str, object]]:
        """Return the rows of gold.feature_drift; none where no drift could be measured."""
        drift = self.drift
        if drift is None:
            return []
        row = {
            "forecast": self.forecast.name,
            "target": self.forecast.target.name,
            "source": self.source,
            "measured_at": self.at,
            "model_version": version,
            "drift_limit": drift.limit,
            "row_count": drift.rows,
        }
        return [
            row
            | {
                "feature": name,
                "distance": drift.distances.get(name),
                "drifted": name in drift.moved or name in drift.broken,
            }
            for name in (*drift.distances, *drift.broken)
        ]

    @property
    def target_label(self) -> str:
        """The target's name, where the forecast has several; else nothing."""
        return self.forecast.target.name if self.forecast.has_siblings else ""

    def log(self, version: int | None, pages: Mapping[str, bytes], day: Day) -> None:
        """Log a run to MLflow: the figures, the pages, the day's predictions and WSS."""
        if self.mlflow_is_down:
            return
        registry = self.registry
        try:
            experiment = registry.experiment(self.forecast.name)
            with mlflow_errors(registry.uri):
                tags = {
                    "source": self.source,
                    "target": self.forecast.target.name,
                    "model_version": str(version),
                }
                name = " ".join(filter(None, ["monitor", self.target_label, f"{self.at:%Y-%m-%d}"]))
                run_id = registry.client.create_run(
                    experiment, tags=tags, run_name=name
                ).info.run_id
                for key, value in self.figures.items():
                    if value is not None:
                        registry.client.log_metric(run_id, key, float(value))
                for kind, page in pages.items():
                    registry.client.log_text(run_id, page.decode(), f"{kind}.html")
                if day.predictions.num_rows:
                    registry.client.log_text(run_id, day.table, "predictions.csv")
                for bar, (universe, closes, wss, expected_wss) in enumerate(day.wss):
                    milliseconds = int(closes.timestamp() * 1000)
                    registry.client.log_metric(run_id, f"wss_{universe}", wss, milliseconds, bar)
                    if expected_wss is not None:
                        name = f"expected_wss_{universe}"
                        registry.client.log_metric(run_id, name, expected_wss, milliseconds, bar)
                registry.client.set_terminated(run_id, "FINISHED")
        except BullionError as error:
            self.failures.append(f"not everything was logged to MLflow: {error.message}")

    def write_pages(self, pages: Mapping[str, bytes]) -> tuple[Path, ...]:
        """Write the pages to files beside the lake."""
        folder = reports_folder(Path(self.lake.target) if self.lake.kind == "sqlite" else None)
        date = f"{self.at:%Y-%m-%d}"
        try:
            named_pages = {
                "-".join(filter(None, [self.target_label, kind])): page
                for kind, page in pages.items()
            }
            return write_pages(folder, self.forecast.name, self.source, date, named_pages)
        except OSError as error:
            self.failures.append(f"the reports could not be written to {folder}: {error}")
            return ()


def _mark_own(champion: ModelDecision, version: np.ndarray, closes_at: np.ndarray) -> np.ndarray:
    """Mark what the champion published since its last promotion.

    What came before was known to whoever promoted it.
    """
    since = np.datetime64(champion.as_of.astimezone(UTC).replace(tzinfo=None), "us")
    is_own: np.ndarray = (version == champion.model_version) & (closes_at > since)
    return is_own


def _record(
    lake: Lake,
    report: MonitoringReport,
    now: datetime,
    rows: LiveRows,
    run: str,
    drift_rows: Sequence[Mapping[str, object]],
) -> None:
    """Write the run and the drift that it measured in one commit."""
    first = rows.session_days[0].item() if len(rows) else None
    row = {
        "run": run,
        "step": "monitor",
        "source": report.source,
        "about": report.forecast,
        "interval_start": datetime.combine(first, time(), UTC) if first else now,
        "interval_end": now,
        "status": report.status,
        "counts": json.dumps(report.counts),
        "message": "; ".join([*report.failures, *report.messages]) or None,
        "finished_at": datetime.now(UTC),
    }
    with lake.write(f"monitor {report.forecast}") as writer:
        writer.append("gold.runs", pa.Table.from_pylist([row]))
        if drift_rows:
            writer.append("gold.feature_drift", pa.Table.from_pylist(drift_rows))
