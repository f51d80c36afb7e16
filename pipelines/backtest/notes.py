"""What the figures of a backtest rest on, and what they do not say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.backtest.market import Asked
from pipelines.backtest.measure import CONFIDENCE
from pipelines.backtest.path import Path
from pipelines.backtest.walk import Scored, Scorer
from pipelines.core.universes import Universe
from pipelines.forecasts import TargetForecast
from pipelines.gates.skill import LEAST_SESSIONS
from pipelines.sources import source as source_named


def notes(
    forecast: TargetForecast,
    source: str,
    of: Universe,
    asked: Asked,
    scored: Scored,
    path: Path,
    known: np.ndarray,
    scorers: Sequence[Scorer],
    made_of: str,
) -> list[str]:
    """What these figures rest on, and what they do not say."""
    proven = sum(one.proven for one in scorers)
    made_here = any(one.version is None for one in scorers)
    told = [
        f"{proven} of {len(scorers)} models passed the gates that block"
        + " (latency, training time and inputs_sound are not asked here)" * made_here
        + "; the others serve unproven.",
        f"Members are those of {of.name} as listed on {of.since}; who was a member earlier is not "
        "known, so that survivorship is not excluded.",
        "Bars are those of one snapshot: corrections that arrived later are in them.",
        _intervals(len(np.unique(path.session))),
        "The last bar's return of a session spans the night (over_night); it is booked with the "
        "first bar of the next session.",
        f"A position is entered at the close of its signal's bar, at that price; each change costs "
        f"{asked.cost:g} of the notional that changes hands, a turn from long to short twice that. "
        "The notional is fixed, nothing is compounded, and a short position costs no interest.",
        f"The index is {made_of}.",
    ]
    if "members" in made_of:
        told.append(
            "Its highs and lows are bounds made of the members': a stop looks at the far one, a "
            "target only at open and close."
        )
    silent = _silent(forecast, of, scored)
    if silent:
        told.append(f"Nothing was said of {', '.join(silent)}: they count as hold.")
    lost = int((~known).sum())
    if lost:
        told.append(
            f"At {lost:,} of {len(path):,} bars no weights of the members were known: there all "
            "weigh the same (weights_known is false)."
        )
    if scored.left_out:
        told.append(
            f"{scored.left_out:,} rows were not scored: a feature was missing, or training had no "
            "bar of the symbol. They count as hold."
        )
    if source_named(source).is_sample:
        told.insert(0, "This market is made up: nothing here is about real prices.")
    return told


def _intervals(sessions: int) -> str:
    if sessions < LEAST_SESSIONS:
        return f"{sessions} sessions are too few for intervals: {LEAST_SESSIONS} are needed."
    return (
        f"Intervals hold {CONFIDENCE:.0%}: whole sessions are drawn again and again. They "
        "take sessions for independent, though a session's last outcome, and what is held over "
        "night, end in the next one: the intervals are a little too narrow."
    )


def _silent(forecast: TargetForecast, of: Universe, scored: Scored) -> list[str]:
    """The members that no scored row is of."""
    said = {forecast.symbols[code] for code in np.unique(scored.rows.symbol)}
    return [name for name in of.symbols if name not in said]
