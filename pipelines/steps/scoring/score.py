"""Scoring: each bar by the model that served when it closed, combined to signals, in one commit.

One bar just closed and a range of thousands take the same way and give the same rows. A row is
live when it is written before the bar it is about has closed, and nothing of that bar is known:
this is found out at the commit. Live rows are what was published, and stay: scoring again adds
the constituents that came late and changes nothing. The signal stays too, as it was made of
what was there. Rows that are not live are replaced, over exactly the range that is scored, and
stand beside the live ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import Calendar, Grid, calendar, utc
from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.core.universes import universe
from pipelines.forecasts import Forecast, TargetForecast
from pipelines.lake import Lake, View
from pipelines.landing.grid import naive
from pipelines.registry.decisions import ModelDecision, ModelKey, ServingModel, read_decisions
from pipelines.registry.mlflow import Registry, UnsoundModel
from pipelines.scoring.predict import Said, instants, next_closes, prediction_rows, say
from pipelines.scoring.signals import Combined, Weights, combined, joined
from pipelines.steps.data.features import refresh_features
from pipelines.steps.data.rows import feature_columns, feature_matrix
from pipelines.steps.models import load as models
from pipelines.steps.scoring.publish import publish
from pipelines.steps.scoring.report import Scored

Progress = Callable[[str, int, int], None]
KEYS = ("symbol", "ts", "closes_at", "session")
UNGATED = "a challenger: it passed no gates, and decides nothing"


def _silent(what: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, eq=False)
class _Read:
    """What one snapshot knows of a range: a row a bar and constituent, ordered by bar."""

    start: datetime
    end: datetime
    due: int  # bars that the calendar has
    keys: pa.Table
    features: np.ndarray
    after: dict[str, pa.Array]  # by target: the close of the bar that each row is about
    decisions: dict[str, tuple[ModelDecision, ...]]  # by target
    weights: dict[str, Weights]  # by index


def score(
    lake: Lake,
    registry: Registry,
    forecast: Forecast,
    source: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    now: datetime | None = None,
    run: str = "cli",
    progress: Progress = _silent,
) -> Scored:
    """Score every bar that closed after `start`, up to `end`; without a start, the newest bar.

    Nothing that closes after `now` is scored, and each bar only by what closed and was decided
    before. Where nothing can be scored, `skipped` says why.
    """
    at = utc(now) if now else datetime.now(UTC)
    until = min(utc(end), at) if end else at
    if start and utc(start) >= (utc(end) if end else at):
        raise InvalidRequest(
            f"the range starts at {utc(start)} and ends at {utc(end) if end else at}",
            "name an end after the start, and a start in the past",
        )
    progress("features", 0, 1)
    refresh_features(lake, forecast, source)
    with lake.view() as view:
        read = _read(view, forecast, source, utc(start) if start else None, until)
    done = Scored(forecast.name, source, read.start, read.end)
    _count_absent(forecast, read, done)
    targets = forecast.per_target()
    rows = pa.concat_tables([_scored(registry, target, read, done, progress) for target in targets])
    if done.lost and not done.scored:
        raise UnsoundModel(
            f"no model that may score is left: {'; '.join(done.lost)}",
            f"bring its file back, or train: bullion train {forecast.name}; a model serves the "
            f"bars that close after its --as-of, which is now where none is named",
        )
    done.skipped = _skipped(forecast, read, done)
    found = joined(
        [
            combined(f.combinations, _of_champion(f, rows), read.weights)
            for f in forecast.per_target()
        ]
    )
    progress("write", 0, 1)
    _tell(done, found)
    publish(lake, forecast, done, rows.combine_chunks(), found, read.weights, now and at, run)
    progress("write", 1, 1)
    return done


def _read(
    view: View, forecast: Forecast, source: str, start: datetime | None, end: datetime
) -> _Read:
    market, grid = _grid(view, forecast, source)
    if start is None:
        newest = market.newest_closed(forecast.bar, end, grid).closes_at
        if len(newest):
            end = newest[0].astype("datetime64[us]").item().replace(tzinfo=UTC)
        start = end - timedelta(microseconds=1)
    names = feature_columns(forecast.feature_names)
    found = view.sql(
        f"""SELECT {", ".join(KEYS)}, {names} FROM {forecast.table.full_name}
            WHERE source = ? AND closes_at > ? AND closes_at <= ?
            AND symbol IN (SELECT unnest(?)) ORDER BY ts, symbol""",
        [source, start, end, list(forecast.symbols)],
    )
    ts = found["ts"].to_numpy().astype("datetime64[us]")
    after = {
        target.name: instants(next_closes(market, forecast.bar, grid, ts, target.label.horizon))
        for target in forecast.targets
    }
    bars = {universe(one.universe).index for one in forecast.combinations}
    return _Read(
        start,
        end,
        _due(market, forecast, grid, start, end),
        found.select(KEYS),
        feature_matrix(forecast.feature_names, found),
        after,
        {f.target.name: read_decisions(view, f, source) for f in forecast.per_target()},
        {index: _weights(view, source, index) for index in sorted(bars)},
    )


def _due(market: Calendar, forecast: Forecast, grid: Grid, start: datetime, end: datetime) -> int:
    """How many bars closed after `start` and up to `end`."""
    opened = start - timedelta(days=40)  # no bar is longer
    return int((market.closed_bars(forecast.bar, opened, end, grid).closes_at > naive(start)).sum())


def _grid(view: View, forecast: Forecast, source: str) -> tuple[Calendar, Grid]:
    known = view.rows(
        """SELECT DISTINCT calendar, grid FROM silver.series
           WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))""",
        [source, forecast.interval, list(forecast.symbols)],
    )
    name, grid = known[0] if known else (forecast.schedule.calendar, "session")
    return calendar(name), grid


def _weights(view: View, source: str, index: str) -> Weights:
    found = view.sql(
        """SELECT symbol, weight, effective, known_at, partial FROM silver.weights
           WHERE source = ? AND "index" = ? ORDER BY effective, symbol""",
        [source, index],
    )
    return Weights(index, found)


def _scored(
    registry: Registry, forecast: TargetForecast, read: _Read, done: Scored, progress: Progress
) -> pa.Table:
    """The predictions of a target by all its models, each for the bars it served."""
    every = read.keys.append_column("timestamp_next", read.after[forecast.target.name])
    ts, closes = (every[name].to_numpy().astype("datetime64[us]") for name in ("ts", "closes_at"))
    target, bars = forecast.target.name, np.unique(closes)
    on_grid = every["timestamp_next"].is_valid().to_numpy()
    _lose(forecast, done, "off_the_calendar", every, ~on_grid)
    lost: dict[ModelKey, str] = {}
    versions: set[int] = set()
    made: list[pa.Table] = []
    for served in models.load_models_of_bars(
        registry, forecast, read.decisions[target], bars, lost
    ):
        its, who = np.isin(closes, served.closes) & on_grid, served.serving
        if who is None:
            done.no_model[target] += len(served.closes)
            continue
        if served.model is None:
            _lose(forecast, done, "model_lost", every, its)
            why = f"version {who.model_version} cannot serve: {lost[who.decision.model]}"
            done.warnings.append(_of(forecast, f"{why}; no model before it can: train anew"))
            continue
        if who.instead_of:
            stand_in = f"version {who.model_version} serves {len(served.closes):,} bars instead"
            done.warnings.append(_of(forecast, f"{who.instead_of}; {stand_in}"))
        versions.add(who.model_version)
        progress(f"score by version {who.model_version}", len(made), len(made) + 1)
        rows, decision = np.flatnonzero(its), who.decision
        keys, features = every.take(pa.array(rows)), read.features[rows]
        symbols, opens = keys["symbol"].to_pylist(), ts[rows]
        said = say(served.model, symbols, features, opens)
        done.lose({_of(forecast, why): symbols_ for why, symbols_ in said.not_scored.items()})
        done.scored += len(said.good)
        made.append(_predictions(forecast, keys, said, who, decision.candidate, "champion"))
        for candidate in decision.challengers:
            try:
                model = models.load_challenger(registry, forecast, decision, candidate)
            except BullionError as error:
                done.warnings.append(f"the challenger {candidate} does not score: {error.message}")
                continue
            said = say(model, symbols, features, opens)
            name = _of(forecast, candidate)
            done.challengers[name] = done.challengers.get(name, 0) + len(said.good)
            made.append(_predictions(forecast, keys, said, who, candidate, "challenger"))
    done.versions[target] = tuple(sorted(versions))
    done.lost += [_of(forecast, f"version {version}: {why}") for (version, _), why in lost.items()]
    return pa.concat_tables(made or [_none(forecast, every)])


def _lose(
    forecast: TargetForecast, done: Scored, why: str, keys: pa.Table, rows: np.ndarray
) -> None:
    """Count rows that are not scored, by symbol."""
    if rows.any():
        symbols = Counter(keys["symbol"].filter(pa.array(rows)).to_pylist())
        done.lose({_of(forecast, why): symbols})


def _none(forecast: TargetForecast, keys: pa.Table) -> pa.Table:
    count = len(forecast.label.classes)
    nothing = Said(np.zeros((0, max(count, 3))), np.zeros(0, np.int64), np.zeros(0, np.int64), {})
    about = _about(forecast, None, "", "champion")
    return prediction_rows(keys.slice(0, 0), nothing, forecast.label, about)


def _of(forecast: TargetForecast, what: str) -> str:
    """What is counted of a target, named by it where there are several."""
    return f"{forecast.target.name}: {what}" if forecast.has_siblings else what


def _predictions(
    forecast: TargetForecast,
    keys: pa.Table,
    said: Said,
    who: ServingModel,
    candidate: str,
    role: str,
) -> pa.Table:
    return prediction_rows(keys, said, forecast.label, _about(forecast, who, candidate, role))


def _about(
    forecast: TargetForecast, who: ServingModel | None, candidate: str, role: str
) -> dict[str, object]:
    proven, reason = (who.proven, who.unproven_reason) if who else (False, None)
    if role == "challenger":
        proven, reason = False, UNGATED
    return {
        "forecast": forecast.name,
        "target": forecast.label.name,
        "interval": forecast.interval,
        "role": role,
        "candidate": candidate,
        "model_version": who.model_version if who else 0,
        "sha256": _digest(who, candidate, role),
        "proven": proven,
        "unproven_reason": reason,
        "instead_of": who.instead_of if who else None,
    }


def _digest(who: ServingModel | None, candidate: str, role: str) -> str | None:
    """SHA-256 of the file of a champion, or of a challenger beside it."""
    if who is None:
        return None
    return who.decision.challengers[candidate] if role == "challenger" else who.decision.sha256


def _of_champion(forecast: TargetForecast, rows: pa.Table) -> pa.Table:
    """The champion's rows of one target, ordered by bar."""
    of_it = pc.equal(rows["target"], forecast.target.name)
    made = rows.filter(pc.and_(of_it, pc.equal(rows["role"], "champion")))
    return made.sort_by([("ts", "ascending"), ("symbol", "ascending")])


