"""Score each bar by the model that served when it closed, and combine scores to signals.

All of it is one commit.

One bar that just closed and a range of thousands take the same path and give the same rows. A
row is live when it is written before the forecast's next own bar has closed, and nothing of that
bar is known: this is decided at the commit. Live rows are what was published, and stay: scoring
again adds the constituents that came late and changes nothing. The signal stays too, as it was
combined from the rows of that time. Rows that are not live are replaced, over exactly the range
that is scored, and stand beside the live ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import Calendar, Grid, calendar, next_closes, utc
from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.core.instants import to_numpy
from pipelines.core.universes import count_members, universe
from pipelines.forecasts import Forecast, TargetForecast
from pipelines.labels.sides import sides_of
from pipelines.lake import Lake, View
from pipelines.lake.index_weights import read_weights
from pipelines.lake.series import series_calendar
from pipelines.modeling.answers import answer_of
from pipelines.modeling.description import Description
from pipelines.registry.decisions import (
    ModelDecision,
    ModelKey,
    ServingModel,
    read_decisions,
)
from pipelines.registry.mlflow import Registry, UnsoundModel
from pipelines.scoring.live import find_deadlines
from pipelines.scoring.predict import Scores, instants, prediction_rows, score_rows
from pipelines.scoring.signals import combine_predictions, concat_signals
from pipelines.scoring.weights import Weights
from pipelines.steps.data.features import refresh_features
from pipelines.steps.data.missing_inputs import describe_missing_inputs
from pipelines.steps.data.rows import feature_columns, feature_matrix, select_members
from pipelines.steps.models import load as models
from pipelines.steps.scoring.publish import publish
from pipelines.steps.scoring.report import ScoringReport, add_contributions, add_signals

Progress = Callable[[str, int, int], None]
KEYS = ("symbol", "ts", "closes_at", "session")
UNGATED = "a challenger: it passed no gates, and decides nothing"


def _silent(what: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, eq=False)
class _Snapshot:
    """What one snapshot knows of a range, with a row for each bar and constituent, by bar."""

    start: datetime
    end: datetime
    due_bars: int  # that the calendar has
    keys: pa.Table  # with `live_until`, before which a row must be written to be live
    features: np.ndarray
    timestamp_next: dict[str, pa.Array]  # by target: the close of the bar that a row is about
    decisions: dict[str, tuple[ModelDecision, ...]]  # by target
    weights: dict[str, Weights]  # by index
    newest: datetime | None  # close of the newest bar, wherever it is
    missing_inputs: list[str]  # what features read beside these bars and did not find, in words


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
) -> ScoringReport:
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
        snapshot = _read(view, forecast, source, utc(start) if start else None, until)
    report = ScoringReport(forecast.name, source, snapshot.start, snapshot.end)
    report.warnings += snapshot.missing_inputs
    _count_absent(forecast, snapshot, report)
    targets = forecast.per_target()
    rows = pa.concat_tables(
        [_score_target(registry, target, snapshot, report, progress) for target in targets]
    )
    if report.lost and not report.scored:
        raise UnsoundModel(
            f"no model that may score is left: {'; '.join(report.lost)}",
            f"bring its file back, or train: bullion train {forecast.name}; a model serves the "
            f"bars that close after its --as-of, which is now where none is named",
        )
    report.skipped = _skip_reason(forecast, snapshot, report)
    combined = concat_signals(
        [
            combine_predictions(f, _champion_rows(f, rows), snapshot.weights)
            for f in forecast.per_target()
        ]
    )
    progress("write", 0, 1)
    add_signals(report, combined)
    publish(
        lake, forecast, report, rows.combine_chunks(), combined, snapshot.weights, now and at, run
    )
    progress("write", 1, 1)
    return report


def _read(
    view: View, forecast: Forecast, source: str, start: datetime | None, end: datetime
) -> _Snapshot:
    market, grid = _grid(view, forecast, source)
    if start is None:
        newest = market.newest_closed(forecast.bar, end, grid).closes_at
        if len(newest):
            end = newest[0].astype("datetime64[us]").item().replace(tzinfo=UTC)
        start = end - timedelta(microseconds=1)
    names = feature_columns(forecast.feature_names)
    table = view.sql(
        f"""SELECT {", ".join(KEYS)}, {names} FROM {forecast.table.full_name}
            WHERE source = ? AND closes_at > ? AND closes_at <= ?
            AND symbol IN (SELECT unnest(?)) ORDER BY ts, symbol""",
        [source, start, end, list(forecast.symbols)],
    )
    table = select_members(table, forecast.universe)
    ts = table["ts"].to_numpy().astype("datetime64[us]")
    timestamp_next = {
        target.name: instants(next_closes(market, forecast.bar, grid, ts, target.label.horizon))
        for target in forecast.targets
    }
    live_until = instants(find_deadlines(market, forecast.bar, grid, ts))
    universes = [universe(rule.universe) for rule in forecast.combinations]
    return _Snapshot(
        start,
        end,
        _count_due_bars(market, forecast, grid, start, end),
        table.select(KEYS).append_column("live_until", live_until),
        feature_matrix(forecast.feature_names, table),
        timestamp_next,
        {f.target.name: read_decisions(view, f, source) for f in forecast.per_target()},
        {u.index: Weights(u.index, read_weights(view, source, u)) for u in universes},
        _newest_close(view, forecast, source),
        describe_missing_inputs(view, forecast, source, start, end),
    )


def _newest_close(view: View, forecast: Forecast, source: str) -> datetime | None:
    newest: datetime | None = view.one(
        f"SELECT max(closes_at) FROM {forecast.table.full_name} WHERE source = ?", [source]
    )
    return newest


def _count_due_bars(
    market: Calendar, forecast: Forecast, grid: Grid, start: datetime, end: datetime
) -> int:
    """Count the bars that closed after `start` and up to `end`."""
    opened = start - timedelta(days=40)  # no bar is longer
    bars = market.closed_bars(forecast.bar, opened, end, grid)
    return int((bars.closes_at > to_numpy(start)).sum())


def _grid(view: View, forecast: Forecast, source: str) -> tuple[Calendar, Grid]:
    series = series_calendar(
        view, source, forecast.interval, forecast.symbols, forecast.schedule.calendar
    )
    return calendar(series.calendar), series.grid


def _score_target(
    registry: Registry,
    forecast: TargetForecast,
    snapshot: _Snapshot,
    report: ScoringReport,
    progress: Progress,
) -> pa.Table:
    """Predict a target with all its models, each for the bars it served."""
    all_keys = snapshot.keys.append_column(
        "timestamp_next", snapshot.timestamp_next[forecast.target.name]
    )
    ts, closes = (
        all_keys[name].to_numpy().astype("datetime64[us]") for name in ("ts", "closes_at")
    )
    target, bars = forecast.target.name, np.unique(closes)
    is_bar = all_keys["timestamp_next"].is_valid().to_numpy()
    _count_not_scored(forecast, report, "off_the_calendar", all_keys, ~is_bar)
    lost: dict[ModelKey, str] = {}
    versions: set[int] = set()
    tables: list[pa.Table] = []
    for served in models.load_models_of_bars(
        registry, forecast, snapshot.decisions[target], bars, lost
    ):
        served_rows, serving = np.isin(closes, served.closes) & is_bar, served.serving
        if serving is None:
            report.no_model[target] += len(served.closes)
            continue
        if served.model is None:
            _count_not_scored(forecast, report, "model_lost", all_keys, served_rows)
            reason = f"version {serving.model_version} cannot serve: {lost[serving.decision.model]}"
            report.warnings.append(
                _with_target(forecast, f"{reason}; no model before it can: train anew")
            )
            continue
        if serving.instead_of:
            stand_in = f"version {serving.model_version} serves {len(served.closes):,} bars instead"
            report.warnings.append(_with_target(forecast, f"{serving.instead_of}; {stand_in}"))
        versions.add(serving.model_version)
        progress(f"score by version {serving.model_version}", len(tables), len(tables) + 1)
        rows, decision = np.flatnonzero(served_rows), serving.decision
        keys, features = all_keys.take(pa.array(rows)), snapshot.features[rows]
        symbols, opens = keys["symbol"].to_pylist(), ts[rows]
        explained = forecast.target.explained
        feature_names = forecast.feature_names
        scores = score_rows(
            served.model, symbols, features, feature_names, opens, explained=explained
        )
        names = [_with_target(forecast, symbols[row]) for row in scores.scored_rows.tolist()]
        add_contributions(report, names, scores.contributions)
        report.count_not_scored(
            {_with_target(forecast, reason): counts for reason, counts in scores.not_scored.items()}
        )
        report.scored += len(scores.scored_rows)
        _count_acting(forecast, scores, report)
        tables.append(_predictions(forecast, keys, scores, serving, decision.candidate, "champion"))
        for candidate in decision.challengers:
            try:
                model = models.load_challenger(registry, forecast, decision, candidate)
            except BullionError as error:
                report.warnings.append(
                    f"the challenger {candidate} does not score: {error.message}"
                )
                continue
            scores = score_rows(model, symbols, features, feature_names, opens, explained=explained)
            name = _with_target(forecast, candidate)
            report.challengers[name] = report.challengers.get(name, 0) + len(scores.scored_rows)
            tables.append(_predictions(forecast, keys, scores, serving, candidate, "challenger"))
    report.versions[target] = tuple(sorted(versions))
    report.lost += [
        _with_target(forecast, f"version {version}: {reason}")
        for (version, _), reason in lost.items()
    ]
    return pa.concat_tables(tables or [_empty_predictions(forecast, all_keys)])


def _count_acting(forecast: TargetForecast, scores: Scores, report: ScoringReport) -> None:
    """Count the champion's predictions that act, where the target has a direction."""
    label, rows = forecast.label, scores.scored_rows
    if len(rows) and sides_of(label)[0]:
        published, _ = answer_of(label.kind).signal_scores(
            label.scores, scores.outputs[rows], scores.predictions[rows]
        )
        report.count_acting(label.name, published)


