"""A comparison's winner, as training and the backtest both serve and judge it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.forecasts import NASDAQ100_HOURLY
from pipelines.forecasts.description import describe_model
from pipelines.gates import NoWorseThanChampion, collect
from pipelines.gates.collect import collect_evidence
from pipelines.modeling.candidates import Logistic
from pipelines.modeling.compare import compare
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import OnnxScorer
from tests.modeling.hourly_rows import hourly_rows

FEWER = replace(NASDAQ100_HOURLY, features=NASDAQ100_HOURLY.features[:6])
FORECAST = FEWER.target_forecast().replace(candidates=(Logistic(),), challengers=())


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    names = FORECAST.feature_names
    rows, split = hourly_rows(120), FORECAST.split
    return compare(rows, FORECAST.label, FORECAST.candidates, split, 7, names=names)


def test_the_onnx_form_is_compared_on_every_row_that_was_held_out(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = to_onnx(comparison.winner, describe_model(FORECAST, comparison))
    compared: list[np.ndarray] = []
    monkeypatch.setattr(
        collect, "parity", lambda _scorer, _model, rows: compared.append(rows) or 0.5
    )
    evidence = collect_evidence(comparison, body, OnnxScorer(body), None, 7)
    assert len(compared[0]) == len(comparison.selection.rows) + len(comparison.judging.rows)
    assert (evidence.parity, evidence.onnx, evidence.champion) == (0.5, body, None)
    counts = [len(stretch.judging) for stretch in comparison.stretches]
    assert len(counts) == 1 + FORECAST.split.stretches
    assert len(evidence.judging) == sum(counts)
    np.testing.assert_array_equal(evidence.own.judging.outcome, comparison.judging.rows.outcome)
    assert evidence.training_seconds == comparison.seconds


def test_the_champion_is_compared_on_the_symbols_that_it_knows(comparison: Comparison) -> None:
    description = describe_model(FORECAST, comparison)
    body = to_onnx(comparison.winner, description)
    newcomer = FORECAST.symbols[1]
    champion = OnnxScorer(to_onnx(comparison.winner, replace(description, untrained=(newcomer,))))
    evidence = collect_evidence(comparison, body, OnnxScorer(body), champion, 7)
    assert evidence.champion is not None
    of_newcomer = comparison.judging.rows.symbol == 1
    assert of_newcomer.any()
    is_unknown = np.isnan(evidence.champion).all(axis=1)
    np.testing.assert_array_equal(is_unknown[-len(of_newcomer) :], of_newcomer)
    assert is_unknown[: -len(of_newcomer)].all(), "it may have been fitted on what is older"
    verdict = NoWorseThanChampion().judge(evidence)
    assert verdict.passed, "it is the same model"
    assert verdict.value == pytest.approx(0)
    assert set(evidence.for_champion().judging.symbol) == {0, 2, 3}

    stranger = replace(description, untrained=FORECAST.symbols)
    unknown_evidence = collect_evidence(
        comparison, body, OnnxScorer(body), OnnxScorer(to_onnx(comparison.winner, stranger)), 7
    )
    assert "knows none of the symbols" in NoWorseThanChampion().judge(unknown_evidence).reason
