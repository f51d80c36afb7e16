"""What one scheduled run does, told by names and instants: the tasks of the DAGs, without Airflow.

A job opens the lake and the registry, calls steps, logs what came in, went out and was rejected,
and returns it in counts. Every job may be run again: it then changes nothing, or goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines import steps
from pipelines.calendar import calendar
from pipelines.errors import CheckFailed, NothingToDo, SourceError
from pipelines.forecasts import Forecast, forecast
from pipelines.lake import Lake
from pipelines.registry import Registry
from pipelines.sources import source as source_named
from pipelines.steps import due
from pipelines.universes import universe

log = logging.getLogger(__name__)

FRESH_WEIGHTS = timedelta(days=7)  # those received longer ago are asked for again


@dataclass(frozen=True)
class Asked:
    """What a run is asked for. It knows nothing later than `at`."""

    source: str
    symbols: tuple[str, ...]
    start: datetime | None  # of its data interval, or as a user said
    at: datetime  # its end
    run: str
    fill: bool = True  # bring and score, too, what was missed before it
    force: bool = False


def symbols_of(name: str, chosen: str, symbols: Sequence[str] = ()) -> tuple[str, ...]:
    """The symbols named, or those of a universe as far as the forecast forecasts them."""
    if symbols:
        return tuple(symbols)
    declared = forecast(name)
    return tuple(s for s in universe(chosen).symbols if s in declared.symbols) or declared.symbols


def bring(name: str, asked: Asked, *, history: bool = False) -> dict[str, Any]:
    """Bring the bars of a run to silver, and what is missing before them.

    With `history`, all that is trained on. A source that is down, or has nothing, ends the run
    here: what the lake had stays as it was.
    """
    declared, source = forecast(name), source_named(asked.source)
    start, at = _interval(declared, asked)
    with Lake() as lake:
        if asked.fill:
            span = declared.schedule.history if history else _look_back(declared)
            start = due.missing_since(lake, declared, source.name, asked.symbols, start, span)
        else:
            start = due.look_back_since(lake, declared, source.name, asked.symbols, start)
        report = steps.ingest(
            lake,
            source,
            asked.symbols,
            declared.bar,
            start,
            at,
            as_of=at,
            about=name,
            run=asked.run,
            force=asked.force,
            progress=_logged,
        )
        log.info(report.summary())
        report.enforce()
    return report.counts | {"snapshot": report.snapshot}


def bring_weights(name: str, asked: Asked) -> dict[str, Any]:
    """Bring the weights of the universes that a forecast combines, where they are not fresh.

    Weights that cannot be had are no reason to stop: the newest known ones serve, and every
    signal says which they are.
    """
    declared, source = forecast(name), source_named(asked.source)
    told: dict[str, Any] = {}
    with Lake() as lake:
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


def features(name: str, source: str) -> dict[str, Any]:
    """Bring a forecast's features to what silver says now."""
    with Lake() as lake:
        done = steps.refresh_features(lake, forecast(name), source)
    log.info(done.summary())
    return {"symbols": done.symbols, "read": done.read, "written": done.written}


def train(name: str, asked: Asked, *, seed: int = 0) -> dict[str, Any]:
    """Compare the candidates on what was known at the end of the run's interval; decide."""
    from pipelines.steps.train import train as step

    declared = forecast(name)
    with Lake() as lake:
        done = step(
            lake, Registry(), declared, asked.source, as_of=asked.at, seed=seed, progress=_logged
        )
    log.info(done.summary())
    return {
        "model": done.model,
        "model_version": done.version,
        "verdict": done.verdict,
        "reason": done.decision.reason,
        "snapshot": done.snapshot,
    }


