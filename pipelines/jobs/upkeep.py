"""Maintain the lake: check its contracts, keep it small, and verify every file."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines import steps
from pipelines.core.errors import CheckFailed
from pipelines.forecasts import forecast
from pipelines.jobs.run import RunRequest, log, log_progress, record_failures, record_run
from pipelines.lake import Lake
from pipelines.steps.data.validate import Layer, validate
from pipelines.steps.lake import open_lake

LAKE, ALL_SOURCES = "lake", "all"  # what such a run is about, as gold.runs has it


def data_docs() -> str:
    """Check every table against its contract with Great Expectations; return the pages' address."""
    from pipelines.quality.data_docs import build_docs

    with open_lake() as lake:
        place = str(build_docs(lake))
    log.info("Data Docs: %s", place)
    return place


def compact(run: str) -> str:
    """Flush inlined rows, rewrite small files, expire old snapshots, remove orphans."""
    from pipelines.lake import compaction

    request = _request(run)
    with open_lake() as lake, record_failures(lake, "compact", LAKE, request):
        steps.release_snapshots(lake)
        report = compaction.compact(lake)
        summary, warnings = report.summary(), report.warnings()
        message = "; ".join((summary, *warnings))
        status = "warned" if warnings else "ok"
        record_run(lake, "compact", LAKE, request, status=status, message=message)
    log.info(summary)
    for warning in warnings:
        log.warning(warning)
    return message


def verify(run: str) -> str:
    """Check every file of the lake, and every row in its catalog, against its checksum."""
    request = _request(run)
    with open_lake() as lake, record_failures(lake, "verify", LAKE, request):
        summary = _verify(lake)
        record_run(lake, "verify", LAKE, request, message=summary)
    return summary


def _verify(lake: Lake) -> str:
    from pipelines.lake import verification

    result = verification.verify(lake)
    summary = f"{result.files} files, {result.bytes:,} bytes, {len(result.problems)} problems"
    log.info(summary)
    if result.problems:
        damaged = "\n  ".join(f"{problem.path} {problem.what}" for problem in result.problems)
        raise CheckFailed(
            f"{len(result.problems)} files or commits are not what they were:\n  {damaged}",
            "restore them from a copy; see data_lake/README.md",
        )
    return summary


def audit(run: str) -> dict[str, int]:
    """Draw published rows, and prove each of them anew; a difference is an error that names it."""
    from pipelines.registry.mlflow import Registry
    from pipelines.steps.proof.audit import audit as step

    with open_lake() as lake, record_failures(lake, "audit", LAKE, _request(run)):
        report = step(lake, Registry(), run=run, progress=log_progress)
    log.info(report.summary())
    report.enforce()
    return {"rows": report.rows, "differences": len(report.differences), "seed": report.seed}


def _request(run: str) -> RunRequest:
    """Return the request of a run that is about the lake as it is now."""
    return RunRequest(source=ALL_SOURCES, symbols=(), start=None, at=datetime.now(UTC), run=run)


def validate_bronze(name: str, request: RunRequest) -> dict[str, int]:
    """Hold what the sources said to the contracts of its tables."""
    return _validate(name, request, "bronze")


def validate_gold(name: str, request: RunRequest) -> dict[str, int]:
    """Hold the rows that are trained on to the contracts of their tables."""
    return _validate(name, request, "gold")


def _validate(name: str, request: RunRequest, layer: Layer) -> dict[str, int]:
    with open_lake() as lake, record_failures(lake, f"validate_{layer}", name, request):
        verdicts = validate(lake, forecast(name), request.source, layer)
    warnings = [verdict for verdict in verdicts if not verdict.passed]
    for verdict in warnings:
        log.warning("%s %s: %s", verdict.table_name, verdict.check, verdict.detail)
    log.info("%d checks, %d warnings", len(verdicts), len(warnings))
    return {"checks": len(verdicts), "warnings": len(warnings)}
