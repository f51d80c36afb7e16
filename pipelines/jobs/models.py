"""Features and models: train, score, say what became of it, and watch the champion."""

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
    run_interval,
)
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry, RegistryError, model_name
from pipelines.steps.data import due


def features(name: str, source: str) -> dict[str, Any]:
    """Bring a forecast's features to what silver says now."""
    with Lake() as lake:
        done = steps.refresh_features(lake, forecast(name), source)
    log.info(done.summary())
    return {"symbols": done.symbols, "read": done.read, "written": done.written}


def train(name: str, asked: RunRequest, *, seed: int = 0) -> dict[str, Any]:
    """Compare the candidates on what was known at the end of the run's interval; decide.

    Each target by itself: where one cannot be trained the others are, and then the run fails.
    """
    from pipelines.steps.models.train import train as step

    registry, told = Registry(), dict[str, Any]()
    failed: list[Exception] = []
    with Lake() as lake, record_failures(lake, "train", name, asked):
        for one in forecast(name).per_target():
            try:
                done = step(
                    lake,
                    registry,
                    one,
                    asked.source,
                    as_of=asked.at,
                    seed=seed,
                    progress=log_progress,
                )
            # Whatever it is, it is this target's; what may pass is told before what will not.
            except Exception as error:
                failed.append(error)
                unforeseen = not isinstance(error, BullionError)
                log.error("%s was not trained: %s", model_name(one), error, exc_info=unforeseen)
                continue
            page = registry.version_page(done.model, done.version)
            log.info("%s\nreport: %s", done.summary(), page)
            told[one.target.name] = {
                "model": done.model,
                "model_version": done.version,
                "verdict": done.verdict,
                "candidate": done.candidate,
                "reason": done.decision.reason,
                "snapshot": done.snapshot,
            }
        if failed:
            raise min(failed, key=lambda error: isinstance(error, InvalidRequest))
    return told


def score(name: str, asked: RunRequest) -> dict[str, Any]:
    """Score every constituent of the run's bar, combine, publish; and the bars missed before."""
    from pipelines.steps.scoring.score import score as step

    declared = forecast(name)
    with Lake() as lake, record_failures(lake, "score", name, asked):
        start, at = run_interval(declared, asked)
        check_clock(lake, declared, asked)
        missed = due.unscored_since(lake, declared, asked.source, at) if asked.fill else None
        # A bar is named by its close here: the run's own closes after its interval has begun.
        done = step(
            lake,
            Registry(),
            declared,
            asked.source,
            start=min(missed or start, at - timedelta(microseconds=1)),
            end=at,
            run=asked.run,
            progress=log_progress,
        )
    log.info(done.summary())
    if done.skipped:
        raise NothingToDo(done.skipped)
    if not done.written:
        raise NothingToDo(f"every bar up to {at:%Y-%m-%d %H:%M} UTC was published before")
    return done.counts | {"snapshot": done.snapshot}


def outcomes(name: str, asked: RunRequest) -> dict[str, Any]:
    """Say what became of earlier predictions, as far as it is known."""
    from pipelines.steps.scoring.outcomes import refresh_outcomes

    with Lake() as lake, record_failures(lake, "outcomes", name, asked):
        done = refresh_outcomes(lake, Registry(), forecast(name), asked.source)
        _follow_the_alias(lake, name, asked.source)
    log.info(done.summary())
    return {"changed": done.changed, "removed": done.removed, "written": done.written}


def _follow_the_alias(lake: Lake, name: str, source: str) -> None:
    """Where somebody moved an alias by hand, it is obeyed from the next bar on, if it is sound."""
    from pipelines.steps.models.aliases import reconcile

    registry = Registry()
    try:
        for one in forecast(name).per_target():
            reconcile(lake, registry, one, source)
    except RegistryError as error:  # what was decided serves on; the next run asks again
        log.warning("%s", error)


def monitor(name: str, source: str, run: str) -> dict[str, Any]:
    """Hold each champion to what it had shown; reports, and a rollback where it must be."""
    from pipelines.steps.watch.monitor import monitor as step

    registry, counts = Registry(), {}
    with Lake() as lake:
        for one in forecast(name).per_target():
            done = step(lake, registry, one, source, run=run)
            log.info(done.summary())
            counts[one.target.name] = done.counts
    return counts
