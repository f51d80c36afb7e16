"""Walk-forward: before each window a model is made of what was known, and scores the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from pipelines.backtest.market import Asked, Market, day
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.forecasts import TargetForecast
from pipelines.forecasts.description import describe_model
from pipelines.gates import Decision, InputsSound, Latency, TrainingTime, judge_all
from pipelines.gates.collect import collect_evidence
from pipelines.modeling import required
from pipelines.modeling.compare import Comparison, compare
from pipelines.modeling.dataset import Rows, Split
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.required import Fewest
from pipelines.modeling.scorer import OnnxScorer

Progress = Callable[[str, int, int], None]
# Two ask about this machine, and the third takes seconds of Evidently in each window.
NOT_ASKED = (Latency, TrainingTime, InputsSound)


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
    """A model as it would be served, and what is told of it."""

    window: Window
    onnx: OnnxScorer
    candidate: str
    training_rows: int | None  # None: not known
    proven: bool
    reason: str
    version: int | None = None  # None: made by the backtest, and kept nowhere


@dataclass(frozen=True, eq=False)
class Scored:
    """The rows of all windows that were scored, in order of time."""

    rows: Rows
    ts: np.ndarray
    window: np.ndarray  # number of each row's
    probabilities: np.ndarray  # a column a class
    predicted: np.ndarray
    actual: np.ndarray  # by the thresholds of the model; -1 where the outcome is not known
    left_out: int  # rows with a missing feature, or of a symbol that training never saw

    def __len__(self) -> int:
        return len(self.ts)


def windows(rows: Rows, ts: np.ndarray, asked: Asked) -> list[Window]:
    """The span, cut into stretches of `retrain` sessions; the last one may be shorter."""
    sessions, first = np.unique(rows.session, return_index=True)
    opens = np.minimum.reduceat(ts, first) if len(first) else ts
    made = []
    for number, at in enumerate(range(0, len(sessions), asked.retrain), 1):
        following = at + asked.retrain
        more = following < len(sessions)
        until = opens[following] if more else rows.closes_at.max()
        last = sessions[following - 1 if more else -1]
        made.append(Window(number, sessions[at], last, opens[at], opens[at], until))
    return made


def known(rows: Rows, as_of: np.datetime64, history: timedelta) -> Rows:
    """What was known at `as_of`: outcomes settled by then, of bars not older than `history`."""
    since = as_of - np.timedelta64(history)
    return rows.take(
        np.isfinite(rows.outcome) & (rows.known_at <= as_of) & (rows.closes_at > since)
    )


def lacking(forecast: TargetForecast, rows: Rows, fewest: Fewest) -> str:
    """Why rows are too few to compare candidates on; nothing where they are enough."""
    try:
        names = required.column_names(forecast.feature_names, rows)
        usable, dropped = required.select_usable(rows, names, fewest)
        older, selecting, newest = forecast.split.cut(usable)
        parts = {
            "select": required.select_known_symbols(older, selecting),
            "judge": required.select_known_symbols(older, newest),
        }
        required.check_enough(older, parts, fewest, dropped)
    except InvalidRequest as refused:
        return refused.message
    return ""


def earliest(
    forecast: TargetForecast, market: Market, asked: Asked, fewest: Fewest
) -> np.datetime64:
    """The first session before which there is enough history; NaT where there is none."""
    every = windows(market.rows, market.ts, replace(asked, retrain=1))
    low, high = 0, len(every)
    while low < high:
        middle = (low + high) // 2
        before = known(market.rows, every[middle].as_of, asked.history)
        low, high = (middle + 1, high) if lacking(forecast, before, fewest) else (low, middle)
    return every[low].first if low < len(every) else np.datetime64("NaT")


def sessions_needed(split: Split, fewest: Fewest, rows: int, lost: int) -> int:
    """How many sessions of `rows` rows a comparison needs, when features take `lost` of them."""
    count = 4
    while True:
        held = max(round(count * split.held_out), 2)
        training = count - held
        enough = training >= fewest.sessions and training * rows >= fewest.rows
        if enough and (held // 2) * rows >= fewest.held_out:
            return count + lost
        count += 1


def chosen(forecast: TargetForecast, names: Sequence[str]) -> TargetForecast:
    """The forecast with the named candidates alone."""
    known_names = [one.name for one in forecast.candidates]
    for name in names:
        if name not in known_names:
            raise unknown(f"candidate of {forecast.name}", name, known_names)
    if not names:
        return forecast
    kept = tuple(one for one in forecast.candidates if one.name in names)
    return forecast.replace(candidates=kept, challengers=())


def walk(
    forecast: TargetForecast,
    market: Market,
    cut: Sequence[Window],
    asked: Asked,
    fewest: Fewest,
    progress: Progress,
) -> Iterator[Scorer]:
    """A model for each window, made of what was known before it."""
    champion: Scorer | None = None
    for window in cut:
        told = f"window {window.number} of {len(cut)}"
        try:
            found = compare(
                known(market.rows, window.as_of, asked.history),
                forecast.label,
                forecast.candidates,
                forecast.split,
                asked.seed,
                _within(progress, told, window.number - 1, len(cut)),
                names=forecast.feature_names,
                fewest=fewest,
            )
        except InvalidRequest as refused:
            raise InvalidRequest(
                f"{told}, trained as of {day(window.first)}: {refused.message}", refused.hint
            ) from refused
        made = _made(forecast, found, window, champion, asked.seed)
        champion = made if made.proven else champion
        yield made


def _within(progress: Progress, told: str, done: int, total: int) -> Progress:
    """What a comparison reports, as part of a window."""
    return lambda what, _done, _total: progress(f"{told}: {what}", done, total)


def _made(
    forecast: TargetForecast, found: Comparison, window: Window, champion: Scorer | None, seed: int
) -> Scorer:
    body = to_onnx(found.winner, describe_model(forecast, found))
    scorer = OnnxScorer(body)
    decision = _decided(forecast, found, body, scorer, champion, seed)
    return Scorer(
        window,
        scorer,
        found.ranking[0].name,
        len(found.training),
        decision.promote,
        decision.reason,
    )


def _decided(
    forecast: TargetForecast,
    found: Comparison,
    body: bytes,
    scorer: OnnxScorer,
    champion: Scorer | None,
    seed: int,
) -> Decision:
    """What the gates that block would have said, but for those that are not asked."""
    gates = [one for one in forecast.gates if one.blocking and not isinstance(one, NOT_ASKED)]
    held = champion.onnx if champion else None
    return judge_all(gates, collect_evidence(found, body, scorer, held, seed))


def score(forecast: TargetForecast, market: Market, scorers: Sequence[Scorer]) -> Scored:
    """Every row of the windows, by the model of its window."""
    rows, taken, numbers, given, actions, actual, left = market.rows, [], [], [], [], [], 0
    whole = np.isfinite(rows.features).all(axis=1)
    for one in scorers:
        window, told = one.window, one.onnx.description
        inside = (rows.closes_at > window.after) & (rows.closes_at <= window.until)
        untrained = [told.symbols.index(name) for name in told.untrained]
        at = np.flatnonzero(inside & whole & ~np.isin(rows.symbol, untrained))
        left += int(inside.sum()) - len(at)
        probabilities, action = one.onnx.score(rows.features[at])
        taken.append(at)
        numbers.append(np.full(len(at), window.number))
        given.append(probabilities.astype(np.float64))
        actions.append(action.astype(np.int64))
        actual.append(forecast.label.truth(rows.outcome[at], told.thresholds).astype(np.int64))
    at = np.concatenate(taken)
    order = np.argsort(at, kind="stable")
    at = at[order]
    joined = [np.concatenate(part)[order] for part in (numbers, given, actions, actual)]
    return Scored(rows.take(at), market.ts[at], joined[0], joined[1], joined[2], joined[3], left)
