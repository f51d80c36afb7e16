"""Check that rows and candidates can be compared; whatever cannot is refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates import Candidate
from pipelines.modeling.candidates.base import select_columns
from pipelines.modeling.candidates.feature_choice import select_places
from pipelines.modeling.dataset import Rows

LONGER = "bars of a longer span"


@dataclass(frozen=True)
class Minimums:
    """The rows, symbols and sessions that a comparison and each of its folds need."""

    rows: int = 500  # for training
    held_out: int = 50  # for selection, and again for judging
    symbols: int = 1
    sessions: int = 10


def check_distinct(candidates: Sequence[Candidate]) -> None:
    """Refuse a comparison of no candidates, or of two of one name."""
    names = [candidate.name for candidate in candidates]
    if not names:
        raise InvalidRequest("no candidate to compare", "name some of modeling.candidates")
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest(f"two candidates are named {name}", "give one another name")


def column_names(names: Sequence[str], rows: Rows) -> tuple[str, ...]:
    """A name for every column; the last one is the symbol's code."""
    columns = rows.features.shape[1]
    if names and len(names) != columns - 1:
        raise InvalidRequest(
            f"{len(names)} feature names for {columns} columns",
            "name every column but the last, which is the symbol's code",
        )
    return (*(names or (f"column {place}" for place in range(columns - 1))), "symbol")


def read_places(candidates: Sequence[Candidate], names: Sequence[str]) -> tuple[int, ...]:
    """Find the columns that any of the candidates reads, the symbol's code last."""
    places: set[int] = set()
    for candidate in candidates:
        own_places = select_places(candidate, names)
        places.update(range(len(names)) if own_places is None else own_places)
    return tuple(sorted(places))


def select_usable(
    rows: Rows, names: Sequence[str], minimums: Minimums, places: Sequence[int]
) -> tuple[Rows, dict[str, int]]:
    """Select rows with an outcome and all features at `places`; with counts of others by reason.

    That is one rule for all candidates, whatever part of the features they read: they are compared
    on the same rows.
    """
    if not len(rows):
        raise InvalidRequest("there are no rows to train on", "ingest bars of a longer span")
    all_columns = len(places) == rows.features.shape[1]
    names = [names[place] for place in places]
    known = np.isfinite(select_columns(rows.features, None if all_columns else tuple(places)))
    empty_names = [
        name for name, has_values in zip(names, known.any(axis=0), strict=True) if not has_values
    ]
    if empty_names:
        raise InvalidRequest(
            f"no row has a value of {', '.join(empty_names)}",
            "leave it out of the forecast, or bring the bars that it needs",
        )
    outcome, complete = np.isfinite(rows.outcome), known.all(axis=1)
    dropped = {"no outcome": int((~outcome).sum()), "a feature is missing": int((~complete).sum())}
    usable = rows.take(outcome & complete)
    if len(usable) < minimums.rows:
        sparsest = np.argsort(known.mean(axis=0), kind="stable")[0]
        raise InvalidRequest(
            f"{len(usable)} of {len(rows)} rows have an outcome and all features, too few to train"
            f" on; {names[sparsest]} is missing from {1 - known[:, sparsest].mean():.0%}",
            f"at least {minimums.rows} are needed: bring more bars or more symbols",
        )
    return usable, dropped


def select_known_symbols(training: Rows, newer: Rows) -> Rows:
    """Select the newer rows of symbols that training rows have."""
    return newer.take(np.isin(newer.symbol, training.symbol))


def check_enough(
    training: Rows, newer: Mapping[str, Rows], minimums: Minimums, dropped: Mapping[str, int]
) -> None:
    """Refuse parts that have too few rows.

    `newer` are the parts that are not trained on, by what they are for.
    """
    symbols, sessions = len(np.unique(training.symbol)), len(np.unique(training.session))
    requirements = [
        (len(training), minimums.rows, "training rows", "more bars or more symbols"),
        (symbols, minimums.symbols, "symbols in training", "more symbols"),
        (sessions, minimums.sessions, "sessions in training", LONGER),
    ]
    for name, rows in newer.items():
        requirements.append((len(rows), minimums.held_out, f"rows to {name} on", LONGER))
    for count, least, name, remedy in requirements:
        if count < least:
            dropped_rows = ", ".join(f"{rows} {why}" for why, rows in dropped.items() if rows)
            raise InvalidRequest(
                f"{count} {name} are too few"
                + (f" (dropped: {dropped_rows})" if dropped_rows else ""),
                f"at least {least} are needed: bring {remedy}",
            )


def check_variation(
    training: Rows, names: Sequence[str], places: Sequence[int], flags: Sequence[str] = ()
) -> None:
    """Refuse features that are constant; flags may be, and the code in a forecast of one symbol."""
    is_constant = np.ptp(training.features, axis=0) == 0
    constant = [
        names[place] for place in places[:-1] if is_constant[place] and names[place] not in flags
    ]
    if constant:
        raise InvalidRequest(
            f"the same value on all training rows: {', '.join(constant)}",
            "leave it out of the forecast, or look at the bars that it is made of",
        )
