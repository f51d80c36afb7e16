"""Audit the lake: draw published rows, and prove each of them anew in five ways."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa

from pipelines.core.errors import BullionError, CheckFailed, NothingToDo
from pipelines.core.progress import Progress, no_progress
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.data.features import refresh_features
from pipelines.steps.proof.answers_check import check_answers
from pipelines.steps.proof.cut_history import check_features
from pipelines.steps.proof.differences import Findings
from pipelines.steps.proof.draw import DrawnSeries, draw_rows
from pipelines.steps.proof.increments import check_increments
from pipelines.steps.proof.live_times import check_times
from pipelines.steps.proof.request_path import check_requests

TABLE = "gold.audits"
ROWS = 200  # drawn by default
CHECKS = ("features", "answers", "requests", "increments", "times")
NAMED = 5  # differences that an error names


@dataclass(frozen=True)
class CheckResult:
    """What one check found of one forecast and source."""

    check: str
    series: DrawnSeries
    findings: Findings
    seconds: float


@dataclass
class AuditReport:
    """What an audit compared, and what differed."""

    seed: int
    results: list[CheckResult] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def differences(self) -> list[str]:
        return [
            f"{result.check}, {result.series.name}: {difference}"
            for result in self.results
            for difference in result.findings.differences
        ]

    @property
    def rows(self) -> int:
        """Rows compared, by whatever check."""
        return sum(result.findings.rows for result in self.results)

    def summary(self) -> str:
        lines = [f"seed {self.seed}: {self.rows:,} comparisons in {self.seconds:.1f} s"]
        for check in CHECKS:
            results = [result for result in self.results if result.check == check]
            rows = sum(result.findings.rows for result in results)
            left_out = sum(result.findings.left_out for result in results)
            bad = sum(len(result.findings.differences) for result in results)
            seconds = sum(result.seconds for result in results)
            lines.append(
                f"{check}: {rows:,} rows, {bad} differ"
                + (f", {left_out:,} not comparable any more" if left_out else "")
                + f" ({seconds:.1f} s)"
            )
        return "\n".join([*lines, *self.differences[:NAMED]])

    def enforce(self) -> None:
        """Raise where a row differs; the error names it."""
        if not self.differences:
            return
        named = "\n  ".join(self.differences[:NAMED])
        left_out = len(self.differences) - NAMED
        raise CheckFailed(
            f"{len(self.differences)} of the audited rows differ (seed {self.seed}):\n  {named}"
            + (f"\n  and {left_out} more" if left_out > 0 else ""),
            "bullion reproduce shows what a row was made of; gold.audits has every check",
        )


def audit(
    lake: Lake,
    registry: Registry,
    *,
    rows: int = ROWS,
    seed: int | None = None,
    run: str = "cli",
    progress: Progress = no_progress,
) -> AuditReport:
    """Draw published rows and check them; the results are rows of gold.audits, in one commit."""
    started = time.perf_counter()
    seed = int(datetime.now(UTC).timestamp()) if seed is None else seed
    report = AuditReport(seed)
    with lake.view() as view:
        selection = draw_rows(view, rows, seed)
    if not selection:
        raise NothingToDo("nothing was published yet: there is no row to audit")
    for series in selection:  # so that what came in since the last run is no difference
        refresh_features(lake, series.forecast, series.source)
    with lake.view() as view:
        checks: dict[str, Callable[[DrawnSeries], Findings]] = {
            "features": lambda series: check_features(lake, view, series),
            "answers": lambda series: check_answers(view, registry, series),
            "requests": lambda series: check_requests(view, registry, series),
            "increments": lambda series: check_increments(view, series),
            "times": lambda series: check_times(view, series),
        }
        total, done = len(checks) * len(selection), 0
        for name, check in checks.items():
            for series in selection:
                progress(f"{name}, {series.name}", done, total)
                report.results.append(_run(name, check, series))
                done += 1
    report.seconds = time.perf_counter() - started
    _record(lake, report, run)
    return report


def _run(name: str, check: Callable[[DrawnSeries], Findings], series: DrawnSeries) -> CheckResult:
    """Run one check; an error of the platform's is a difference, and the other checks go on."""
    started = time.perf_counter()
    try:
        findings = check(series)
    except BullionError as error:
        findings = Findings(differences=[error.message])
    return CheckResult(name, series, findings, time.perf_counter() - started)


def _record(lake: Lake, report: AuditReport, run: str) -> None:
    now = datetime.now(UTC)
    rows: list[dict[str, object]] = [
        {
            "run": run,
            "check": result.check,
            "forecast": result.series.forecast.name,
            "source": result.series.source,
            "seed": report.seed,
            "rows_checked": result.findings.rows,
            "rows_left_out": result.findings.left_out,
            "differences": len(result.findings.differences),
            "first_difference": next(iter(result.findings.differences), None),
            "seconds": result.seconds,
            "audited_at": now,
        }
        for result in report.results
    ]
    run_row = {
        "run": run,
        "step": "audit",
        "source": "all",
        "about": "lake",
        "interval_start": now,
        "interval_end": now,
        "status": "failed" if report.differences else "ok",
        "counts": json.dumps({"rows": report.rows, "differences": len(report.differences)}),
        "message": "; ".join(report.differences[:NAMED]) or None,
        "finished_at": now,
    }
    with lake.write("audit") as writer:
        writer.append(TABLE, _table(rows))
        writer.append("gold.runs", pa.Table.from_pylist([run_row]))


def _table(rows: Sequence[dict[str, object]]) -> pa.Table:
    table = pa.Table.from_pylist(list(rows))
    place = table.schema.get_field_index("first_difference")
    text = table["first_difference"].cast(pa.string())
    return table.set_column(place, "first_difference", text)
