"""How a target chooses between its candidates: by what, and what it will not have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import Action, NextDirection, NextReturn
from pipelines.labels.base import Label
from pipelines.modeling.candidates import (
    HistogramBoosting,
    LightGBMClasses,
    Logistic,
    Ridge,
    only,
    without,
)
from pipelines.modeling.compare import compare
from pipelines.modeling.comparison import Aucs, Comparison, Result
from pipelines.modeling.dataset import Rows, Split
from pipelines.modeling.kinds import kind_of
from pipelines.modeling.selection import BY_KIND, ByOutOfTimeAuc
from tests.modeling.hourly_rows import hourly_rows

SPLIT = Split(stretches=0, out_of_time=0.5)
MODELS = (
    Logistic(),
    LightGBMClasses(rounds=20, inputs=without("column 0"), name="blind"),
)


def result(aucs: Aucs | None, seconds: float = 1.0) -> Result:
    return Result("forest", {}, seconds, aucs=aucs)


def run(rows: Rows, label: Label, split: Split = SPLIT, **options: object) -> Comparison:
    candidates = options.pop("candidates", MODELS)
    return compare(rows, label, candidates, split, 7, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("aucs", "seconds", "objection"),
    [
        (Aucs(0.6, None, 0.55, 0.54), 1.0, ""),
        (Aucs(0.6, 0.52, 0.55, 0.50), 1.0, ""),
        (Aucs(0.6, None, 0.55, 0.49), 1.0, "AUC out of time 0.4900, below 0.5"),
        (Aucs(0.80, None, 0.6, 0.55), 1.0, "AUC 0.2500 higher on training rows"),
        (Aucs(0.6, None, 0.55, 0.54), 61.0, "fitted in 61 s, over 60 s"),
        (Aucs(0.6, None, 0.55, float("nan")), 1.0, "AUC out of time nan, below 0.5"),
        (Aucs(0.6, None, 0.55, None), 1.0, "no AUC out of time"),
        (None, 1.0, "no AUC out of time"),
    ],
)
def test_a_candidate_beyond_a_limit_is_objected_to(
    aucs: Aucs | None, seconds: float, objection: str
) -> None:
    rule = ByOutOfTimeAuc(floor=0.5, most_gap=0.25, most_seconds=60)
    said = rule.objection(result(aucs, seconds))
    assert objection in said
    assert bool(said) == bool(objection)
    assert BY_KIND.objection(result(aucs, seconds)) == ""


def test_limits_that_are_none_are_refused() -> None:
    for wrong in ({"floor": 1.0}, {"most_gap": 0.0}, {"most_seconds": 0.0}):
        with pytest.raises(InvalidRequest):
            ByOutOfTimeAuc(**wrong)


@pytest.mark.parametrize("label", [Action(), NextDirection(), NextReturn()], ids=lambda x: x.name)
def test_the_auc_of_each_part_is_that_of_its_rows(label: Label) -> None:
    from sklearn.metrics import roc_auc_score

    candidate = Ridge() if label.kind == "value" else Logistic()
    split = replace(SPLIT, folds=2)
    comparison = run(hourly_rows(), label, split, candidates=(candidate,))
    (best,) = comparison.ranking
    assert best.aucs is not None
    assert best.outputs is not None
    assert best.fitted is not None

    def expected(truth: np.ndarray, outputs: np.ndarray) -> float:
        if label.kind == "value":
            return float(roc_auc_score(truth > 0, outputs[:, 0]))
        if len(label.classes) == 2:
            return float(roc_auc_score(truth, outputs[:, 1]))
        return float(
            np.mean([roc_auc_score(truth == c, outputs[:, c]) for c in range(outputs.shape[1])])
        )

    selection = comparison.selection
    tail, first = split.mark_tail(selection.rows), selection.rows.closes_at
    days = np.unique(selection.rows.session)
    assert np.unique(selection.rows.session[tail]).tolist() == days[-(len(days) // 2) :].tolist()
    test = split.mark_test(selection.rows, tail)
    assert (selection.rows.known_at[test] < first[tail].min()).all()
    assert selection.rows.closes_at[tail].max() < comparison.judging.rows.closes_at.min()
    assert best.aucs.test == pytest.approx(expected(selection.truth[test], best.outputs[test]))
    assert best.aucs.out_of_time == pytest.approx(
        expected(selection.truth[tail], best.outputs[tail])
    )
    outputs, _ = kind_of(label).predict_uncalibrated(
        best.fitted, comparison.publishing, comparison.training.rows
    )
    assert best.aucs.train == pytest.approx(expected(comparison.training.truth, outputs))
    assert best.aucs.validation is not None
    assert best.aucs.validation > 0.55
    assert best.aucs.gap == best.aucs.train - best.aucs.out_of_time


def test_the_tail_chooses_and_the_rows_that_gates_judge_do_not() -> None:
    """A feature that helps until the tail, and one that helps on it: the second is chosen."""
    rows = hourly_rows(signal=0.0)
    days = np.unique(rows.session)
    sign = np.where(rows.outcome > 0, 1, -1)
    newest = np.isin(rows.session, days[-15:-10])  # the tail: half of the 10 selection sessions
    rows.features[:, 0] = np.where(newest, -sign, sign) * 0.3 + rows.features[:, 0]
    rows.features[:, 2] = 0.2 * sign + rows.features[:, 2]
    early = Logistic(inputs=only("column 0"), name="early")
    steady = Logistic(inputs=only("column 2"), name="steady")

    def ranking(rows: Rows, selection: object) -> list[str]:
        comparison = run(rows, NextDirection(), candidates=(early, steady), selection=selection)
        return [result.name for result in comparison.ranking]

    assert ranking(rows, ByOutOfTimeAuc()) == ["steady", "early"]
    judged = np.isin(rows.session, days[-10:])
    outcome = np.where(judged, -rows.outcome, rows.outcome)
    assert ranking(replace(rows, outcome=outcome), ByOutOfTimeAuc()) == ["steady", "early"]
    tail_turned = np.where(newest, -rows.outcome, rows.outcome)
    assert ranking(replace(rows, outcome=tail_turned), ByOutOfTimeAuc()) == ["early", "steady"]


def test_what_is_objected_to_comes_after_all_else_and_still_wins_alone() -> None:
    rows = hourly_rows(signal=0.8)
    rule = ByOutOfTimeAuc(most_gap=1e-9)
    best = run(rows, NextDirection(), selection=ByOutOfTimeAuc()).ranking[0]
    assert (best.name, best.objection) == ("logistic_regression", "")
    strict = run(rows, NextDirection(), selection=rule)
    names = [result.name for result in strict.ranking]
    objections = [bool(result.objection) for result in strict.ranking]
    assert sorted(names) == ["blind", "logistic_regression"]
    assert objections == sorted(objections)
    alone = run(
        rows, NextDirection(), selection=ByOutOfTimeAuc(floor=0.99), candidates=(Logistic(),)
    )
    assert "below 0.99" in alone.ranking[0].objection
    assert alone.winner.fitted is alone.ranking[0].fitted


def test_each_stretch_is_chosen_by_the_same_rule_from_older_rows() -> None:
    rows = hourly_rows(sessions=160)
    split = Split(stretches=2, out_of_time=0.5)
    comparison = run(
        rows,
        NextDirection(),
        split,
        candidates=(Logistic(), HistogramBoosting(rounds=5)),
        selection=ByOutOfTimeAuc(),
    )
    for stretch in comparison.earlier:
        assert stretch.training.rows.known_at.max() < stretch.judging.rows.closes_at.min()
    newest = comparison.stretches[-1].judging.rows.closes_at.min()
    outcome = np.where(rows.closes_at >= newest, -rows.outcome, rows.outcome)
    changed = run(
        replace(rows, outcome=outcome),
        NextDirection(),
        split,
        candidates=(Logistic(), HistogramBoosting(rounds=5)),
        selection=ByOutOfTimeAuc(),
    )
    for first, second in zip(comparison.earlier, changed.earlier, strict=True):
        np.testing.assert_array_equal(first.outputs, second.outputs)
    assert [r.name for r in comparison.ranking] == [r.name for r in changed.ranking]
