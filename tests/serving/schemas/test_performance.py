"""Answers about performance have the columns that are computed, and in their order."""

from __future__ import annotations

import pyarrow as pa

from serving.schemas.performance import CalibrationRow, CurveRow, HitRow, PerformanceRow
from serving.state import performance
from tests.steps.scored_market import HOURLY

NONE = pa.array([], pa.float64())
SIGNALS = pa.table(
    {"session": pa.array([], pa.date32()), "signal": pa.array([], pa.string())}
    | dict.fromkeys(("wss", "expected_wss", "next_return"), NONE)
)


def test_rows_have_the_fields_of_their_models() -> None:
    assert performance.summary_table(SIGNALS).column_names == list(PerformanceRow.model_fields)
    assert performance.hits_table([]).column_names == list(HitRow.model_fields)
    curve = performance.curve_table(SIGNALS).column_names
    assert set(curve) <= set(CurveRow.model_fields)
    predictions = pa.table(
        {
            "session": pa.array([], pa.date32()),
            "action": pa.array([], pa.string()),
            "actual": pa.array([], pa.string()),
            "probabilities": pa.array([], pa.map_(pa.string(), pa.float64())),
        }
    )
    table = performance.calibration_table(HOURLY.target_forecast(), predictions)
    assert table.column_names == list(CalibrationRow.model_fields)
