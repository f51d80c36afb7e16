"""Bars and weights: what a run and those missed before it bring to silver."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pipelines import steps
from pipelines.core.errors import SourceError, SourceUnavailable
from pipelines.core.universes import universe
from pipelines.forecasts import Forecast, forecast
from pipelines.jobs.run import RunRequest, log, log_progress, record_failures, run_interval
from pipelines.lake import Lake
from pipelines.sources import source as source_named
from pipelines.steps.data import due

FRESH_WEIGHTS = timedelta(days=7)  # those asked for longer ago are asked for again


def bring_bars(
    name: str, asked: RunRequest, *, history: bool = False, weights: bool = False
) -> dict[str, Any]:
    """Bring the bars of a run to silver, and what is missing before them.

    With `history`, all that is trained on; with `weights`, these too, if they are old. A source
    that is down, or has nothing, ends the run here: what the lake had stays as it was. Symbols
    that have lagged behind the others since an earlier run are asked for too; that they are not
    there is told, and stops nothing.
    """
    declared, source = forecast(name), source_named(asked.source)
    with Lake() as lake:
        with record_failures(lake, "ingest", name, asked):
            start, at = run_interval(declared, asked)
        ours = (lake, declared, source.name, asked.symbols, start)
        if asked.fill:
            span = declared.schedule.history if history else due.look_back(declared)
            missing = due.missing_since(*ours, span)
        else:
            missing = due.look_back_since(*ours)

        def ingest(symbols: Sequence[str], since: datetime, about: str) -> steps.IngestReport:
            return steps.ingest(
                lake,
                source,
                symbols,
                declared.bar,
                since,
                at,
                as_of=at,
                about=about,
                run=asked.run,
                force=asked.force,
                progress=log_progress,
            )

        if missing.late:
            late = ingest(missing.late, missing.late_since, f"{name}, late symbols")
            log.info(late.summary())
            for failure in late.failures:
                log.warning(failure)
        report = ingest(missing.symbols, missing.since, name)
        log.info(report.summary())
        report.enforce()
        if asked.fill and not history:
            with record_failures(lake, "ingest", name, asked):
                _has_come(lake, declared, asked, start, at)
        told = _weights(lake, declared, asked) if weights else {}
    return report.counts | {"snapshot": report.snapshot} | told


def _has_come(
    lake: Lake, declared: Forecast, asked: RunRequest, start: datetime, at: datetime
) -> None:
    """A source that has not got the run's bar yet is asked again: the signal is about that bar."""
    found = lake.rows(
        """SELECT count(*) FROM silver.bars WHERE source = ? AND "interval" = ?
           AND symbol IN (SELECT unnest(?)) AND closes_at > ? AND closes_at <= ?""",
        [asked.source, declared.interval, list(asked.symbols), start, at],
    )[0][0]
    if not found:
        raise SourceUnavailable(
            f"{asked.source} has no bar yet that closed after {start:%Y-%m-%d %H:%M} up to "
            f"{at:%Y-%m-%d %H:%M} UTC",
            "it is asked again; the next run brings and scores what comes too late",
        )


def bring_weights(name: str, asked: RunRequest) -> dict[str, Any]:
    """Bring the weights of the universes that a forecast combines, where they are not fresh.

    Weights that cannot be had are no reason to stop: the newest known ones serve, and every
    signal says which they are.
    """
    with Lake() as lake:
        return _weights(lake, forecast(name), asked)


def _weights(lake: Lake, declared: Forecast, asked: RunRequest) -> dict[str, Any]:
    source = source_named(asked.source)
    told: dict[str, Any] = {}
    for one in {universe(c.universe).whole for c in declared.combinations}:
        if not asked.force and _weights_are_fresh(lake, source.name, one, asked.at):
            told[one] = "fresh"
            continue
        try:
            told[one] = steps.ingest_weights(lake, source, one, as_of=asked.at, run=asked.run)
        except SourceError as error:
            told[one] = f"none: {error.message}"
        log.info("weights of %s: %s", one, told[one])
    return told


def _weights_are_fresh(lake: Lake, source: str, whole: str, at: datetime) -> bool:
    """Were they asked for lately, or later? An answer tells what was known before it, too."""
    found: int = lake.rows(
        """SELECT count(*) FROM bronze.answers
           WHERE source = ? AND kind = 'weights' AND piece = ? AND received_at > ?""",
        [source, f"{whole} weights", at - FRESH_WEIGHTS],
    )[0][0]
    return found > 0
