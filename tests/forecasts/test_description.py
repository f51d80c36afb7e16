"""The description of a comparison's model, as its file carries it."""

from __future__ import annotations

from dataclasses import replace

from pipelines.forecasts import NASDAQ100_HOURLY
from pipelines.forecasts.description import describe_model
from pipelines.modeling.candidates import Logistic
from pipelines.modeling.compare import compare
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import OnnxScorer
from tests.modeling.hourly_rows import hourly_rows

FEWER = replace(NASDAQ100_HOURLY, features=NASDAQ100_HOURLY.features[:6])
FORECAST = FEWER.target_forecast().replace(candidates=(Logistic(),), challengers=())


def test_a_file_says_which_forecast_and_which_symbols_it_was_trained_on() -> None:
    names = FORECAST.feature_names
    comparison = compare(
        hourly_rows(120), FORECAST.label, FORECAST.candidates, FORECAST.split, 7, names=names
    )
    onnx = to_onnx(comparison.winner, describe_model(FORECAST, comparison))
    description = OnnxScorer(onnx).description
    assert description.untrained == FORECAST.symbols[4:]
    assert (description.features, description.thresholds) == (names, comparison.thresholds)
    assert description.more == {
        "forecast": FORECAST.name,
        "target": FORECAST.target.name,
        "definition": FORECAST.model_fingerprint,
    }
