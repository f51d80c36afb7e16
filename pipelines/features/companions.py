"""Companions: rows of other symbols and datasets, aligned to a forecast's own bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from pipelines.features.inputs import AGE, LOG_CLOSE, Reference

SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True, eq=False)
class Companion:
    """The rows of one subject, in ascending order of known_at and then of what they are about."""

    about: np.ndarray  # datetime64[us]
    known_at: np.ndarray
    columns: Mapping[str, np.ndarray]

    def align(self, references: Iterable[Reference], at: np.ndarray) -> dict[str, np.ndarray]:
        """Return the newest value known at each instant by the reference's name; NaN for none.

        A later version of an older row never takes the place of a newer row.
        """
        newest = np.flatnonzero(self.about == np.maximum.accumulate(self.about))
        place = np.searchsorted(self.known_at[newest], at, side="right") - 1
        rows = newest[np.maximum(place, 0)] if len(newest) else np.zeros(len(at), np.int64)
        arrays = {}
        for reference in references:
            values = np.full(len(at), np.nan)
            if len(newest):
                age = at - self.about[rows]
                is_there = (place >= 0) & (age <= np.timedelta64(reference.oldest, "us"))
                values[is_there] = self._read(reference, rows[is_there], age[is_there])
            arrays[reference.name] = values
        return arrays

    def _read(self, reference: Reference, rows: np.ndarray, age: np.ndarray) -> np.ndarray:
        if reference.column == AGE:
            seconds: np.ndarray = age / SECOND
            return seconds
        values: np.ndarray = self.columns[reference.stored_column][rows]
        return np.log(values) if reference.column == LOG_CLOSE else values


@dataclass(frozen=True, eq=False)
class Companions:
    """The companions of a forecast, by dataset and subject."""

    by_subject: Mapping[tuple[str, str], Companion] = field(default_factory=dict)

    def align(self, references: Iterable[Reference], at: np.ndarray) -> dict[str, np.ndarray]:
        """Return an array for each reference, with its value as of each instant."""
        by_subject: dict[tuple[str, str], list[Reference]] = {}
        for reference in references:
            by_subject.setdefault((reference.dataset.name, reference.subject), []).append(reference)
        arrays: dict[str, np.ndarray] = {}
        for subject, its_references in by_subject.items():
            companion = self.by_subject.get(subject, NO_ROWS)
            arrays |= companion.align(its_references, at)
        return arrays


_NO_TIMES = np.zeros(0, "datetime64[us]")
NO_ROWS = Companion(_NO_TIMES, _NO_TIMES, {})
NO_COMPANIONS = Companions()
