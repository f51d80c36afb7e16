"""Reading, comparing and measuring the live rows of each kind of target."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import LABELS, Action, Label, NextReturn, Risk
from pipelines.modeling.answers import ANSWERS
from pipelines.modeling.description import Description
from pipelines.monitoring.kinds import MONITORS, measure_live, monitor_of
from tests.monitoring.live_rows import build_live_rows, simulate_live_rows

EACH_LABEL = pytest.mark.parametrize("label", LABELS, ids=lambda label: label.name)


def test_every_kind_of_target_has_a_monitor() -> None:
    assert set(MONITORS) == set(ANSWERS) == {label.kind for label in LABELS}
    with pytest.raises(InvalidRequest, match="classes"):
        monitor_of("clases")


@EACH_LABEL
def test_arrays_are_read_as_they_were_written(label: Label) -> None:
    live, monitor, answer = simulate_live_rows(label), monitor_of(label.kind), ANSWERS[label.kind]
    columns = answer.columns(label, live.outputs, live.predictions, describe(label))
    columns |= {
        "actual": answer.actual(label, live.truth),
        "outcome": pa.array(live.truth.astype(float)),
    }
    outputs, predictions, truth = monitor.read_arrays(label, pa.table(columns))
    np.testing.assert_allclose(outputs, live.outputs, atol=1e-7)
    np.testing.assert_array_equal(predictions, live.predictions)
    np.testing.assert_array_equal(truth, live.truth)
    assert monitor.is_comparable(predictions, truth).all()
    outputs, predictions, truth = monitor.read_arrays(label, pa.table(columns).slice(0, 0))
    assert (outputs.shape, len(predictions), len(truth)) == ((0, live.outputs.shape[1]), 0, 0)


def describe(label: Label) -> Description:
    shares = (1 / max(1, len(label.classes)),) * len(label.classes)
    return Description(label.classes, (), (), (), shares, kind=label.kind)


@EACH_LABEL
def test_rows_of_another_kind_are_not_comparable(label: Label) -> None:
    """The lake has such rows where the kind or the classes of a label were changed."""
    monitor, count = monitor_of(label.kind), 3
    for other in (Action(), NextReturn()):
        if other.kind == label.kind:
            continue
        rows = simulate_live_rows(other, count)
        columns = ANSWERS[other.kind].columns(
            other, rows.outputs, rows.predictions, describe(other)
        )
        columns |= {
            "actual": pa.nulls(count, pa.string()),
            "outcome": pa.nulls(count, pa.float64()),
        }
        _, predictions, truth = monitor.read_arrays(label, pa.table(columns))
        assert not monitor.is_comparable(predictions, truth).any()


@EACH_LABEL
def test_figures_are_measured_of_rows_and_are_none_without_rows(label: Label) -> None:
    names = monitor_of(label.kind).names
    figures = measure_live(label, simulate_live_rows(label))
    assert (figures["rows"], figures["sessions"]) == (200, 1)
    assert figures["rank_ic"] == pytest.approx(0.5, abs=0.12)
    sided = label.kind == "value" or label.scores[0] < 0
    known = {name for name in names if figures[name] is not None}
    assert known == {name for name in names if sided or name != "hit_rate"}
    empty = measure_live(label, simulate_live_rows(label).take(np.zeros(200, bool)))
    assert empty == {"rows": 0, "sessions": 0} | dict.fromkeys(names)


def test_a_hold_has_no_side() -> None:
    predictions, truth = np.array([4, 0, 2, 3]), np.array([4, 2, 2, 1])
    live = build_live_rows(
        np.array([2.0, 0.1, 0.0, -0.5]), np.eye(5)[predictions], predictions, truth
    )
    figures = measure_live(Action(), live)
    assert figures["accuracy"] == 0.5
    assert figures["hit_rate"] == pytest.approx(1 / 3)


def test_figures_of_values_equal_those_computed_by_hand() -> None:
    predictions, truth = np.array([0.1, -0.1, 0.3, 0.0]), np.array([0.2, 0.2, 0.1, 0.0])
    outputs = np.stack([predictions, predictions - 0.15, predictions + 0.15], axis=1)
    figures = measure_live(NextReturn(), build_live_rows(truth, outputs, predictions, truth))
    errors = truth - predictions
    assert figures["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert figures["mae"] == pytest.approx(0.15)
    assert figures["r2"] == pytest.approx(
        1 - np.sum(errors**2) / np.sum((truth - truth.mean()) ** 2)
    )
    assert figures["hit_rate"] == pytest.approx(2 / 3)
    assert figures["coverage"] == pytest.approx(0.5)


def test_constant_outcomes_have_no_report() -> None:
    for label, message in (
        (Risk(), "only low happened"),
        (NextReturn(), "the outcome is the same"),
    ):
        rows = simulate_live_rows(label)
        constant = build_live_rows(
            rows.rows.outcome, rows.outputs, rows.predictions, rows.truth * 0
        )
        with pytest.raises(InvalidRequest, match=message):
            monitor_of(label.kind).report_inputs(label, constant)
        with pytest.raises(InvalidRequest, match=r"nothing happened|is the same in 0"):
            monitor_of(label.kind).report_inputs(label, rows.take(np.zeros(len(rows), bool)))