def _count_not_scored(
    forecast: TargetForecast, report: ScoringReport, reason: str, keys: pa.Table, rows: np.ndarray
) -> None:
    """Count rows that are not scored, by symbol."""
    if rows.any():
        symbols = Counter(keys["symbol"].filter(pa.array(rows)).to_pylist())
        report.count_not_scored({_with_target(forecast, reason): symbols})


def _empty_predictions(forecast: TargetForecast, keys: pa.Table) -> pa.Table:
    label = forecast.label
    description = Description(label.classes, forecast.feature_names, (), (), (), kind=label.kind)
    outputs, predictions = answer_of(label.kind).blank(0, description)
    no_scores = Scores(outputs, predictions, np.zeros(0, np.int64), {}, description)
    constants = _constants(forecast, None, "", "champion")
    return prediction_rows(keys.slice(0, 0), no_scores, label, constants)


def _with_target(forecast: TargetForecast, text: str) -> str:
    """Put the target's name before a text, where the forecast has several."""
    return f"{forecast.target.name}: {text}" if forecast.has_siblings else text


def _predictions(
    forecast: TargetForecast,
    keys: pa.Table,
    scores: Scores,
    serving: ServingModel,
    candidate: str,
    role: str,
) -> pa.Table:
    return prediction_rows(
        keys, scores, forecast.label, _constants(forecast, serving, candidate, role)
    )


