"""Bring bars and weights to silver: those of a run, and those that were missed before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pipelines import steps
from pipelines.core.errors import NothingToDo, SourceError, SourceUnavailable
from pipelines.core.universes import members_between, universe
from pipelines.forecasts import Forecast, forecast
from pipelines.jobs.run import RunRequest, log, log_progress, record_failures, run_interval
from pipelines.lake import Lake
from pipelines.sources import bar_source as source_named
from pipelines.sources.files import holdings
from pipelines.steps.data import due
from pipelines.steps.data.extra_bars import extra_bars_of
from pipelines.steps.data.missing_inputs import describe_missing_inputs
from pipelines.steps.lake import open_lake

FRESH_WEIGHTS = timedelta(days=7)  # older ones are requested again


def bring_training_bars(name: str, request: RunRequest) -> dict[str, Any]:
    """Bring the bars that a training needs and that are still missing."""
    return bring_bars(name, request, history=True)


def bring_bars(
    name: str, request: RunRequest, *, history: bool = False, weights: bool = False
) -> dict[str, Any]:
    """Bring the bars of a run to silver, and what is missing before them.

    With `history`, bring all that is trained on; with `weights`, the weights too if they are old.
    A source that is down, or has nothing, ends the run here, and the lake stays as it was. Symbols
    that lag behind the others since an earlier run are requested too. So are the companions that
    features read, and the funds that show what the indexes did; a failure there is logged and stops
    nothing.
    """
    declared, source = forecast(name), source_named(request.source)
    with open_lake() as lake:
        with record_failures(lake, "ingest", name, request):
            start, at = run_interval(declared, request)
            whole = declared.schedule.history_of(is_sample=source.is_sample)
            span = whole if history else due.look_back(declared)
            members = _members(declared, request, start - span, at)
            known_members = [symbol for symbol in members if symbol in declared.symbols]
            listed = steps.listed_symbols(source, known_members, declared.universe)
            # A symbol of no universe is asked for as it is: the source says what it might mean.
            listed += tuple(symbol for symbol in members if symbol not in declared.symbols)
            unlisted = tuple(symbol for symbol in members if symbol not in listed)
            request = replace(request, symbols=listed)
        series = (lake, declared, source.name, request.symbols, start)
        fill = request.fill
        # Many runs a day bring what is new; the one after the session looks for holes.
        only_new = declared.schedule.every is not None and not history
        if fill:
            missing = due.missing_since(*series, span, only_new=only_new)
        else:
            missing = due.look_back_since(*series)

        def ingest(
            symbols: Sequence[str], since: datetime, about: str, members: Sequence[str] = ()
        ) -> steps.IngestReport:
            return steps.ingest(
                lake,
                source,
                symbols,
                declared.bar,
                since,
                at,
                as_of=at,
                about=about,
                run=request.run,
                force=request.force,
                members=members,
                progress=log_progress,
            )

        if missing.late:
            late = ingest(missing.late, missing.late_since, f"{name}, late symbols")
            log.info(late.summary())
            for failure in late.failures:
                log.warning(failure)
        report = ingest(missing.symbols, missing.since, name, (*missing.symbols, *unlisted))
        log.info(report.summary())
        report.enforce()
        if request.fill and not history:
            with record_failures(lake, "ingest", name, request):
                _check_newest_bar(lake, declared, request, start, at)
        weight_counts = _bring_weights(lake, declared, request) if weights else {}
        for extra in extra_bars_of(declared):
            about = extra.describe(declared.bar)
            series = (lake, declared, source.name, (extra.symbol,), start)
            if fill:
                missing = due.missing_since(*series, span, about, only_new=only_new)
            else:
                missing = due.look_back_since(*series)
            log.info(
                steps.ingest_extra_bars(
                    lake,
                    source,
                    extra,
                    declared.bar,
                    missing.since,
                    at,
                    as_of=at,
                    run=request.run,
                    force=request.force,
                    progress=log_progress,
                )
            )
        with lake.view() as view:
            for sentence in describe_missing_inputs(view, declared, source.name, start, at):
                log.warning(sentence)
    return report.counts | {"snapshot": report.snapshot} | weight_counts


def _members(
    declared: Forecast, request: RunRequest, first: datetime, last: datetime
) -> tuple[str, ...]:
    """Return the run's symbols without those that were no member from `first` to `last`."""
    members = set(members_between(declared.universe, first, last))
    others = set(declared.symbols) - members
    symbols = tuple(symbol for symbol in request.symbols if symbol not in others)
    if not symbols:
        raise NothingToDo(
            f"{', '.join(request.symbols)}: no member of {declared.universe} from "
            f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
        )
    return symbols


def _check_newest_bar(
    lake: Lake, declared: Forecast, request: RunRequest, start: datetime, at: datetime
) -> None:
    """Raise where the run's bar is not there yet, so that the run is tried again for it."""
    bars = lake.rows(
        """SELECT count(*) FROM silver.bars WHERE source = ? AND "interval" = ?
           AND symbol IN (SELECT unnest(?)) AND closes_at > ? AND closes_at <= ?""",
        [request.source, declared.interval, list(request.symbols), start, at],
    )[0][0]
    if not bars:
        raise SourceUnavailable(
            f"{request.source} has no bar yet that closed after {start:%Y-%m-%d %H:%M} up to "
            f"{at:%Y-%m-%d %H:%M} UTC",
            "the run is tried again; the next run brings and scores what comes too late",
        )


def bring_weights(name: str, request: RunRequest) -> dict[str, Any]:
    """Bring the weights of the universes that a forecast combines, where they are not fresh.

    A source without weights stops nothing: signals use the newest known ones, and say which.
    """
    with open_lake() as lake:
        return _bring_weights(lake, forecast(name), request)


def _bring_weights(lake: Lake, declared: Forecast, request: RunRequest) -> dict[str, Any]:
    source = source_named(request.source)
    results: dict[str, Any] = {}
    universes = [universe(combination.universe) for combination in declared.combinations]
    for index in {members.whole for members in universes if not members.stands_alone}:
        if not request.force and _weights_are_fresh(lake, source.name, index, request.at):
            results[index] = "fresh"
            continue
        try:
            report = steps.ingest_weights(lake, source, index, as_of=request.at, run=request.run)
        except SourceError as error:
            results[index] = f"none: {error.message}"
            log.warning("weights of %s: %s", index, error)
            continue
        results[index] = report.counts
        log.info("weights of %s: %s", index, report.summary())
    return results


def _weights_are_fresh(lake: Lake, source: str, index: str, at: datetime) -> bool:
    """Whether the source was asked for weights within the last days before `at`, or later.

    A holdings file is always read: that costs little, and it may have been replaced.
    """
    if holdings.is_set():
        return False
    answers: int = lake.rows(
        """SELECT count(*) FROM bronze.answers
           WHERE source = ? AND kind = 'weights' AND piece = ? AND received_at > ?""",
        [source, f"{index} weights", at - FRESH_WEIGHTS],
    )[0][0]
    return answers > 0
