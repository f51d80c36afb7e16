"""A comparison's winner, as training and the backtest both serve and judge it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.forecasts import NASDAQ100_HOURLY
from pipelines.gates import NoWorseThanChampion
from pipelines.modeling import evidence as winner
from pipelines.modeling.candidates import Logistic
from pipelines.modeling.compare import Comparison, compare
from pipelines.modeling.onnx import OnnxScorer, to_onnx
from tests.modeling.made import made_rows

FEWER = replace(NASDAQ100_HOURLY, features=NASDAQ100_HOURLY.features[:6])
FORECAST = FEWER.target_forecast().replace(candidates=(Logistic(),), challengers=())


@pytest.fixture(scope="module")
def found() -> Comparison:
    names = FORECAST.feature_names
    rows, split = made_rows(120), FORECAST.split
    return compare(rows, FORECAST.label, FORECAST.candidates, split, 7, names=names)


def test_its_file_tells_what_it_was_trained_on(found: Comparison) -> None:
    told = OnnxScorer(to_onnx(found.winner, winner.described(FORECAST, found))).description
    assert told.untrained == FORECAST.symbols[4:]
    assert (told.features, told.thresholds) == (FORECAST.feature_names, found.thresholds)
    assert told.more == {
        "forecast": FORECAST.name,
        "target": FORECAST.target.name,
        "definition": FORECAST.model_fingerprint,
    }


def test_its_form_is_met_on_every_row_that_was_held_out(
    found: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = to_onnx(found.winner, winner.described(FORECAST, found))
    met: list[np.ndarray] = []
    monkeypatch.setattr(winner, "parity", lambda _scorer, _model, rows: met.append(rows) or 0.5)
    made = winner.evidence(FORECAST, found, body, OnnxScorer(body), None, 7)
    assert len(met[0]) == len(found.selection.rows) + len(found.judging.rows)
    assert (made.parity, made.onnx, made.champion) == (0.5, body, None)
    assert made.judging is found.judging.rows
    assert made.training_seconds == found.seconds


def test_the_champion_is_met_on_the_symbols_that_it_knows(found: Comparison) -> None:
    told = winner.described(FORECAST, found)
    body = to_onnx(found.winner, told)
    newcomer = FORECAST.symbols[1]
    champion = OnnxScorer(to_onnx(found.winner, replace(told, untrained=(newcomer,))))
    made = winner.evidence(FORECAST, found, body, OnnxScorer(body), champion, 7)
    assert made.champion is not None
    of_newcomer = found.judging.rows.symbol == 1
    assert of_newcomer.any()
    np.testing.assert_array_equal(np.isnan(made.champion).all(axis=1), of_newcomer)
    verdict = NoWorseThanChampion().judge(made)
    assert verdict.passed, "it is the same model"
    assert verdict.value == pytest.approx(0)
    assert set(made.met().judging.symbol) == {0, 2, 3}

    stranger = replace(told, untrained=FORECAST.symbols)
    none = winner.evidence(
        FORECAST, found, body, OnnxScorer(body), OnnxScorer(to_onnx(found.winner, stranger)), 7
    )
    assert "knows none of the symbols" in NoWorseThanChampion().judge(none).reason