def _constants(
    forecast: TargetForecast, serving: ServingModel | None, candidate: str, role: str
) -> dict[str, object]:
    proven, reason = (serving.proven, serving.unproven_reason) if serving else (False, None)
    if role == "challenger":
        proven, reason = False, UNGATED
    return {
        "forecast": forecast.name,
        "target": forecast.label.name,
        "interval": forecast.interval,
        "role": role,
        "candidate": candidate,
        "model_version": serving.model_version if serving else 0,
        "sha256": _digest(serving, candidate, role),
        "proven": proven,
        "unproven_reason": reason,
        "instead_of": serving.instead_of if serving else None,
    }


def _digest(serving: ServingModel | None, candidate: str, role: str) -> str | None:
    """Return the SHA-256 of the file of a champion, or of one of its challengers."""
    if serving is None:
        return None
    return (
        serving.decision.challengers[candidate] if role == "challenger" else serving.decision.sha256
    )


def _champion_rows(forecast: TargetForecast, rows: pa.Table) -> pa.Table:
    """Return the champion's rows of one target, ordered by bar."""
    is_target = pc.equal(rows["target"], forecast.target.name)
    champion_rows = rows.filter(pc.and_(is_target, pc.equal(rows["role"], "champion")))
    return champion_rows.sort_by([("ts", "ascending"), ("symbol", "ascending")])


