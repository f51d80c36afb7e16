"""What rows and candidates must be like to be compared; what is not is refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates import Candidate
from pipelines.modeling.dataset import Rows

LONGER = "bars of a longer span"


@dataclass(frozen=True)
class Fewest:
    """What a comparison needs at the least, and each of its folds."""

    rows: int = 500  # for training
    held_out: int = 50  # for selection, and again for judging
    symbols: int = 1
    sessions: int = 10


def distinct(candidates: Sequence[Candidate]) -> None:
    names = [candidate.name for candidate in candidates]
    if not names:
        raise InvalidRequest("no candidate to compare", "name some of modeling.candidates")
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest(f"two candidates are named {name}", "give one another name")


def named(names: Sequence[str], rows: Rows) -> tuple[str, ...]:
    """A name for every column; the last one is the symbol's code."""
    columns = rows.features.shape[1]
    if names and len(names) != columns - 1:
        raise InvalidRequest(
            f"{len(names)} feature names for {columns} columns",
            "name every column but the last, which is the symbol's code",
        )
    return (*(names or (f"column {place}" for place in range(columns - 1))), "symbol")


def usable(rows: Rows, names: Sequence[str], fewest: Fewest) -> tuple[Rows, dict[str, int]]:
    """The rows with all features and an outcome, and how many were not."""
    if not len(rows):
        raise InvalidRequest("there are no rows to train on", "ingest bars of a longer span")
    known = np.isfinite(rows.features)
    empty = [name for name, any_ in zip(names, known.any(axis=0), strict=True) if not any_]
    if empty:
        raise InvalidRequest(
            f"no row has a value of {', '.join(empty)}",
            "leave it out of the forecast, or bring the bars that it needs",
        )
    outcome, whole = np.isfinite(rows.outcome), known.all(axis=1)
    dropped = {"no outcome": int((~outcome).sum()), "a feature is missing": int((~whole).sum())}
    found = rows.take(outcome & whole)
    if len(found) < fewest.rows:
        worst = np.argsort(known.mean(axis=0), kind="stable")[0]
        raise InvalidRequest(
            f"{len(found)} of {len(rows)} rows have an outcome and all features, too few to train"
            f" on; {names[worst]} is missing from {1 - known[:, worst].mean():.0%}",
            f"at least {fewest.rows} are needed: bring more bars or more symbols",
        )
    return found, dropped


def seen(training: Rows, newer: Rows) -> Rows:
    """The newer rows, without those of symbols that training rows do not have."""
    return newer.take(np.isin(newer.symbol, training.symbol))


def enough(
    training: Rows, newer: Mapping[str, Rows], fewest: Fewest, dropped: Mapping[str, int]
) -> None:
    """`newer` are rows that are not trained on, each with what they are for."""
    symbols, sessions = len(np.unique(training.symbol)), len(np.unique(training.session))
    found = [
        (len(training), fewest.rows, "training rows", "more bars or more symbols"),
        (symbols, fewest.symbols, "symbols in training", "more symbols"),
        (sessions, fewest.sessions, "sessions in training", LONGER),
    ]
    for what, rows in newer.items():
        found.append((len(rows), fewest.held_out, f"rows to {what} on", LONGER))
    for count, least, what, remedy in found:
        if count < least:
            lost = ", ".join(f"{rows} {why}" for why, rows in dropped.items() if rows)
            raise InvalidRequest(
                f"{count} {what} are too few" + (f" (dropped: {lost})" if lost else ""),
                f"at least {least} are needed: bring {remedy}",
            )


def vary(training: Rows, names: Sequence[str]) -> None:
    """Every feature takes more than one value; a forecast of one symbol is none's fault."""
    still = np.ptp(training.features[:, :-1], axis=0) == 0
    constant = [name for name, is_still in zip(names[:-1], still, strict=True) if is_still]
    if constant:
        raise InvalidRequest(
            f"the same value on all training rows: {', '.join(constant)}",
            "leave it out of the forecast, or look at the bars that it is made of",
        )
