"""The rows that models are trained and judged on, and how time is split between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from pipelines.core.errors import InvalidRequest


@dataclass(frozen=True)
class Rows:
    """Bars with features and an outcome, in ascending order of closes_at, symbols mixed.

    `features` has the symbol's code as its last column.
    """

    features: np.ndarray  # float32, a row a bar
    outcome: np.ndarray  # float64: what became of the bar, in the label's unit
    symbol: np.ndarray  # int: place in the model's list of symbols
    closes_at: np.ndarray  # datetime64[us]: when the bar closed
    known_at: np.ndarray  # datetime64[us]: when its outcome was known
    session: np.ndarray  # datetime64[D]
    place: np.ndarray  # int: which bar of its session

    def __len__(self) -> int:
        return len(self.outcome)

    def take(self, rows: np.ndarray) -> Rows:
        """The rows that are marked, or at these places.

        Rows that follow each other are not copied: a part of time is a view of the whole, and
        whoever takes it must not write to it.
        """
        part = find_run(rows)
        return Rows(*(getattr(self, field.name)[part] for field in fields(self)))

    @staticmethod
    def concat(parts: Sequence[Rows]) -> Rows:
        """The rows of several parts, in the order of the parts."""
        names = [field.name for field in fields(Rows)]
        return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def find_run(rows: np.ndarray) -> slice | np.ndarray:
    """The slice of rows that follow each other, or else the places of the rows."""
    places = np.flatnonzero(rows) if rows.dtype == bool else rows
    if not len(places):
        return slice(0, 0)
    first, last = int(places[0]), int(places[-1])
    if first < 0 or last - first + 1 != len(places) or (np.diff(places) != 1).any():
        return places
    return slice(first, last + 1)


@dataclass(frozen=True, eq=False)
class Stretch:
    """Rows to judge a model on, and the older rows from which it is fitted and chosen."""

    training: Rows
    selection: Rows
    judging: Rows
    past: Rows  # all rows before those that are judged


@dataclass(frozen=True)
class Split:
    """How time is cut in three: rows to fit on, to select and calibrate on, and to judge on.

    The newest `held_out` of the rows is never fitted on; of it the older half selects and
    calibrates, the newer half alone is seen by the gates. A row belongs to the older side only
    if its outcome was known before the first bar of the newer side had closed.

    With `folds`, candidates are ranked by walking forward through all that is not for judging,
    instead of on the selection rows, which then calibrate alone. They are not scikit-learn's
    TimeSeriesSplit: that cuts by rows, through the middle of a session, and purges a fixed number
    of rows, where outcomes here are known after different times.

    The gates judge more than the judging rows: the sessions before these, less the share `begin`
    that is needed to begin with, are cut into `stretches`. Each is judged by a model that was
    chosen, as the registered one is, from the rows before it. So the gates judge the procedure on
    most of the history, and the registered model itself on the newest rows; with 0 stretches on
    these alone.

    The newest `out_of_time` of the selection sessions are a tail, by which a target may choose.
    Gates judge newer rows than those of any tail.
    """

    held_out: float = 0.2
    folds: int = 0
    stretches: int = 3
    begin: float = 0.3
    out_of_time: float = 0.0

    def __post_init__(self) -> None:
        if self.folds < 0 or self.folds == 1:
            raise InvalidRequest(
                f"folds is {self.folds}", "take 0 for one selection on newer rows, or 2 and more"
            )
        if not 0 < self.held_out < 0.9:
            raise InvalidRequest(
                f"held_out is {self.held_out}", "hold out a share between 0 and 0.9, such as 0.2"
            )
        if not 0 <= self.out_of_time < 1:
            raise InvalidRequest(
                f"an out-of-time tail of {self.out_of_time} of the selection rows",
                "take a share between 0 and 1, such as 0.5",
            )
        if self.stretches < 0 or not 0 < self.begin < 1:
            raise InvalidRequest(
                f"{self.stretches} stretches after a share of {self.begin}",
                "take 0 or more stretches, and begin with a share between 0 and 1, such as 0.3",
            )

    def cut(self, rows: Rows) -> tuple[Rows, Rows, Rows]:
        """Training, selection and judging rows; whole sessions, purged by the horizon."""
        first_select, first_judge = self._edges(rows)
        training = self._before(rows, rows.session < first_select, rows.session >= first_select)
        selecting = (rows.session >= first_select) & (rows.session < first_judge)
        judging = rows.session >= first_judge
        return training, self._before(rows, selecting, judging), rows.take(judging)

    def mark_tail(self, selection: Rows) -> np.ndarray:
        """Mark the out-of-time tail of selection rows: their newest sessions, none without one."""
        sessions = np.unique(selection.session)
        count = max(round(len(sessions) * self.out_of_time), 1) if self.out_of_time else 0
        if count == 0 or not len(sessions):
            return np.zeros(len(selection), dtype=bool)
        tail: np.ndarray = selection.session >= sessions[-count]
        return tail

    def mark_test(self, selection: Rows, tail: np.ndarray) -> np.ndarray:
        """Mark the selection rows before the tail, whose outcomes were known when it began."""
        if not tail.any():
            return ~tail
        known: np.ndarray = ~tail & (selection.known_at < selection.closes_at[tail].min())
        return known

    def walk(self, rows: Rows) -> list[tuple[Rows, Rows]]:
        """The training rows and the newer validation rows of each fold, the oldest fold first.

        The sessions before the judging rows are cut into one stretch more than there are folds.
        Each stretch but the first is ranked on once, after a fit on all that came before it.
        """
        if not self.folds:
            return []
        first_judge = self._edges(rows)[1]
        return self._walk(
            self._before(rows, rows.session < first_judge, rows.session >= first_judge)
        )

    def walk_past(self, past: Rows) -> list[tuple[Rows, Rows]]:
        """The folds of the rows before a stretch."""
        return self._walk(past) if self.folds else []

    def _walk(self, rows: Rows) -> list[tuple[Rows, Rows]]:
        sessions = np.unique(rows.session)
        if len(sessions) <= self.folds:
            raise InvalidRequest(
                f"{len(sessions)} sessions are too few for {self.folds} folds",
                "take fewer folds, or train on a longer span",
            )
        folds = []
        for sessions_of_fold in np.array_split(sessions, self.folds + 1)[1:]:
            newer = (rows.session >= sessions_of_fold[0]) & (rows.session <= sessions_of_fold[-1])
            folds.append(
                (self._before(rows, rows.session < sessions_of_fold[0], newer), rows.take(newer))
            )
        return folds

    def walk_stretches(self, rows: Rows) -> list[Stretch]:
        """The stretches before the judging rows with the rows before each, the oldest first."""
        if not self.stretches:
            return []
        sessions = np.unique(rows.session)
        before = sessions[sessions < self._edges(rows)[1]]
        judged_sessions = before[round(len(sessions) * self.begin) :]
        # Of the rows before a stretch as large a part selects as of those before the judging rows.
        selecting_share = (self.held_out / 2) / (1 - self.held_out / 2)
        stretches = []
        for days in np.array_split(judged_sessions, self.stretches):
            if len(days) == 0:
                continue
            inside = (rows.session >= days[0]) & (rows.session <= days[-1])
            past = self._before(rows, rows.session < days[0], inside)
            past_sessions = np.unique(past.session)
            selecting = max(round(len(past_sessions) * selecting_share), 1)
            if len(past_sessions) <= selecting:
                continue
            newer = past.session >= past_sessions[-selecting]
            stretches.append(
                Stretch(
                    self._before(past, ~newer, newer), past.take(newer), rows.take(inside), past
                )
            )
        return stretches

    def _edges(self, rows: Rows) -> tuple[np.datetime64, np.datetime64]:
        """The first session to select on, and the first to judge on."""
        sessions = np.unique(rows.session)
        held_out = max(round(len(sessions) * self.held_out), 2)
        if len(sessions) < held_out + 2:
            raise InvalidRequest(
                f"{len(sessions)} sessions are too few to split", "train on a longer span"
            )
        return sessions[-held_out], sessions[-(held_out // 2)]

    @staticmethod
    def _before(rows: Rows, older: np.ndarray, newer: np.ndarray) -> Rows:
        return rows.take(older & (rows.known_at < rows.closes_at[newer].min()))
