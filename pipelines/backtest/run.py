"""Combine, trade and measure scored rows: all that a backtest reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.backtest import measure, tables, tune
from pipelines.backtest.judged_rows import JUDGED_KINDS, figures, select_judged
from pipelines.backtest.market import BacktestRequest, Market
from pipelines.backtest.members import count_market_members
from pipelines.backtest.notes import build_notes
from pipelines.backtest.path import Path
from pipelines.backtest.policy import BarReturns, Policy, simulate
from pipelines.backtest.traded import find_combination
from pipelines.backtest.traded_path import build_traded_path, member_scores
from pipelines.backtest.walk import ScoredRows, Scorer
from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import MemberCount, Universe, universe
from pipelines.forecasts import TargetForecast
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.gates.intervals import CONFIDENCE, Figure
from pipelines.modeling.answers import answer_of
from pipelines.scoring.wss import SIGNALS, BarScores, combine_scores, directions

WALKED = "each window scored by a model trained on what was known before it"
SIGNAL_NAMES = np.array(SIGNALS, dtype=object)


@dataclass(frozen=True, eq=False)
class Backtest:
    """All that is reported: plain values that go to JSON, and two tables."""

    about: dict[str, Any]
    windows: list[dict[str, Any]]
    figures: dict[str, Figure]
    shares: list[dict[str, Any]]
    symbols: list[dict[str, Any]]
    returns: dict[str, dict[str, Any]]
    notes: list[str]
    predictions: pa.Table
    signals: pa.Table
    bar_returns: dict[str, BarReturns] = field(repr=False)
    path: Path = field(repr=False)


@dataclass(frozen=True, eq=False)
class _Combiner:
    """Combines the scored rows to the scores and directions of the traded bars."""

    forecast: TargetForecast
    rule: ComponentWeighted
    members: Universe
    scorers: Sequence[Scorer]
    scored: ScoredRows
    path: Path
    weights: np.ndarray

    def combine(self, predicted: np.ndarray) -> tuple[BarScores, BarScores]:
        """Weigh the published and the expected scores of predictions."""
        label = self.forecast.label
        scores = answer_of(label.kind).signal_scores(label.scores, self.scored.outputs, predicted)
        published, expected = (
            combine_scores(
                member_scores(self.forecast, self.members, self.scored, self.path, of_rows),
                self.weights,
            )
            for of_rows in scores
        )
        return published, expected

    def find_directions(
        self, thresholds: tune.Thresholds, published: BarScores
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the direction and the WSS of each bar, if these thresholds were declared."""
        if thresholds.least_confidence is not None:
            published, _ = self.combine(self._choose_again(thresholds.least_confidence))
        signs = directions(
            published.wss, published.coverage, self.rule, thresholds.buy_at, thresholds.sell_at
        )
        return signs, published.wss

    def _choose_again(self, least_confidence: float) -> np.ndarray:
        """Return the classes that the rule publishes from another confidence on."""
        predicted = self.scored.predicted.copy()
        for scorer in self.scorers:
            rows = self.scored.window == scorer.window.number
            predicted[rows] = self.forecast.target.rule.choose(
                self.scored.outputs[rows],
                self.forecast.label.scores,
                scorer.onnx.description.shares,
                (least_confidence,),
            )
        return predicted


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
    judged_rows = select_judged(scored, forecast.label)
    if not len(judged_rows):
        raise InvalidRequest(
            "no scored bar has an outcome that is known", "name a longer span, or a later one"
        )
    path, weights, weights_known, source_of_bars = build_traded_path(market, members, scored)
    combiner = _Combiner(forecast, rule, members, scorers, scored, path, weights)
    published, expected = combiner.combine(scored.predicted)
    window_of_bar = _window_of_bar(scorers, path)
    declared = directions(published.wss, published.coverage, rule, rule.buy_at, rule.sell_at)
    ways: dict[str, tuple[Policy, np.ndarray]] = {"signal": (Policy(), declared)}
    direction, tuned, tuned_columns = declared, list[tune.WindowThresholds](), dict[str, Any]()
    if request.tune:
        tuned, direction, tuned_columns = _tune(combiner, published, window_of_bar, request.cost)
        ways["tuned"] = (Policy(), direction)
    if policy is not None:
        ways["policy"] = (policy, direction)
    bar_returns = {
        name: simulate(trading, path, signs, request.cost)
        for name, (trading, signs) in ways.items()
    }
    long = simulate(Policy(), path, np.ones(len(path), dtype=np.int64), request.cost)
    bar_returns["always_long"] = long
    count, kind = count_market_members(market, members, path.session), forecast.label.kind
    scores = {
        "wss": published.wss,
        "expected_wss": expected.wss,
        "coverage": published.coverage,
        "weights_known": weights_known,
        "signal": SIGNAL_NAMES[declared + 1],
    }
    return Backtest(
        about=_describe(
            forecast, source, market, request, path, source_of_bars, count, rule, policy, how
        ),
        windows=tables.summarise_windows(
            forecast, scorers, scored, judged_rows, window_of_bar, bar_returns, tuned
        ),
        figures=figures(judged_rows, request.seed, kind)
        | measure.index_figures(
            published.wss, expected.wss, published.coverage, path, request.seed
        ),
        shares=JUDGED_KINDS[kind].shares(judged_rows, forecast.label),
        symbols=tables.summarise_symbols(forecast, scored, judged_rows),
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
        predictions=tables.build_predictions(forecast, scored, scorers),
        signals=tables.build_signals(path, window_of_bar, scores, tuned_columns, bar_returns),
        bar_returns=bar_returns,
        path=path,
    )


def _tune(
    combiner: _Combiner, published: BarScores, window_of_bar: np.ndarray, cost: float
) -> tuple[list[tune.WindowThresholds], np.ndarray, dict[str, Any]]:
    """Return each window's thresholds, each bar's direction, and the columns that show both."""
    choices = tune.list_thresholds(combiner.forecast.target.rule, combiner.rule)
    pairs = [combiner.find_directions(choice, published) for choice in choices]
    signs, wss = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
    tuned = tune.tune_thresholds(combiner.path, choices, signs, window_of_bar, cost)
    place, bars = tune.places_per_bar(tuned, choices, window_of_bar), np.arange(len(signs[0]))
    direction = signs[place, bars]
    columns: dict[str, Any] = {
        name: np.array([getattr(choice, name) for choice in choices])[place]
        for name in ("buy_at", "sell_at")
    }
    if choices[0].least_confidence is not None:
        confidences = np.array([choice.least_confidence for choice in choices])
        columns |= {"least_confidence": confidences[place], "tuned_wss": wss[place, bars]}
    return tuned, direction, columns | {"tuned_signal": SIGNAL_NAMES[direction + 1]}


def _window_of_bar(scorers: Sequence[Scorer], path: Path) -> np.ndarray:
    """Return the number of the window of each bar of the index."""
    after = np.array([scorer.window.after for scorer in scorers])
    place = np.searchsorted(after, path.closes_at, side="left") - 1
    numbers = np.array([scorer.window.number for scorer in scorers])
    number: np.ndarray = numbers[np.maximum(place, 0)]
    return number


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
    members, grid = universe(request.universe), forecast.target.rule.grid
    return {
        "forecast": forecast.name,
        "target": forecast.label.name,
        "kind": forecast.label.kind,
        "source": source,
        "news_source": forecast.forecast.news_source(source),
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
        "least_confidence": grid[0][0] if grid else None,
        "policy": policy.summary() if policy else None,
        "confidence": CONFIDENCE,
        "seed": request.seed,
    }
