"""Notes of a backtest's report: what its figures rest on, and what they do not say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.backtest.market import BacktestRequest
from pipelines.backtest.members import describe_membership
from pipelines.backtest.path import Path
from pipelines.backtest.walk import ScoredRows, Scorer
from pipelines.core.universes import MemberCount, Universe, count_members
from pipelines.forecasts import TargetForecast
from pipelines.gates.intervals import CONFIDENCE
from pipelines.gates.skill import LEAST_SESSIONS
from pipelines.sources import is_sample
from pipelines.sources import source as source_named


def build_notes(
    forecast: TargetForecast,
    source: str,
    members: Universe,
    count: MemberCount,
    request: BacktestRequest,
    scored: ScoredRows,
    path: Path,
    weights_known: np.ndarray,
    scorers: Sequence[Scorer],
    source_of_bars: str,
) -> list[str]:
    """Write the notes of a backtest."""
    is_alone = members.stands_alone
    proven = sum(scorer.proven for scorer in scorers)
    trained_here = any(scorer.version is None for scorer in scorers)
    lines = [
        f"{proven} of {len(scorers)} models passed the gates that block"
        + " (latency, training time and inputs_sound are not checked here)" * trained_here
        + "; the others serve unproven.",
        *_describe_members(members, count, path),
        "Bars are those of one snapshot: corrections that arrived later are in them.",
        _intervals(len(np.unique(path.session))),
        "The last bar's return of a session spans the night (over_night); it is booked with the "
        "first bar of the next session.",
        "A position is entered at the close of its signal's bar, at that price; each change costs "
        f"{request.cost:g} of the notional that changes hands, a turn from long to short twice "
        "that. The notional is fixed, nothing is compounded, and a short position costs no "
        "interest.",
        f"Prices are of {source_of_bars}." if is_alone else f"The index is {source_of_bars}.",
    ]
    if forecast.target.baseline:
        lines.append(
            f"While no model is proven {forecast.target.baseline} is published; here the winner of "
            "each window is traded, proven or not."
        )
    if "members" in source_of_bars:
        lines.append(
            "Its highs and lows are bounds computed from the members': a stop uses the far one, a "
            "target only open and close."
        )
    unscored = _unscored_members(forecast, members, scored, path.session)
    if unscored:
        lines.append(f"Not scored at all: {', '.join(unscored)}. They count as hold.")
    without_weights = int((~weights_known).sum())
    if without_weights:
        lines.append(
            f"At {without_weights:,} of {len(path):,} bars no weights of the members were known: "
            "there all weigh the same (weights_known is false)."
        )
    if scored.left_out:
        lines.append(
            f"{scored.left_out:,} rows were not scored: a feature was missing, or training had no "
            "bar of the symbol. They count as hold."
        )
    if source_named(source).is_sample:
        lines.insert(0, "This market is made up: nothing here is about real prices.")
    elif is_sample(news_source := forecast.forecast.news_source(source) or ""):
        lines.insert(0, f"The news are made up, of {news_source}: nothing here is about real ones.")
    return lines


def _describe_members(members: Universe, count: MemberCount, path: Path) -> list[str]:
    if members.stands_alone:
        return [
            f"{members.index} was chosen today: a symbol that had failed meanwhile would hardly be "
            "tested, so that survivorship is not excluded."
        ]
    return [describe_membership(members, path.session), f"{count.describe()}."]


def _intervals(sessions: int) -> str:
    if sessions < LEAST_SESSIONS:
        return f"{sessions} sessions are too few for intervals: {LEAST_SESSIONS} are needed."
    return (
        f"Intervals hold {CONFIDENCE:.0%}: whole sessions are drawn again and again. They "
        "take sessions for independent, though a session's last outcome, and what is held over "
        "night, end in the next one: the intervals are a little too narrow."
    )


def _unscored_members(
    forecast: TargetForecast, members: Universe, scored: ScoredRows, session: np.ndarray
) -> tuple[str, ...]:
    """Name the members without a scored row."""
    scored_symbols = {forecast.symbols[code] for code in np.unique(scored.rows.symbol).tolist()}
    return count_members(members, scored_symbols, session).absent
