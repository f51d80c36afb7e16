"""Combine, trade and measure scored rows: all that a backtest reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.backtest import measure, tune
from pipelines.backtest.market import BacktestRequest, Market, day
from pipelines.backtest.members import count_market_members, member_weights
from pipelines.backtest.notes import build_notes
from pipelines.backtest.path import PRICES, Path, path_of_index
from pipelines.backtest.policy import BarReturns, Policy, simulate
from pipelines.backtest.walk import ScoredRows, Scorer
from pipelines.core.calendar import UTC_TYPE, calendar
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.universes import MemberCount, Universe, universe
from pipelines.forecasts import TargetForecast
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.modeling.action_rules import expected_scores
from pipelines.scoring.wss import SIGNALS, BarScores, combine_scores, directions

WALKED = "each window scored by a model trained on what was known before it"


@dataclass(frozen=True, eq=False)
class Backtest:
    """All that is reported: plain values that go to JSON, and two tables."""

    about: dict[str, Any]
    windows: list[dict[str, Any]]
    figures: dict[str, measure.Figure]
    shares: list[dict[str, Any]]
    symbols: list[dict[str, Any]]
    returns: dict[str, dict[str, Any]]
    notes: list[str]
    predictions: pa.Table
    signals: pa.Table
    bar_returns: dict[str, BarReturns] = field(repr=False)
    path: Path = field(repr=False)


def find_combination(forecast: TargetForecast, name: str) -> ComponentWeighted:
    """Return the rule by which a forecast combines a universe."""
    for rule in forecast.combinations:
        if rule.universe == name:
            return rule
    raise unknown(
        f"combination of {forecast.name}", name, (rule.universe for rule in forecast.combinations)
    )


def build_backtest(
    forecast: TargetForecast,
    source: str,
    market: Market,
    scorers: Sequence[Scorer],
    scored: ScoredRows,
    request: BacktestRequest,
    policy: Policy | None = None,
    how: str = WALKED,
) -> Backtest:
    """Combine, trade and measure what was scored. `how` says in words by which models."""
    rule, members = find_combination(forecast, request.universe), universe(request.universe)
    judged_rows = measure.select_judged(scored, forecast.label)
    if not len(judged_rows):
        raise InvalidRequest(
            "no scored bar has an outcome that is known", "name a longer span, or a later one"
        )
    path, weights, weights_known, source_of_bars = _index_path(market, members, scored)
    count = count_market_members(market, members, path.session)
    window_of_bar = _window_of_bar(scorers, path)
    scores_of_actions = np.asarray(forecast.label.scores)[scored.predicted]
    scores_expected = expected_scores(scored.probabilities, forecast.label.scores)
    bars, expected_bars = (
        combine_scores(_member_scores(forecast, members, scored, path, scores), weights)
        for scores in (scores_of_actions, scores_expected)
    )
    wss, coverage = bars.wss, bars.coverage
    declared = directions(wss, coverage, rule, rule.buy_at, rule.sell_at)
    ways: dict[str, tuple[Policy, np.ndarray]] = {"signal": (Policy(), declared)}
    thresholds_of_windows = (
        tune.tune_thresholds(path, wss, coverage, window_of_bar, rule, request.cost)
        if request.tune
        else []
    )
    direction, thresholds = declared, (rule.buy_at, rule.sell_at)
    if thresholds_of_windows:
        thresholds = tune.thresholds_per_bar(thresholds_of_windows, window_of_bar)  # type: ignore[assignment]
        direction = directions(wss, coverage, rule, *thresholds)
        ways["tuned"] = (Policy(), direction)
    if policy is not None:
        ways["policy"] = (policy, direction)
    bar_returns = {
        name: simulate(trading, path, signs, request.cost)
        for name, (trading, signs) in ways.items()
    }
    long = simulate(Policy(), path, np.ones(len(path), dtype=np.int64), request.cost)
    bar_returns["always_long"] = long
    return Backtest(
        about=_describe(
            forecast, source, market, request, path, source_of_bars, count, rule, policy, how
        ),
        windows=_windows(
            scorers, scored, judged_rows, window_of_bar, bar_returns, thresholds_of_windows
        ),
        figures=measure.figures(judged_rows, request.seed)
        | measure.index_figures(wss, expected_bars.wss, coverage, path, request.seed),
        shares=measure.class_shares(judged_rows, forecast.label.classes),
        symbols=_symbols(forecast, scored, judged_rows),
        returns={
            n: measure.summarise_returns(e, path, request.seed, long)
            for n, e in bar_returns.items()
        },
        notes=build_notes(
            forecast,
            source,
            members,
            count,
            request,
            scored,
            path,
            weights_known,
            scorers,
            source_of_bars,
        ),
        predictions=_predictions(forecast, scored, scorers),
        signals=_signals(
            path,
            window_of_bar,
            bars,
            expected_bars,
            weights_known,
            declared,
            direction,
            bar_returns,
            thresholds,
        ),
        bar_returns=bar_returns,
        path=path,
    )


def _index_path(
    market: Market, members: Universe, scored: ScoredRows
) -> tuple[Path, np.ndarray, np.ndarray, str]:
    """Return the index's bars over the scored sessions, and the members' weights at each."""
    first, last = scored.rows.session.min(), scored.rows.session.max()
    bars, own_bars = (_within(table, first, last) for table in (market.bars, market.own))
    if not bars.num_rows:
        raise InvalidRequest(
            f"no member of {members.name} has bars in the span",
            "name another universe, or ingest the bars of its members",
        )
    # A session without a member makes no signal, whatever the index does in it.
    in_session = np.isin(own_bars["session"].to_numpy(), bars["session"].to_numpy())
    own_bars = own_bars.filter(pa.array(in_session))
    ts, at = np.unique(_instants(bars, "ts"), return_index=True)
    closes_at = _instants(bars, "closes_at")[at]
    session = bars["session"].to_numpy().astype("datetime64[D]")[at]
    weights, known = member_weights(market.weights, members, closes_at, session)
    last_bar = _ends_session(market.calendar, closes_at, session)
    row = np.searchsorted(ts, _instants(bars, "ts"))
    places = {name: place for place, name in enumerate(members.symbols)}
    column = np.array([places[name] for name in bars["symbol"].to_pylist()])
    shape = (len(ts), len(members.symbols))
    prices = {n: _spread(bars[n].to_numpy(), row, column, shape) for n in PRICES}
    own_bars = own_bars.filter(pa.array(np.isin(_instants(own_bars, "ts"), ts)))
    own_row = np.searchsorted(ts, _instants(own_bars, "ts"))
    fund = {n: _spread(own_bars[n].to_numpy(), own_row, 0, (len(ts), 1))[:, 0] for n in PRICES}
    path = path_of_index(ts, closes_at, session, last_bar, fund, prices, weights)
    return path, weights, known, _describe_origin(members, int(own_bars.num_rows), len(ts))


def _describe_origin(members: Universe, own_bars: int, bars: int) -> str:
    """Say whose bars are those of the index: the fund's, its members', or both."""
    of_members = f"members' bars, by weight ({members.name}, {len(members.symbols)} members)"
    if not own_bars:
        return f"its {of_members}"
    if own_bars == bars:
        return f"{members.fund}'s own bars"
    return f"{members.fund}'s own bars at {own_bars:,} of {bars:,} bars, and else its {of_members}"


def _spread(
    values: np.ndarray, row: np.ndarray, column: np.ndarray | int, shape: tuple[int, int]
) -> np.ndarray:
    """Return a table with the values at their places, and NaN everywhere else."""
    table = np.full(shape, np.nan)
    table[row, column] = values
    return table


def _within(table: pa.Table, first: np.datetime64, last: np.datetime64) -> pa.Table:
    session = table["session"].to_numpy().astype("datetime64[D]")
    return table.filter(pa.array((session >= first) & (session <= last)))


def _instants(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy().astype("datetime64[us]"))


def _ends_session(name: str, closes_at: np.ndarray, session: np.ndarray) -> np.ndarray:
    """Mark the bars that end their session by the calendar."""
    market, days = calendar(name), np.unique(session)
    ends = [market.session_bounds(day(session_day))[1].replace(tzinfo=None) for session_day in days]
    closes = np.array(ends, dtype="datetime64[us]")
    ends_session: np.ndarray = closes_at >= closes[np.searchsorted(days, session)]
    return ends_session


def _window_of_bar(scorers: Sequence[Scorer], path: Path) -> np.ndarray:
    """Return the number of the window of each bar of the index."""
    after = np.array([scorer.window.after for scorer in scorers])
    place = np.searchsorted(after, path.closes_at, side="left") - 1
    numbers = np.array([scorer.window.number for scorer in scorers])
    number: np.ndarray = numbers[np.maximum(place, 0)]
    return number


def _member_scores(
    forecast: TargetForecast,
    members: Universe,
    scored: ScoredRows,
    path: Path,
    scores: np.ndarray,
) -> np.ndarray:
    """Return the score of each member at each bar of the index; NaN where there is none."""
    codes = np.array([forecast.symbols.index(name) for name in members.symbols])
    place = np.full(len(forecast.symbols), -1)
    place[codes] = np.arange(len(codes))
    column = place[scored.rows.symbol]
    row = np.minimum(np.searchsorted(path.ts, scored.ts), len(path) - 1)
    matches = (column >= 0) & (path.ts[row] == scored.ts)
    return _spread(scores[matches], row[matches], column[matches], (len(path), len(codes)))


def _describe(
    forecast: TargetForecast,
    source: str,
    market: Market,
    request: BacktestRequest,
    path: Path,
    source_of_bars: str,
    count: MemberCount,
    rule: ComponentWeighted,
    policy: Policy | None,
    how: str,
) -> dict[str, Any]:
    members = universe(request.universe)
    return {
        "forecast": forecast.name,
        "target": forecast.label.name,
        "source": source,
        "how": how,
        "universe": members.name,
        "universe_listed": members.listed.isoformat() if members.listed else None,
        "members": count.members,
        "members_with_bars": count.with_bars,
        "index": members.index,
        "instrument": members.instrument,
        "index_bars": source_of_bars,
        "interval": forecast.interval,
        "first_session": str(path.session[0]),
        "last_session": str(path.session[-1]),
        "sessions": len(np.unique(path.session)),
        "bars": len(path),
        "snapshot": market.snapshot,
        "definition": forecast.model_fingerprint,
        "candidates": [candidate.name for candidate in forecast.candidates],
        "retrain_sessions": request.retrain,
        "history_days": round(request.history.total_seconds() / 86400, 3),
        "cost": request.cost,
        "buy_at": rule.buy_at,
        "sell_at": rule.sell_at,
        "least_scored": rule.least_scored,
        "policy": policy.summary() if policy else None,
        "confidence": measure.CONFIDENCE,
        "seed": request.seed,
    }


def _windows(
    scorers: Sequence[Scorer],
    scored: ScoredRows,
    judged_rows: measure.JudgedRows,
    window_of_bar: np.ndarray,
    bar_returns: dict[str, BarReturns],
    thresholds_of_windows: list[tune.Thresholds],
) -> list[dict[str, Any]]:
    window_of_judged = scored.window[scored.actual >= 0]
    thresholds_of = {pair.window: pair for pair in thresholds_of_windows}
    rows = []
    for scorer in scorers:
        window, bars = scorer.window, window_of_bar == scorer.window.number
        row: dict[str, Any] = {
            "window": window.number,
            "first_session": str(window.first),
            "last_session": str(window.last),
            "model": scorer.candidate,
            **({"model_version": scorer.version} if scorer.version is not None else {}),
            "trained_as_of": f"{window.as_of}Z",
            "training_rows": scorer.training_rows,
            **measure.summarise_rows(judged_rows.take(window_of_judged == window.number)),
            "net": round(float(bar_returns["signal"].net[bars].sum()), 10),
            "proven": scorer.proven,
            "reason": scorer.reason,
        }
        if window.number in thresholds_of:
            pair = thresholds_of[window.number]
            row |= {"buy_at": pair.buy_at, "sell_at": pair.sell_at}
            row["net_tuned"] = round(float(bar_returns["tuned"].net[bars].sum()), 10)
        rows.append(row)
    return rows


def _symbols(
    forecast: TargetForecast, scored: ScoredRows, judged_rows: measure.JudgedRows
) -> list[dict[str, Any]]:
    code_of_row = scored.rows.symbol[scored.actual >= 0]
    rows = [
        {
            "symbol": forecast.symbols[code],
            **measure.summarise_rows(judged_rows.take(code_of_row == code)),
        }
        for code in np.unique(code_of_row)
    ]
    return sorted(rows, key=lambda row: str(row["symbol"]))


def _predictions(
    forecast: TargetForecast, scored: ScoredRows, scorers: Sequence[Scorer]
) -> pa.Table:
    label, rows = forecast.label, scored.rows
    names = np.array(label.classes, dtype=object)
    versions = {scorer.window.number: scorer.version for scorer in scorers}
    columns: dict[str, Any] = {
        "symbol": [forecast.symbols[code] for code in rows.symbol.tolist()],
        "ts": pa.array(scored.ts).cast(UTC_TYPE),
        "closes_at": pa.array(rows.closes_at).cast(UTC_TYPE),
        "session": pa.array(rows.session),
        "place": rows.place,
        "window": scored.window,
        "model_version": pa.array([versions[n] for n in scored.window.tolist()], pa.int64()),
        "action": names[scored.predicted],
        "score": np.asarray(label.scores)[scored.predicted],
        "expected_score": expected_scores(scored.probabilities, label.scores),
        "confidence": scored.probabilities[np.arange(len(scored)), scored.predicted],
    }
    for column, name in enumerate(label.classes):
        columns[f"probability_{name}"] = scored.probabilities[:, column]
    columns["outcome"] = pa.array(rows.outcome, from_pandas=True)
    columns["actual"] = pa.array(
        [names[code] if code >= 0 else None for code in scored.actual.tolist()]
    )
    columns["known_at"] = pa.array(rows.known_at).cast(UTC_TYPE)
    return pa.table(columns)


def _signals(
    path: Path,
    window_of_bar: np.ndarray,
    bars: BarScores,
    expected_bars: BarScores,
    known: np.ndarray,
    declared: np.ndarray,
    direction: np.ndarray,
    bar_returns: dict[str, BarReturns],
    thresholds: tuple[Any, Any],
) -> pa.Table:
    signal_names = np.array(SIGNALS, dtype=object)
    columns: dict[str, Any] = {
        "ts": pa.array(path.ts).cast(UTC_TYPE),
        "closes_at": pa.array(path.closes_at).cast(UTC_TYPE),
        "session": pa.array(path.session),
        "window": window_of_bar,
        "wss": bars.wss,
        "expected_wss": expected_bars.wss,
        "coverage": bars.coverage,
        "weights_known": known,
        "signal": signal_names[declared + 1],
    }
    if "tuned" in bar_returns:
        columns |= {"buy_at": thresholds[0], "sell_at": thresholds[1]}
        columns["tuned_signal"] = signal_names[direction + 1]
    columns |= {"index_close": path.close, "over_night": path.over_night}
    for name, returns in bar_returns.items():
        prefix = "" if name == "signal" else f"{name}_"
        columns |= {f"{prefix}position": returns.position, f"{prefix}gross": returns.gross}
        columns |= {f"{prefix}cost": returns.cost, f"{prefix}net": returns.net}
        if name == "policy":
            columns["policy_exit"] = returns.exits
    return pa.table(columns)
