"""What is read, counted and told of the live rows of each kind of target."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import LABELS, Action, Label, NextReturn, Risk
from pipelines.modeling.answers import ANSWERS
from pipelines.modeling.dataset import Rows
from pipelines.monitoring.kinds import WATCHED, figures, watched
from pipelines.monitoring.live import LiveRows
from tests.steps.live_market import BECAME, SPOKEN, outcome_of

NAMED = pytest.mark.parametrize("label", LABELS, ids=lambda one: one.name)


def _live(outcome: np.ndarray, given: np.ndarray, said: np.ndarray, truth: np.ndarray) -> LiveRows:
    count = len(said)
    zero, at = np.zeros(count, np.int64), np.full(count, np.datetime64("2026-03-02", "us"))
    outcome = np.asarray(outcome, float)
    features = np.zeros((count, 2), np.float32)
    rows = Rows(features, outcome, zero, at, at, at.astype("datetime64[D]"), zero)
    return LiveRows(rows, zero + 1, given, said, truth)


def made(label: Label, count: int = 200, ic: float = 0.5) -> LiveRows:
    random = np.random.default_rng(1)
    hidden = random.normal(size=count)
    score = ic * hidden + np.sqrt(1 - ic**2) * random.normal(size=count)
    given, said = SPOKEN[label.kind](label, score)
    return _live(outcome_of(label, hidden), given, said, BECAME[label.kind](label, hidden))


def test_every_kind_that_can_be_answered_is_watched() -> None:
    assert set(WATCHED) == set(ANSWERS) == {label.kind for label in LABELS}
    with pytest.raises(InvalidRequest, match="classes"):
        watched("clases")


@NAMED
def test_what_was_written_is_read_as_it_was(label: Label) -> None:
    told, kind, answer = made(label), watched(label.kind), ANSWERS[label.kind]
    columns = answer.columns(label, told.given, told.said)
    columns |= {
        "actual": answer.actual(label, told.truth),
        "outcome": pa.array(told.truth.astype(float)),
    }
    given, said, truth = kind.read(label, pa.table(columns))
    np.testing.assert_allclose(given, told.given, atol=1e-7)
    np.testing.assert_array_equal(said, told.said)
    np.testing.assert_array_equal(truth, told.truth)
    assert kind.counted(said, truth).all()
    given, said, truth = kind.read(label, pa.table(columns).slice(0, 0))
    assert (given.shape, len(said), len(truth)) == ((0, told.given.shape[1]), 0, 0)


@NAMED
def test_rows_of_another_kind_are_not_counted(label: Label) -> None:
    """As they lie in the lake where a label's kind, or its classes, were others before."""
    kind, count = watched(label.kind), 3
    for other in (Action(), NextReturn()):
        if other.kind == label.kind:
            continue
        rows = made(other, count)
        columns = ANSWERS[other.kind].columns(other, rows.given, rows.said)
        columns |= {
            "actual": pa.nulls(count, pa.string()),
            "outcome": pa.nulls(count, pa.float64()),
        }
        _, said, truth = kind.read(label, pa.table(columns))
        assert not kind.counted(said, truth).any()


@NAMED
def test_every_figure_is_told_of_rows_that_can_tell_and_none_of_no_rows(label: Label) -> None:
    names = watched(label.kind).names
    found = figures(label, made(label))
    assert (found["rows"], found["sessions"]) == (200, 1)
    assert found["rank_ic"] == pytest.approx(0.5, abs=0.12)
    sided = label.kind == "value" or label.scores[0] < 0
    told = {name for name in names if found[name] is not None}
    assert told == {name for name in names if sided or name != "hit_rate"}
    nothing = figures(label, made(label).take(np.zeros(200, bool)))
    assert nothing == {"rows": 0, "sessions": 0} | dict.fromkeys(names)


def test_a_hold_takes_no_side() -> None:
    said, truth = np.array([4, 0, 2, 3]), np.array([4, 2, 2, 1])
    told = _live(np.array([2.0, 0.1, 0.0, -0.5]), np.eye(5)[said], said, truth)
    found = figures(Action(), told)
    assert found["accuracy"] == 0.5
    assert found["hit_rate"] == pytest.approx(1 / 3)


def test_values_by_hand() -> None:
    said, truth = np.array([0.1, -0.1, 0.3, 0.0]), np.array([0.2, 0.2, 0.1, 0.0])
    given = np.stack([said, said - 0.15, said + 0.15], axis=1)
    found = figures(NextReturn(), _live(truth, given, said, truth))
    errors = truth - said
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert found["mae"] == pytest.approx(0.15)
    assert found["r2"] == pytest.approx(1 - np.sum(errors**2) / np.sum((truth - truth.mean()) ** 2))
    assert found["hit_rate"] == pytest.approx(2 / 3)
    assert found["coverage"] == pytest.approx(0.5)


def test_what_does_not_vary_cannot_be_shown() -> None:
    for label, what in ((Risk(), "only low happened"), (NextReturn(), "the outcome is the same")):
        rows = made(label)
        still = _live(rows.rows.outcome, rows.given, rows.said, rows.truth * 0)
        with pytest.raises(InvalidRequest, match=what):
            watched(label.kind).page(label, still)
        with pytest.raises(InvalidRequest, match=r"nothing happened|is the same in 0"):
            watched(label.kind).page(label, rows.take(np.zeros(len(rows), bool)))
