"""Features and models: train, score, follow outcomes, and monitor the champion."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pipelines import steps
from pipelines.core.errors import BullionError, InvalidRequest, NothingToDo
from pipelines.forecasts import forecast
from pipelines.jobs.run import (
    RunRequest,
    check_clock,
    log,
    log_progress,
    record_failures,
    record_run,
    run_interval,
)
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry, RegistryError, model_name
from pipelines.steps.data import due
from pipelines.steps.lake import open_lake


def features(name: str, request: RunRequest) -> dict[str, Any]:
    """Compute a forecast's features and labels from what silver has now."""
    with open_lake() as lake:
        report = steps.refresh_features(lake, forecast(name), request.source)
    log.info(report.summary())
    return {"symbols": report.symbols, "read": report.read, "written": report.written}


def train_only(name: str, request: RunRequest, target: str = "") -> dict[str, Any]:
    """Compare the candidates, select one, ask the gates, and record the verdict.

    Of one target alone where it is named. MLflow's alias follows with `promote`.
    """
    return train(name, request, promote=False, target=target)


def train(
    name: str, request: RunRequest, *, seed: int = 0, promote: bool = True, target: str = ""
) -> dict[str, Any]:
    """Compare the candidates on what was known at the end of the run's interval; decide.

    Each target by itself: where one cannot be trained the others are, and then the run fails.
    What a target's training gives is the same whether the others go before it, beside it on
    another worker, or not at all.
    """
    from pipelines.steps.models.train import train as step

    registry, verdicts = Registry(), dict[str, Any]()
    failed: list[Exception] = []
    declared = forecast(name)
    targets = (declared.target_forecast(target),) if target else declared.per_target()
    with open_lake() as lake, record_failures(lake, "train", name, request):
        for target_forecast in targets:
            try:
                report = step(
                    lake,
                    registry,
                    target_forecast,
                    request.source,
                    as_of=request.at,
                    seed=seed,
                    promote=promote,
                    progress=log_progress,
                )
            # An error is about this target alone. An error that a retry may cure is raised first.
            except Exception as error:
                failed.append(error)
                unforeseen = not isinstance(error, BullionError)
                log.error(
                    "%s was not trained: %s",
                    model_name(target_forecast),
                    error,
                    exc_info=unforeseen,
                )
                continue
            page = registry.version_page(report.model, report.version)
            log.info("%s\nreport: %s", report.summary(), page)
            verdicts[target_forecast.target.name] = {
                "model": report.model,
                "model_version": report.version,
                "verdict": report.verdict,
                "candidate": report.candidate,
                "reason": report.decision.reason,
                "snapshot": report.snapshot,
            }
        if failed:
            raise min(failed, key=lambda error: isinstance(error, InvalidRequest))
    return verdicts


def promote(name: str, request: RunRequest) -> dict[str, Any]:
    """Let MLflow's alias follow the decisions, and release what no model needs any more."""
    from pipelines.steps.models.aliases import reconcile

    moves: dict[str, Any] = {}
    with open_lake() as lake:
        registry = Registry()
        for target_forecast in forecast(name).per_target():
            report = reconcile(lake, registry, target_forecast, request.source)
            moves[target_forecast.target.name] = report.champion
            log.info(report.summary())
        released = steps.release_snapshots(lake)
    return moves | {"released": released}


def report(name: str, request: RunRequest) -> dict[str, Any]:
    """Log the newest decision with its gates and its ranking; return them."""
    from pipelines.steps.models.newest_training import read_newest_training

    reports: dict[str, Any] = {}
    with open_lake(read_only=True) as lake, lake.view() as view:
        for target_forecast in forecast(name).per_target():
            newest = read_newest_training(view, target_forecast, request.source)
            if newest is None:
                continue
            log.info("%s\n%s", model_name(target_forecast), newest.describe())
            reports[target_forecast.target.name] = newest.decision
    return reports


def score(name: str, request: RunRequest) -> dict[str, Any]:
    """Score every constituent of the run's bar, combine, publish; and the bars missed before."""
    from pipelines.steps.scoring.score import score as step

    declared = forecast(name)
    with open_lake() as lake, record_failures(lake, "score", name, request):
        start, at = run_interval(declared, request)
        check_clock(lake, declared, request)
        missed = due.unscored_since(lake, declared, request.source, at) if request.fill else None
        # Bars are selected by their close, and the run's own bar closes after its interval begins.
        report = step(
            lake,
            Registry(),
            declared,
            request.source,
            start=min(missed or start, at - timedelta(microseconds=1)),
            end=at,
            run=request.run,
            progress=log_progress,
        )
    log.info(report.summary())
    if report.skipped:
        raise NothingToDo(report.skipped)
    if not report.written:
        raise NothingToDo(f"every bar up to {at:%Y-%m-%d %H:%M} UTC was published before")
    return report.counts | {"snapshot": report.snapshot}


def outcomes(name: str, request: RunRequest) -> dict[str, Any]:
    """Write the outcomes of earlier predictions, as far as they are known."""
    from pipelines.steps.scoring.outcomes import refresh_outcomes

    with open_lake() as lake, record_failures(lake, "outcomes", name, request):
        report = refresh_outcomes(lake, Registry(), forecast(name), request.source)
        _reconcile_aliases(lake, name, request.source)
        counts = {
            "changed": report.changed,
            "removed": report.removed,
            "written": report.written,
            "index_written": sum(report.index_written.values()),
        }
        record_run(lake, "outcomes", name, request, counts=counts)
    log.info(report.summary())
    return counts


def _reconcile_aliases(lake: Lake, name: str, source: str) -> None:
    """Obey aliases that were moved by hand, from the next bar on."""
    from pipelines.steps.models.aliases import reconcile

    registry = Registry()
    try:
        for target_forecast in forecast(name).per_target():
            reconcile(lake, registry, target_forecast, source)
    except RegistryError as error:  # the champion serves on; the next run tries again
        log.warning("%s", error)


def monitor(name: str, source: str, run: str) -> dict[str, Any]:
    """Monitor each champion: figures, reports, and a rollback where its skill is gone."""
    from pipelines.steps.watch.monitor import monitor as step

    registry, counts = Registry(), {}
    with open_lake() as lake:
        for target_forecast in forecast(name).per_target():
            report = step(lake, registry, target_forecast, source, run=run)
            log.info(report.summary())
            counts[target_forecast.target.name] = report.counts
    return counts
