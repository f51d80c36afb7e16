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
from pipelines.modeling.compare import Comparison, compare
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import OnnxScorer
from tests.modeling.hourly_rows import hourly_rows

FEWER = replace(NASDAQ100_HOURLY, features=NASDAQ100_HOURLY.features[:6])
FORECAST = FEWER.target_forecast().replace(candidates=(Logistic(),), challengers=())


@pytest.fixture(scope="module")
def found() -> Comparison:
    names = FORECAST.feature_names
    rows, split = hourly_rows(120), FORECAST.split
    return compare(rows, FORECAST.label, FORECAST.candidates, split, 7, names=names)


def test_its_form_is_met_on_every_row_that_was_held_out(
    found: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = to_onnx(found.winner, describe_model(FORECAST, found))
    met: list[np.ndarray] = []
    monkeypatch.setattr(collect, "parity", lambda _scorer, _model, rows: met.append(rows) or 0.5)
    made = collect_evidence(found, body, OnnxScorer(body), None, 7)
    assert len(met[0]) == len(found.selection.rows) + len(found.judging.rows)
    assert (made.parity, made.onnx, made.champion) == (0.5, body, None)
    assert made.judging is found.judging.rows
    assert made.training_seconds == found.seconds


def test_the_champion_is_met_on_the_symbols_that_it_knows(found: Comparison) -> None:
    told = describe_model(FORECAST, found)
    body = to_onnx(found.winner, told)
    newcomer = FORECAST.symbols[1]
    champion = OnnxScorer(to_onnx(found.winner, replace(told, untrained=(newcomer,))))
    made = collect_evidence(found, body, OnnxScorer(body), champion, 7)
    assert made.champion is not None
    of_newcomer = found.judging.rows.symbol == 1
    assert of_newcomer.any()
    np.testing.assert_array_equal(np.isnan(made.champion).all(axis=1), of_newcomer)
    verdict = NoWorseThanChampion().judge(made)
    assert verdict.passed, "it is the same model"
    assert verdict.value == pytest.approx(0)
    assert set(made.for_champion().judging.symbol) == {0, 2, 3}

    stranger = replace(told, untrained=FORECAST.symbols)
    none = collect_evidence(
        found, body, OnnxScorer(body), OnnxScorer(to_onnx(found.winner, stranger)), 7
    )
    assert "knows none of the symbols" in NoWorseThanChampion().judge(none).reason