def _count_absent(forecast: Forecast, read: _Read, done: Scored) -> None:
    """The constituents that have no bar where others have one."""
    done.constituents = read.keys.num_rows
    done.bars = len(pc.unique(read.keys["ts"]))
    there = Counter(read.keys["symbol"].to_pylist())
    absent = Counter({s: done.bars - there[s] for s in forecast.symbols if there[s] < done.bars})
    if absent:
        done.lose({"no_bar": absent})


def _skipped(forecast: Forecast, read: _Read, done: Scored) -> str:
    span = f"after {read.start:%Y-%m-%d %H:%M} up to {read.end:%Y-%m-%d %H:%M} UTC"
    if not read.due:
        return f"the calendar has no {forecast.interval} bar that closed {span}"
    if not done.bars:
        return (
            f"{done.source} has no {forecast.interval} bar of {forecast.universe} that closed "
            f"{span}: bullion ingest --source {done.source} --universe {forecast.universe} "
            f"--interval {forecast.interval}"
        )
    if done.scored:
        return ""
    if not any(done.versions.values()):
        return (
            f"nothing was trained before {read.end:%Y-%m-%d %H:%M} UTC: "
            f"trigger train_{forecast.name}, or bullion train {forecast.name}"
        )
    reasons = ", ".join(f"{n.total():,} {why}" for why, n in done.not_scored.items())
    return f"none of the constituents {span} could be scored: {reasons}"


def _tell(done: Scored, found: Combined) -> None:
    done.no_signal = found.no_signal
    done.warnings += [
        f"no signal of {name} at {bars:,} bars: {why}"
        for name, reasons in found.no_signal.items()
        for why, bars in reasons.items()
    ]
    done.warnings += [
        f"{name} is combined without {', '.join(sorted(symbols))}: no weight is known"
        for name, symbols in found.unweighed.items()
    ]