def _count_absent(forecast: Forecast, snapshot: _Snapshot, report: ScoringReport) -> None:
    """Count the members that have no bar where others have one."""
    report.constituents = snapshot.keys.num_rows
    ts, first = np.unique(snapshot.keys["ts"].to_numpy(), return_index=True)
    report.bars = len(ts)
    bars_of = Counter(snapshot.keys["symbol"].to_pylist())
    members = universe(forecast.universe)
    session = snapshot.keys["session"].to_numpy().astype("datetime64[D]")[first]
    due_bars = members.membership(session).sum(axis=0).tolist()
    due_of = dict(zip(members.symbols, due_bars, strict=True))
    absent = +Counter({symbol: due - bars_of[symbol] for symbol, due in due_of.items()})
    if absent:
        report.count_not_scored({"no_bar": absent})
    report.members = count_members(members, bars_of, session)


def _skip_reason(forecast: Forecast, snapshot: _Snapshot, report: ScoringReport) -> str:
    span = f"after {snapshot.start:%Y-%m-%d %H:%M} up to {snapshot.end:%Y-%m-%d %H:%M} UTC"
    if not snapshot.due_bars:
        return f"the calendar has no {forecast.interval} bar that closed {span}"
    if not report.bars:
        return (
            f"{report.source} has no {forecast.interval} bar of {forecast.universe} that closed "
            f"{span}: bullion ingest --source {report.source} --universe {forecast.universe} "
            f"--interval {forecast.interval}{_describe_newest_bar(forecast, snapshot, report)}"
        )
    if report.scored:
        return ""
    if not any(report.versions.values()):
        return (
            f"nothing was trained before {snapshot.end:%Y-%m-%d %H:%M} UTC: "
            f"trigger train_{forecast.name}, or bullion train {forecast.name} "
            f"--source {report.source} --as-of {snapshot.start:%Y-%m-%d}"
        )
    reasons = ", ".join(f"{n.total():,} {reason}" for reason, n in report.not_scored.items())
    return f"none of the constituents {span} could be scored: {reasons}"


def _describe_newest_bar(forecast: Forecast, snapshot: _Snapshot, report: ScoringReport) -> str:
    """Say how to score the newest bar there is, of a history that has ended."""
    if snapshot.newest is None or snapshot.newest > snapshot.start:
        return ""
    newest = snapshot.newest.astimezone(UTC)
    return (
        f"; its newest bar closed at {newest:%Y-%m-%d %H:%M} UTC: bullion score {forecast.name} "
        f"--source {report.source} --at {newest:%Y-%m-%dT%H:%M}+00:00 scores it"
    )
