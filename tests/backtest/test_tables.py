"""The tables of a backtest hold what its figures follow from."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.forecasts import AAPL_DAILY
from tests.backtest.alone_backtest import backtest_alone, draw_market
from tests.backtest.small_backtest import FORECAST, _scored_rows, small_backtest


def test_a_prediction_has_its_class_and_all_probabilities() -> None:
    scored, table = _scored_rows(), small_backtest().predictions
    names = FORECAST.label.classes
    assert table["action"].to_pylist() == [names[place] for place in scored.predicted]
    for column, name in enumerate(names):
        np.testing.assert_array_equal(table[f"probability_{name}"], scored.outputs[:, column])
    of_action = scored.outputs[np.arange(len(scored)), scored.predicted]
    np.testing.assert_array_equal(table["confidence"], of_action)
    known = scored.actual >= 0
    assert table["actual"].is_valid().to_pylist() == known.tolist()


def test_a_value_has_its_interval_and_the_side_of_its_sign() -> None:
    market = draw_market(AAPL_DAILY, 3)
    table = backtest_alone(market).predictions
    for column, name in enumerate(("value", "value_low", "value_high")):
        np.testing.assert_array_equal(table[name], market.outputs[:, column])
    sides = ["buy" if value > 0 else "sell" for value in market.outputs[:, 0]]
    assert table["action"].to_pylist() == sides
    assert table["actual"].to_pylist()[-1] is None, "the last outcome is not known"
    assert set(table["actual"].to_pylist()[:-1]) == {"buy", "sell"}
    assert "confidence" not in table.schema.names


def test_windows_and_symbols_add_up_to_the_whole() -> None:
    result = small_backtest(tune=True)
    judged = np.isfinite(result.predictions["outcome"].to_numpy()).sum()
    for rows in (result.windows, result.symbols):
        assert sum(row["rows"] for row in rows) == judged
    net = result.returns["signal"]["net"]["value"]
    assert sum(window["net"] for window in result.windows) == pytest.approx(net)
    columns = set(result.signals.schema.names)
    assert {"buy_at", "sell_at", "tuned_signal", "tuned_net", "index_close"} <= columns
    assert "least_confidence" not in columns, "its rule declares none"
