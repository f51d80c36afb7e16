"""From scored rows to everything that a backtest tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.backtest import measure, tune
from pipelines.backtest.market import Asked, Market, day
from pipelines.backtest.notes import notes
from pipelines.backtest.path import PRICES, Path, of_members, own
from pipelines.backtest.policy import Earned, Policy, simulate
from pipelines.backtest.walk import Scored, Scorer
from pipelines.core.calendar import UTC_TYPE, calendar
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.universes import Universe, universe
from pipelines.forecasts import TargetForecast
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.modeling.metrics import expected_score
from pipelines.scoring.weights import Weights
from pipelines.scoring.wss import SIGNALS, combine_scores, directions

WALKED = "each window scored by a model trained on what was known before it"
WHOLE = 0.95  # of the bars that members have, the index's own must be there to be used


@dataclass(frozen=True, eq=False)
class Backtest:
    """All that is told: plain values that go to JSON, and two tables."""

    about: dict[str, Any]
    windows: list[dict[str, Any]]
    figures: dict[str, measure.Figure]
    shares: list[dict[str, Any]]
    symbols: list[dict[str, Any]]
    returns: dict[str, dict[str, Any]]
    notes: list[str]
    predictions: pa.Table
    signals: pa.Table
    earned: dict[str, Earned] = field(repr=False)
    path: Path = field(repr=False)


def combination_of(forecast: TargetForecast, name: str) -> ComponentWeighted:
    """How a forecast combines a universe."""
    for one in forecast.combinations:
        if one.universe == name:
            return one
    raise unknown(
        f"combination of {forecast.name}", name, (one.universe for one in forecast.combinations)
    )


def finish(
    forecast: TargetForecast,
    source: str,
    market: Market,
    scorers: Sequence[Scorer],
    scored: Scored,
    asked: Asked,
    policy: Policy | None = None,
    how: str = WALKED,
) -> Backtest:
    """Combine, trade and measure what was scored. `how` says by which models, in words."""
    by, of = combination_of(forecast, asked.universe), universe(asked.universe)
    judged = measure.judged(scored, forecast.label)
    if not len(judged):
        raise InvalidRequest(
            "no scored bar has an outcome that is known", "name a longer span, or a later one"
        )
    path, weights, known, made_of = _path(market, of, scored)
    number = _numbers(scorers, path)
    bars = combine_scores(_scores(forecast, of, scored, path), weights)
    wss, coverage = bars.wss, bars.coverage
    declared = directions(wss, coverage, by, by.buy_at, by.sell_at)
    ways: dict[str, tuple[Policy, np.ndarray]] = {"signal": (Policy(), declared)}
    best = tune.tuned(path, wss, coverage, number, by, asked.cost) if asked.tune else []
    direction, thresholds = declared, (by.buy_at, by.sell_at)
    if best:
        thresholds = tune.per_bar(best, number)  # type: ignore[assignment]
        direction = directions(wss, coverage, by, *thresholds)
        ways["tuned"] = (Policy(), direction)
    if policy is not None:
        ways["policy"] = (policy, direction)
    earned = {name: simulate(how, path, at, asked.cost) for name, (how, at) in ways.items()}
    long = simulate(Policy(), path, np.ones(len(path), dtype=np.int64), asked.cost)
    earned["always_long"] = long
    return Backtest(
        about=_about(forecast, source, market, asked, path, made_of, by, policy, how),
        windows=_windows(scorers, scored, judged, number, earned, best),
        figures=measure.figures(judged, asked.seed),
        shares=measure.shares(judged, forecast.label.classes),
        symbols=_symbols(forecast, scored, judged),
        returns={n: measure.earned(e, path, asked.seed, long) for n, e in earned.items()},
        notes=notes(forecast, source, of, asked, scored, path, known, scorers, made_of),
        predictions=_predictions(forecast, scored, scorers),
        signals=_signals(
            path, number, wss, coverage, known, declared, direction, earned, thresholds
        ),
        earned=earned,
        path=path,
    )


def _path(market: Market, of: Universe, scored: Scored) -> tuple[Path, np.ndarray, np.ndarray, str]:
    """The index's bars over the scored sessions, and the members' weights at each."""
    first, last = scored.rows.session.min(), scored.rows.session.max()
    bars, alone = (_within(table, first, last) for table in (market.bars, market.own))
    if not bars.num_rows:
        raise InvalidRequest(
            f"no member of {of.name} has bars in the span",
            "name another universe, or ingest the bars of its members",
        )
    ts, at = np.unique(_instants(bars, "ts"), return_index=True)
    table, made_of = bars, f"its members' bars, by weight ({of.name}, {len(of.symbols)} members)"
    use_own = np.isin(ts, _instants(alone, "ts")).mean() >= WHOLE
    if use_own:
        table, made_of = alone, f"{of.index}'s own bars"
        ts, at = np.unique(_instants(alone, "ts"), return_index=True)
    closes_at = _instants(table, "closes_at")[at]
    session = table["session"].to_numpy().astype("datetime64[D]")[at]
    weights, known = _weights(market.weights, of, closes_at, session)
    last_bar = _last(market.calendar, closes_at, session)
    if use_own:
        prices = {name: alone[name].to_numpy()[at] for name in PRICES}
        return own(ts, closes_at, session, last_bar, prices), weights, known, made_of
    row = np.searchsorted(ts, _instants(bars, "ts"))
    places = {name: place for place, name in enumerate(of.symbols)}
    column = np.array([places[name] for name in bars["symbol"].to_pylist()])
    shape = (len(ts), len(of.symbols))
    prices = {n: _spread(bars[n].to_numpy(), row, column, shape) for n in PRICES}
    return of_members(ts, closes_at, session, last_bar, prices, weights), weights, known, made_of


def _weights(
    rows: pa.Table, of: Universe, closes_at: np.ndarray, session: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the members' weights at each bar, and at which bars any of them was known.

    They are the weights that a published signal would have had: a member whose weight is not
    known weighs nothing. Where no weight is known, all weigh the same.
    """
    weights = Weights(of.index, rows).at_bars(closes_at, session).of_members(of.symbols)
    known = np.isfinite(weights).any(axis=1)
    weights[~known] = 1 / max(1, len(of.symbols))
    return np.where(np.isfinite(weights), weights, 0.0), known


