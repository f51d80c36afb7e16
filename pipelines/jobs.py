"""What one scheduled run does, told by names and instants: the tasks of the DAGs, without Airflow.

A job opens the lake and the registry, calls steps, logs what came in, went out and was rejected,
and returns it in counts. Every job may be run again: it then changes nothing, or goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from pipelines import steps
from pipelines.calendar import calendar
from pipelines.errors import (
    BullionError,
    CheckFailed,
    InvalidRequest,
    LakeError,
    NothingToDo,
    SourceError,
    SourceUnavailable,
)
from pipelines.forecasts import Forecast, forecast
from pipelines.lake import Lake
from pipelines.registry import Registry, RegistryError
from pipelines.sources import source as source_named
from pipelines.steps import due
from pipelines.universes import universe

log = logging.getLogger(__name__)

FRESH_WEIGHTS = timedelta(days=7)  # those asked for longer ago are asked for again


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


def bring(
    name: str, asked: Asked, *, history: bool = False, weights: bool = False
) -> dict[str, Any]:
    """Bring the bars of a run to silver, and what is missing before them.

    With `history`, all that is trained on; with `weights`, these too, if they are old. A source
    that is down, or has nothing, ends the run here: what the lake had stays as it was. Symbols
    that have lagged behind the others since an earlier run are asked for too; that they are not
    there is told, and stops nothing.
    """
    declared, source = forecast(name), source_named(asked.source)
    with Lake() as lake:
        with _told(lake, "ingest", name, asked):
            start, at = _interval(declared, asked)
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
                progress=_logged,
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
            with _told(lake, "ingest", name, asked):
                _has_come(lake, declared, asked, start, at)
        told = _weights(lake, declared, asked) if weights else {}
    return report.counts | {"snapshot": report.snapshot} | told


def bring_weights(name: str, asked: Asked) -> dict[str, Any]:
    """Bring the weights of the universes that a forecast combines, where they are not fresh.

    Weights that cannot be had are no reason to stop: the newest known ones serve, and every
    signal says which they are.
    """
    with Lake() as lake:
        return _weights(lake, forecast(name), asked)


def _weights(lake: Lake, declared: Forecast, asked: Asked) -> dict[str, Any]:
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
    with Lake() as lake, _told(lake, "train", name, asked):
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
    with Lake() as lake, _told(lake, "score", name, asked):
        start, at = _interval(declared, asked)
        _clock_is_right(lake, declared, asked)
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

    with Lake() as lake, _told(lake, "outcomes", name, asked):
        done = refresh_outcomes(lake, Registry(), forecast(name), asked.source)
        _follow_the_alias(lake, name, asked.source)
    log.info(done.summary())
    return {"changed": done.changed, "removed": done.removed, "written": done.written}


def _follow_the_alias(lake: Lake, name: str, source: str) -> None:
    """Where somebody moved the alias by hand, it is obeyed from the next bar on, if it is sound."""
    from pipelines.steps.aliases import reconcile

    try:
        reconcile(lake, Registry(), forecast(name), source)
    except RegistryError as error:  # what was decided serves on; the next run asks again
        log.warning("%s", error)


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
    now = datetime.now(UTC)
    if asked.at > now:
        raise InvalidRequest(
            f"the run ends at {asked.at:%Y-%m-%d %H:%M} UTC, and by the clock of this machine it "
            f"is {now:%Y-%m-%d %H:%M} UTC",
            "ask for a range that is over, or set the clock if it was moved back",
        )
    if asked.start is not None:
        return asked.start, asked.at
    market = calendar(declared.schedule.calendar)
    newest = market.newest_closed(declared.bar, asked.at)
    if not len(newest):
        raise NothingToDo(f"no bar of {declared.schedule.calendar} had closed by {asked.at}")
    ends = (newest.ts[0], newest.closes_at[0])
    start, end = (one.astype("datetime64[us]").item().replace(tzinfo=UTC) for one in ends)
    return start, end


def _clock_is_right(lake: Lake, declared: Forecast, asked: Asked) -> None:
    """Nothing can be published at a time at which a later bar was known already."""
    newest = lake.rows(
        'SELECT max(closes_at) FROM silver.bars WHERE source = ? AND "interval" = ?',
        [asked.source, declared.interval],
    )[0][0]
    now = datetime.now(UTC)
    if newest is not None and newest > now:
        raise InvalidRequest(
            f"the lake has a bar that closed at {newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC, and "
            f"by the clock of this machine it is {now:%Y-%m-%d %H:%M} UTC: nothing was published",
            "set the clock, and run it again",
        )


def _has_come(lake: Lake, declared: Forecast, asked: Asked, start: datetime, at: datetime) -> None:
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


@contextmanager
def _told(lake: Lake, step: str, name: str, asked: Asked) -> Iterator[None]:
    """What goes wrong is in gold.runs too, if the lake can be written."""
    try:
        yield
    except (NothingToDo, LakeError):
        raise
    except BullionError as error:
        row = {
            "run": asked.run,
            "step": step,
            "source": asked.source,
            "about": name,
            "interval_start": asked.start or asked.at,
            "interval_end": asked.at,
            "status": "failed",
            "counts": "{}",
            "message": error.message,
            "finished_at": datetime.now(UTC),
        }
        with suppress(LakeError), lake.write(f"{step} {name}") as writer:
            writer.append("gold.runs", pa.Table.from_pylist([row]))
        raise


def _weights_are_fresh(lake: Lake, source: str, whole: str, at: datetime) -> bool:
    """Were they asked for lately, or later? An answer tells what was known before it, too."""
    found: int = lake.rows(
        """SELECT count(*) FROM bronze.answers
           WHERE source = ? AND kind = 'weights' AND piece = ? AND received_at > ?""",
        [source, f"{whole} weights", at - FRESH_WEIGHTS],
    )[0][0]
    return found > 0


def _logged(what: str, done: int, total: int) -> None:
    """Progress as plain lines: the first, the last, and some between."""
    if total <= 10 or done in (0, total) or done % max(1, total // 10) == 0:
        log.info("%s: %d of %d", what, done, total)
