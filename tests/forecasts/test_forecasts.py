"""The laws of every declared forecast, and what a wrong declaration is told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from pipelines.errors import InvalidRequest
from pipelines.features import HOURLY
from pipelines.forecasts import FORECASTS, Forecast, forecast
from pipelines.labels import Action
from pipelines.tables import TABLES

HEAVY = ("pandas", "pyarrow", "duckdb", "sklearn", "mlflow", "evidently", "onnxruntime", "scipy")
NAMED = pytest.mark.parametrize("declared", FORECASTS, ids=lambda f: f.name)


def test_reading_the_declarations_imports_nothing_heavy() -> None:
    """A DAG file does so every few seconds."""
    told = f"import sys, pipelines.forecasts; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@NAMED
def test_it_has_a_table_with_a_column_for_each_feature(declared: Forecast) -> None:
    assert declared.table in TABLES
    assert set(declared.feature_names) <= set(declared.table.column_names)
    assert declared.meaning
    assert forecast(declared.name) is declared


@NAMED
def test_its_definition_changes_with_what_features_and_labels_mean(declared: Forecast) -> None:
    same = replace(declared, meaning="told otherwise")
    assert same.definition == declared.definition
    for other in (
        replace(declared, features=declared.features[1:]),
        replace(declared, features=declared.features[::-1]),
        replace(declared, interval="30m" if declared.interval != "30m" else "15m"),
        replace(declared, label=Action(horizon=3)),
    ):
        assert other.definition != declared.definition


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Next Hour"}, "cannot name a forecast"),
        ({"universe": "nasdaq"}, "unknown universe"),
        ({"interval": "2h"}, "unknown interval"),
        ({"features": ()}, "has no features"),
        ({"features": (HOURLY[0], HOURLY[0])}, "twice"),
        ({"candidates": ()}, "has no candidates"),
        ({"gates": ()}, "has no gate that blocks"),
    ],
)
def test_a_wrong_declaration_proposes_the_fix(change: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as found:
        replace(FORECASTS[0], **change)  # type: ignore[arg-type]
    assert found.value.hint


def test_an_unknown_forecast_is_told_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest) as found:
        forecast("nasdaq_hourly")
    assert "nasdaq100_hourly" in found.value.hint
