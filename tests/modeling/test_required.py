"""Rows and candidates that cannot be compared are refused by name, before any fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import Action
from pipelines.modeling.candidates import HistogramBoosting, Logistic
from pipelines.modeling.compare import compare
from pipelines.modeling.dataset import Rows, Split
from pipelines.modeling.required import Minimums
from tests.modeling.hourly_rows import hourly_rows


def run(
    rows: Rows,
    candidates: tuple[Logistic | HistogramBoosting, ...] = (Logistic(),),
    **options: object,
) -> None:
    compare(rows, Action(), candidates, Split(), 7, **options)  # type: ignore[arg-type]


def set_feature(values: float) -> Callable[[Rows], Rows]:
    def spoil(rows: Rows) -> Rows:
        rows.features[:, 2] = values
        return rows

    return spoil


def thin_feature(rows: Rows) -> Rows:
    rows.features[: len(rows) - 100, 2] = np.nan
    return rows


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (set_feature(1.5), "the same value on all training rows: c"),
        (set_feature(np.nan), "no row has a value of c"),
        (thin_feature, "too few to train on; c is missing from 9"),
        (lambda rows: rows.take(np.zeros(len(rows), bool)), "no rows"),
        (lambda rows: rows.take(rows.session < np.unique(rows.session)[2]), "too few"),
        (lambda rows: rows.take(np.arange(len(rows)) < 600), "rows to judge on are too few"),
    ],
)
def test_broken_rows_are_refused_by_name(spoil: Callable[[Rows], Rows], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as refused:
        run(spoil(hourly_rows()), names=("a", "b", "c", "d", "e", "f"))
    assert refused.value.hint


def test_too_few_symbols_or_sessions_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="4 symbols in training are too few"):
        run(hourly_rows(), minimums=Minimums(symbols=5))
    with pytest.raises(InvalidRequest, match="80 sessions in training are too few"):
        run(hourly_rows(), minimums=Minimums(sessions=90))


def test_candidates_are_required_and_have_distinct_names() -> None:
    with pytest.raises(InvalidRequest, match="no candidate"):
        run(hourly_rows(), ())
    with pytest.raises(InvalidRequest, match="two candidates are named logistic_regression"):
        run(hourly_rows(), (Logistic(), Logistic(l2=1)))
    with pytest.raises(InvalidRequest, match="2 feature names for 7 columns"):
        run(hourly_rows(), names=("a", "b"))