def _spread(
    values: np.ndarray, row: np.ndarray, column: np.ndarray, shape: tuple[int, int]
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


def _last(name: str, closes_at: np.ndarray, session: np.ndarray) -> np.ndarray:
    """Where the calendar says that the session ends with the bar."""
    market, days = calendar(name), np.unique(session)
    ends = [market.session_bounds(day(one))[1].replace(tzinfo=None) for one in days]
    closes = np.array(ends, dtype="datetime64[us]")
    found: np.ndarray = closes_at >= closes[np.searchsorted(days, session)]
    return found


def _numbers(scorers: Sequence[Scorer], path: Path) -> np.ndarray:
    """The window of each bar of the index."""
    after = np.array([one.window.after for one in scorers])
    at = np.searchsorted(after, path.closes_at, side="left") - 1
    numbers = np.array([one.window.number for one in scorers])
    found: np.ndarray = numbers[np.maximum(at, 0)]
    return found


def _scores(forecast: TargetForecast, of: Universe, scored: Scored, path: Path) -> np.ndarray:
    """What each member was said to do at each bar of the index; NaN where nothing was said."""
    codes = np.array([forecast.symbols.index(name) for name in of.symbols])
    place = np.full(len(forecast.symbols), -1)
    place[codes] = np.arange(len(codes))
    column = place[scored.rows.symbol]
    row = np.minimum(np.searchsorted(path.ts, scored.ts), len(path) - 1)
    at = (column >= 0) & (path.ts[row] == scored.ts)
    worth = np.asarray(forecast.label.scores)[scored.predicted]
    return _spread(worth[at], row[at], column[at], (len(path), len(codes)))


def _about(
    forecast: TargetForecast,
    source: str,
    market: Market,
    asked: Asked,
    path: Path,
    made_of: str,
    by: ComponentWeighted,
    policy: Policy | None,
    how: str,
) -> dict[str, Any]:
    of = universe(asked.universe)
    return {
        "forecast": forecast.name,
        "target": forecast.label.name,
        "source": source,
        "how": how,
        "universe": of.name,
        "universe_since": of.since.isoformat(),
        "index": of.index,
        "instrument": of.instrument,
        "index_bars": made_of,
        "interval": forecast.interval,
        "first_session": str(path.session[0]),
        "last_session": str(path.session[-1]),
        "sessions": len(np.unique(path.session)),
        "bars": len(path),
        "snapshot": market.snapshot,
        "definition": forecast.model_fingerprint,
        "candidates": [one.name for one in forecast.candidates],
        "retrain_sessions": asked.retrain,
        "history_days": round(asked.history.total_seconds() / 86400, 3),
        "cost": asked.cost,
        "buy_at": by.buy_at,
        "sell_at": by.sell_at,
        "least_scored": by.least_scored,
        "policy": policy.told() if policy else None,
        "confidence": measure.CONFIDENCE,
        "seed": asked.seed,
    }


def _windows(
    scorers: Sequence[Scorer],
    scored: Scored,
    judged: measure.Judged,
    number: np.ndarray,
    earned: dict[str, Earned],
    best: list[tune.Thresholds],
) -> list[dict[str, Any]]:
    of_judged = scored.window[scored.actual >= 0]
    chosen = {one.window: one for one in best}
    made = []
    for one in scorers:
        window, at = one.window, number == one.window.number
        told: dict[str, Any] = {
            "window": window.number,
            "first_session": str(window.first),
            "last_session": str(window.last),
            "model": one.candidate,
            **({"model_version": one.version} if one.version is not None else {}),
            "trained_as_of": f"{window.as_of}Z",
            "training_rows": one.training_rows,
            **measure.row_of(judged.take(of_judged == window.number)),
            "net": round(float(earned["signal"].net[at].sum()), 10),
            "proven": one.proven,
            "reason": one.reason,
        }
        if window.number in chosen:
            pair = chosen[window.number]
            told |= {"buy_at": pair.buy_at, "sell_at": pair.sell_at}
            told["net_tuned"] = round(float(earned["tuned"].net[at].sum()), 10)
        made.append(told)
    return made


def _symbols(
    forecast: TargetForecast, scored: Scored, judged: measure.Judged
) -> list[dict[str, Any]]:
    code = scored.rows.symbol[scored.actual >= 0]
    found = ((forecast.symbols[one], judged.take(code == one)) for one in np.unique(code))
    return [
        {"symbol": name, **measure.row_of(rows)} for name, rows in sorted(found, key=lambda f: f[0])
    ]


def _predictions(forecast: TargetForecast, scored: Scored, scorers: Sequence[Scorer]) -> pa.Table:
    label, rows = forecast.label, scored.rows
    names = np.array(label.classes, dtype=object)
    versions = {one.window.number: one.version for one in scorers}
    made: dict[str, Any] = {
        "symbol": [forecast.symbols[code] for code in rows.symbol.tolist()],
        "ts": pa.array(scored.ts).cast(UTC_TYPE),
        "closes_at": pa.array(rows.closes_at).cast(UTC_TYPE),
        "session": pa.array(rows.session),
        "place": rows.place,
        "window": scored.window,
        "model_version": pa.array([versions[n] for n in scored.window.tolist()], pa.int64()),
        "action": names[scored.predicted],
        "score": np.asarray(label.scores)[scored.predicted],
        "expected_score": expected_score(scored.probabilities, label.scores),
        "confidence": scored.probabilities[np.arange(len(scored)), scored.predicted],
    }
    for column, name in enumerate(label.classes):
        made[f"probability_{name}"] = scored.probabilities[:, column]
    made["outcome"] = pa.array(rows.outcome, from_pandas=True)
    made["actual"] = pa.array([names[one] if one >= 0 else None for one in scored.actual.tolist()])
    made["known_at"] = pa.array(rows.known_at).cast(UTC_TYPE)
    return pa.table(made)


def _signals(
    path: Path,
    number: np.ndarray,
    wss: np.ndarray,
    coverage: np.ndarray,
    known: np.ndarray,
    declared: np.ndarray,
    direction: np.ndarray,
    earned: dict[str, Earned],
    thresholds: tuple[Any, Any],
) -> pa.Table:
    words = np.array(SIGNALS, dtype=object)
    made: dict[str, Any] = {
        "ts": pa.array(path.ts).cast(UTC_TYPE),
        "closes_at": pa.array(path.closes_at).cast(UTC_TYPE),
        "session": pa.array(path.session),
        "window": number,
        "wss": wss,
        "coverage": coverage,
        "weights_known": known,
        "signal": words[declared + 1],
    }
    if "tuned" in earned:
        made |= {"buy_at": thresholds[0], "sell_at": thresholds[1]}
        made["tuned_signal"] = words[direction + 1]
    made |= {"index_close": path.close, "over_night": path.over_night}
    for name, one in earned.items():
        before = "" if name == "signal" else f"{name}_"
        made |= {f"{before}position": one.position, f"{before}gross": one.gross}
        made |= {f"{before}cost": one.cost, f"{before}net": one.net}
        if name == "policy":
            made["policy_exit"] = one.exits
    return pa.table(made)
