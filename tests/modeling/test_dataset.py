"""Time is cut into whole sessions, and nothing older shares a label's span with anything newer."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.dataset import Rows, Split
from tests.modeling.hourly_rows import hourly_rows


@st.composite
def rows_with_any_horizon(draw: st.DrawFn) -> Rows:
    """Some bars are missing, and outcomes are known up to three days later."""
    rows = hourly_rows(draw(st.integers(20, 50)), 2)
    random = np.random.default_rng(draw(st.integers(0, 99)))
    rows = rows.take(random.random(len(rows)) > draw(st.sampled_from((0.0, 0.3))))
    hours = draw(st.sampled_from((1, 7, 30, 70)))
    return replace(rows, known_at=rows.closes_at + np.timedelta64(hours, "h"))


@given(rows_with_any_horizon(), st.integers(2, 6), st.sampled_from((0.1, 0.2, 0.5)))
def test_no_fold_knows_the_outcomes_of_its_newer_rows(
    rows: Rows, count: int, held_out: float
) -> None:
    split = Split(held_out, folds=count)
    judging, folds = split.cut(rows)[2], split.walk(rows)
    assert len(folds) == count
    for training, newer in folds:
        assert len(newer)
        assert (training.known_at < newer.closes_at.min()).all()
        assert training.session.max(initial=rows.session.min()) < newer.session.min()
        assert newer.known_at.max() < judging.closes_at.min()
        assert newer.session.max() < judging.session.min()


@given(rows_with_any_horizon(), st.integers(2, 6))
def test_folds_grow_and_each_row_is_ranked_on_once(rows: Rows, count: int) -> None:
    folds = Split(folds=count).walk(rows)
    sessions = [np.unique(newer.session) for _, newer in folds]
    for older, later in pairwise(sessions):
        assert older.max() < later.min()
    for (first, _), (second, _) in pairwise(folds):
        assert len(first) < len(second)
        assert first.closes_at.min() == second.closes_at.min()
    lengths = [len(days) for days in sessions]
    assert max(lengths) - min(lengths) <= 1


def test_parts_of_time_are_views_of_the_rows_and_not_copies() -> None:
    rows, split = hourly_rows(60), Split(folds=3, stretches=2)
    parts = [*split.cut(rows), *(part for fold in split.walk(rows) for part in fold)]
    for stretch in split.walk_stretches(rows):
        parts += [stretch.training, stretch.selection, stretch.judging]
        parts += [part for fold in split.walk_past(stretch.past) for part in fold]
    for part in parts:
        assert len(part)
        assert np.shares_memory(part.features, rows.features)
        assert np.shares_memory(part.outcome, rows.outcome)
    copied = rows.take(np.array([3, 1, 2]))
    assert not np.shares_memory(copied.features, rows.features)


@given(st.lists(st.booleans(), max_size=12))
def test_rows_are_taken_by_a_mask_or_by_places(mask: list[bool]) -> None:
    rows = hourly_rows(2)
    marks = np.zeros(len(rows), bool)
    marks[: len(mask)] = mask
    places = np.flatnonzero(marks)
    for part in (rows.take(marks), rows.take(places)):
        np.testing.assert_array_equal(part.outcome, rows.outcome[places])
        np.testing.assert_array_equal(part.features, rows.features[places])
    backwards = rows.take(places[::-1])
    np.testing.assert_array_equal(backwards.outcome, rows.outcome[places[::-1]])


def test_without_folds_there_are_none() -> None:
    assert Split().walk(hourly_rows(20)) == []


@pytest.mark.parametrize("folds", [-1, 1])
def test_a_single_fold_is_refused(folds: int) -> None:
    with pytest.raises(InvalidRequest, match=f"folds is {folds}"):
        Split(folds=folds)


def test_more_folds_than_sessions_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="19 sessions are too few for 19 folds"):
        Split(0.1, folds=19).walk(hourly_rows(20))
