"""Walk forward: train a model on what was known before each window, and score the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from pipelines.backtest.market import BacktestRequest, Market, day
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.forecasts import TargetForecast
from pipelines.forecasts.description import describe_model
from pipelines.gates import Decision, InputsSound, Latency, TrainingTime, judge_all
from pipelines.gates.collect import collect_evidence
from pipelines.modeling import required
from pipelines.modeling.compare import compare
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.dataset import Rows, Split
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.required import Minimums
from pipelines.modeling.scorer import OnnxScorer
from pipelines.scoring.index_evidence import add_index_evidence

Progress = Callable[[str, int, int], None]
# Two measure this machine, and the third takes seconds of Evidently in each window.
SKIPPED_GATES = (Latency, TrainingTime, InputsSound)


@dataclass(frozen=True)
class Window:
    """Bars that one model scores: those that close after `after` and not after `until`."""

    number: int  # from 1
    first: np.datetime64  # session
    last: np.datetime64
    as_of: np.datetime64  # the model knew nothing later
    after: np.datetime64  # where a window was trained for, the same: its first session's open
    until: np.datetime64


@dataclass(frozen=True, eq=False)
class Scorer:
    """A model as it would be served, and what the report says of it."""

    window: Window
    onnx: OnnxScorer
    candidate: str
    training_rows: int | None  # None: not known
    proven: bool
    reason: str
    version: int | None = None  # None: trained by the backtest, and not registered


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """The rows of all windows that were scored, in order of time."""

    rows: Rows
    ts: np.ndarray
    window: np.ndarray  # number of the window of each row
    outputs: np.ndarray  # the probability of each class, or a value and the ends of its interval
    predicted: np.ndarray  # place of a class, or a value
    actual: np.ndarray  # by the model's thresholds; -1 or NaN where the outcome is not known
    left_out: int  # rows with a missing feature, or of a symbol that training never saw

    def __len__(self) -> int:
        return len(self.ts)


def windows(rows: Rows, ts: np.ndarray, request: BacktestRequest) -> list[Window]:
    """Cut the span into windows of `retrain` sessions; the last one may be shorter."""
    sessions, first = np.unique(rows.session, return_index=True)
    opens = np.minimum.reduceat(ts, first) if len(first) else ts
    result = []
    for number, place in enumerate(range(0, len(sessions), request.retrain), 1):
        following = place + request.retrain
        is_last = following >= len(sessions)
        until = rows.closes_at.max() if is_last else opens[following]
        last = sessions[-1 if is_last else following - 1]
        result.append(Window(number, sessions[place], last, opens[place], opens[place], until))
    return result


def select_known(rows: Rows, as_of: np.datetime64, history: timedelta) -> Rows:
    """Select the rows known at `as_of`: outcomes known by then, of bars within `history`."""
    since = as_of - np.timedelta64(history)
    return rows.take(
        np.isfinite(rows.outcome) & (rows.known_at <= as_of) & (rows.closes_at > since)
    )


def find_shortage(forecast: TargetForecast, rows: Rows, minimums: Minimums) -> str:
    """Say why rows are too few to compare candidates on; empty where they are enough."""
    try:
        names = required.column_names(forecast.feature_names, rows)
        places = required.read_places(forecast.candidates, names)
        usable, dropped = required.select_usable(rows, names, minimums, places)
        older, selecting, newest = forecast.split.cut(usable)
        parts = {
            "select": required.select_known_symbols(older, selecting),
            "judge": required.select_known_symbols(older, newest),
        }
        required.check_enough(older, parts, minimums, dropped)
    except InvalidRequest as refused:
        return refused.message
    return ""


def find_earliest_session(
    forecast: TargetForecast, market: Market, request: BacktestRequest, minimums: Minimums
) -> np.datetime64:
    """Find the first session with enough history before it; NaT where there is none."""
    days = windows(market.rows, market.ts, replace(request, retrain=1))
    low, high = 0, len(days)
    while low < high:
        middle = (low + high) // 2
        before = select_known(market.rows, days[middle].as_of, request.history)
        low, high = (
            (middle + 1, high) if find_shortage(forecast, before, minimums) else (low, middle)
        )
    return days[low].first if low < len(days) else np.datetime64("NaT")


def count_comparison_sessions(split: Split, minimums: Minimums, rows: int, lost: int) -> int:
    """Count the sessions of `rows` rows that a comparison needs, if features use up `lost`."""
    count = 4
    while True:
        held_out = max(round(count * split.held_out), 2)
        training = count - held_out
        enough = training >= minimums.sessions and training * rows >= minimums.rows
        if enough and (held_out // 2) * rows >= minimums.held_out:
            return count + lost
        count += 1


def with_candidates(forecast: TargetForecast, names: Sequence[str]) -> TargetForecast:
    """Return the forecast with the named candidates alone."""
    known_names = [candidate.name for candidate in forecast.candidates]
    for name in names:
        if name not in known_names:
            raise unknown(f"candidate of {forecast.name}", name, known_names)
    if not names:
        return forecast
    candidates = tuple(c for c in forecast.candidates if c.name in names)
    return forecast.replace(candidates=candidates, challengers=())


def walk(
    forecast: TargetForecast,
    market: Market,
    cut: Sequence[Window],
    request: BacktestRequest,
    minimums: Minimums,
    progress: Progress,
) -> Iterator[Scorer]:
    """Train a model for each window on what was known before it."""
    champion: Scorer | None = None
    for window in cut:
        name = f"window {window.number} of {len(cut)}"
        try:
            comparison = compare(
                select_known(market.rows, window.as_of, request.history),
                forecast.label,
                forecast.candidates,
                forecast.split,
                request.seed,
                _progress_in(progress, name, window.number - 1, len(cut)),
                names=forecast.feature_names,
                flags=forecast.forecast.flags,
                minimums=minimums,
                rule=forecast.target.rule,
                selection=forecast.target.selection,
            )
        except InvalidRequest as refused:
            raise InvalidRequest(
                f"{name}, trained as of {day(window.first)}: {refused.message}", refused.hint
            ) from refused
        scorer = _scorer_of(forecast, market, comparison, window, champion, request.seed)
        champion = scorer if scorer.proven else champion
        yield scorer


def _progress_in(progress: Progress, window: str, done: int, total: int) -> Progress:
    """Report the progress of a comparison as part of a window."""
    return lambda what, _done, _total: progress(f"{window}: {what}", done, total)


def _scorer_of(
    forecast: TargetForecast,
    market: Market,
    comparison: Comparison,
    window: Window,
    champion: Scorer | None,
    seed: int,
) -> Scorer:
    body = to_onnx(comparison.winner, describe_model(forecast, comparison))
    scorer = OnnxScorer(body)
    decision = _decide(forecast, market, comparison, body, scorer, champion, seed)
    return Scorer(
        window,
        scorer,
        comparison.ranking[0].name,
        len(comparison.training),
        decision.promote,
        decision.reason,
    )


def _decide(
    forecast: TargetForecast,
    market: Market,
    comparison: Comparison,
    body: bytes,
    scorer: OnnxScorer,
    champion: Scorer | None,
    seed: int,
) -> Decision:
    """Judge by the blocking gates, except those that a backtest skips."""
    gates = [
        gate for gate in forecast.gates if gate.blocking and not isinstance(gate, SKIPPED_GATES)
    ]
    champion_scorer = champion.onnx if champion else None
    evidence = collect_evidence(comparison, body, scorer, champion_scorer, seed)
    evidence = add_index_evidence(evidence, forecast.symbols, market.indexes, forecast.label.kind)
    return judge_all(gates, evidence)


def score_windows(
    forecast: TargetForecast, market: Market, scorers: Sequence[Scorer]
) -> ScoredRows:
    """Score every row of the windows by the model of its window."""
    rows, places, numbers, outputs, predictions, actual = market.rows, [], [], [], [], []
    left_out = 0
    for scorer in scorers:
        window, description = scorer.window, scorer.onnx.description
        inputs = description.select_columns(rows.features, forecast.feature_names)
        is_complete = np.isfinite(inputs).all(axis=1)
        is_inside = (rows.closes_at > window.after) & (rows.closes_at <= window.until)
        untrained = [description.symbols.index(name) for name in description.untrained]
        place = np.flatnonzero(is_inside & is_complete & ~np.isin(rows.symbol, untrained))
        left_out += int(is_inside.sum()) - len(place)
        outputs_of_window, predictions_of_window = scorer.onnx.score(inputs[place])
        places.append(place)
        numbers.append(np.full(len(place), window.number))
        outputs.append(outputs_of_window.astype(np.float64))
        predictions.append(predictions_of_window)
        actual.append(forecast.label.truth(rows.outcome[place], description.thresholds))
    place = np.concatenate(places)
    order = np.argsort(place, kind="stable")
    place = place[order]
    number, output, prediction, truth = (
        np.concatenate(part)[order] for part in (numbers, outputs, predictions, actual)
    )
    return ScoredRows(
        rows.take(place), market.ts[place], number, output, prediction, truth, left_out
    )