def score(name: str, asked: Asked) -> dict[str, Any]:
    """Score every constituent of the run's bar, combine, publish; and the bars missed before."""
    from pipelines.steps.score import score as step

    declared = forecast(name)
    start, at = _interval(declared, asked)
    with Lake() as lake:
        missed = due.unscored_since(lake, declared, asked.source, at) if asked.fill else None
        # A bar is named by its close here: the run's own closes after its interval has begun.
        since = missed if missed is not None and asked.fill else start
        done = step(
            lake,
            Registry(),
            declared,
            asked.source,
            start=min(since, at - timedelta(microseconds=1)),
            end=at,
            run=asked.run,
            progress=_logged,
        )
    log.info(done.summary())
    if done.skipped:
        raise NothingToDo(done.skipped)
    if not done.written:
        raise NothingToDo(f"every bar up to {at:%Y-%m-%d %H:%M} UTC was published before")
    return done.counts | {"snapshot": done.snapshot}


def outcomes(name: str, asked: Asked) -> dict[str, Any]:
    """Say what became of earlier predictions, as far as it is known."""
    from pipelines.steps.outcomes import refresh_outcomes

    with Lake() as lake:
        done = refresh_outcomes(lake, Registry(), forecast(name), asked.source)
    log.info(done.summary())
    return {"changed": done.changed, "removed": done.removed, "written": done.written}


def monitor(name: str, source: str, run: str) -> dict[str, Any]:
    """Hold the champion to what it had shown; reports, and a rollback where it must be."""
    from pipelines.steps.monitor import monitor as step

    with Lake() as lake:
        done = step(lake, Registry(), forecast(name), source, run=run)
    log.info(done.summary())
    return done.counts


def data_docs() -> str:
    """Hold every table to its contract with Great Expectations; the address of its pages."""
    from pipelines.data_docs import build_docs

    with Lake() as lake:
        place = str(build_docs(lake))
    log.info("Data Docs: %s", place)
    return place


def compact() -> str:
    """Flush inlined rows, rewrite small files, expire old snapshots, remove orphans."""
    from pipelines import maintenance

    with Lake() as lake:
        steps.release_snapshots(lake)
        told = maintenance.compact(lake).summary()
    log.info(told)
    return told


def verify() -> str:
    """Check every file of the lake against its checksum."""
    from pipelines import maintenance

    with Lake(read_only=True) as lake:
        found = maintenance.verify(lake)
    told = f"{found.files} files, {found.bytes:,} bytes, {len(found.problems)} problems"
    log.info(told)
    if found.problems:
        damaged = "\n  ".join(f"{one.path} {one.what}" for one in found.problems)
        raise CheckFailed(
            f"{len(found.problems)} files are not what was committed:\n  {damaged}",
            "restore them from a copy, or take the data in again; see data_lake/README.md",
        )
    return told


def _interval(declared: Forecast, asked: Asked) -> tuple[datetime, datetime]:
    """The run's interval; without one, that of the newest bar that had closed."""
    if asked.start is not None:
        return asked.start, asked.at
    market = calendar(declared.schedule.calendar)
    newest = market.newest_closed(declared.bar, asked.at)
    if not len(newest):
        raise NothingToDo(f"no bar of {declared.schedule.calendar} had closed by {asked.at}")
    ends = (newest.ts[0], newest.closes_at[0])
    start, end = (one.astype("datetime64[us]").item().replace(tzinfo=UTC) for one in ends)
    return start, end


def _look_back(declared: Forecast) -> timedelta:
    """Days that surely hold the bars which features look back at."""
    bars = declared.look_back + due.SPARE
    per_day = 1 if declared.bar.minutes is None else max(1, 390 // declared.bar.minutes)
    return timedelta(days=10 + 2 * bars // per_day)


def _weights_are_fresh(lake: Lake, source: str, whole: str, at: datetime) -> bool:
    found = lake.rows(
        """SELECT max(received_at) FROM silver.weights
           WHERE source = ? AND "index" = ? AND known_at <= ?""",
        [source, universe(whole).index, at],
    )[0][0]
    return found is not None and datetime.now(UTC) - found.astimezone(UTC) < FRESH_WEIGHTS


def _logged(what: str, done: int, total: int) -> None:
    """Progress as plain lines: the first, the last, and some between."""
    if total <= 10 or done in (0, total) or done % max(1, total // 10) == 0:
        log.info("%s: %d of %d", what, done, total)
