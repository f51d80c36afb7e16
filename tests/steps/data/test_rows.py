"""The assembly of features and outcomes that training, scoring, monitoring and backtest share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import FORECASTS
from pipelines.lake import Lake
from pipelines.steps.data.rows import (
    UNKNOWN_SYMBOL,
    build_rows,
    feature_columns,
    feature_matrix,
    read_feature_table,
    read_training_rows,
)
from tests.steps.live_market import write_features
from tests.steps.served import START

FORECAST = next(f for f in FORECASTS if f.interval == "1h").target_forecast()
AS_OF = START + timedelta(days=365)


def feature_table(lake: Lake) -> pa.Table:
    with lake.view() as view:
        return read_feature_table(view, FORECAST, "sample", "ts < ?", [AS_OF])


def test_features_have_the_code_of_the_symbol_as_last_column(lake: Lake) -> None:
    write_features(lake, FORECAST, sessions=3)
    table = feature_table(lake)
    rows = build_rows(FORECAST, table)
    assert rows.features.dtype == np.float32
    assert rows.features.shape == (table.num_rows, len(FORECAST.feature_names) + 1)
    symbols = [FORECAST.symbols[code] for code in rows.features[:, -1].astype(int)]
    assert symbols == table["symbol"].to_pylist()
    for column, name in enumerate(FORECAST.feature_names):
        np.testing.assert_array_equal(
            rows.features[:, column], table[name].to_numpy().astype(np.float32)
        )
    order = list(zip(table["closes_at"].to_pylist(), table["symbol"].to_pylist(), strict=True))
    assert order == sorted(order)


def test_training_rows_have_outcomes_known_at_that_instant_and_no_older_bars(lake: Lake) -> None:
    write_features(lake, FORECAST, sessions=10)
    table = feature_table(lake)
    known_at = sorted(set(table["known_at"].to_pylist()))
    as_of, history = known_at[len(known_at) // 2], timedelta(days=2)
    with lake.view() as view:
        rows = read_training_rows(view, FORECAST, "sample", as_of, history)
    last = np.datetime64(as_of.astimezone(UTC).replace(tzinfo=None), "us")
    assert rows.known_at.max() == last
    assert rows.closes_at.min() > last - np.timedelta64(history)
    expected = [
        closes_at > as_of - history and known <= as_of
        for closes_at, known in zip(
            table["closes_at"].to_pylist(), table["known_at"].to_pylist(), strict=True
        )
    ]
    assert len(rows) == sum(expected)


def test_rows_that_were_written_out_of_order_are_put_in_their_place(lake: Lake) -> None:
    """A span that is computed again lies in a newer file, behind all that came after it."""
    for sessions, first in ((4, START), (6, START - timedelta(days=9))):
        write_features(lake, FORECAST, sessions=sessions, first=first, seed=sessions)
    as_of = START + timedelta(days=30)
    with lake.view() as view:
        condition = f"{FORECAST.target.known_at} <= ? AND closes_at > ?"
        since = as_of - FORECAST.schedule.history
        table = read_feature_table(view, FORECAST, "sample", condition, [as_of, since])
        stored = view.sql(f"SELECT closes_at FROM {FORECAST.table.full_name}")
        rows = read_training_rows(view, FORECAST, "sample", as_of)
    assert stored["closes_at"].to_pylist() != sorted(stored["closes_at"].to_pylist())
    expected = build_rows(FORECAST, table)
    assert len(rows) == table.num_rows
    for name in ("features", "outcome", "symbol", "closes_at", "known_at", "session", "place"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(expected, name))


def test_without_training_rows_the_error_names_the_command(lake: Lake) -> None:
    with lake.view() as view, pytest.raises(InvalidRequest) as error:
        read_training_rows(view, FORECAST, "sample", datetime(2020, 1, 1, tzinfo=UTC))
    assert "bullion ingest --source sample" in error.value.hint


def test_an_unknown_symbol_is_an_error_unless_it_is_allowed(lake: Lake) -> None:
    write_features(lake, FORECAST, sessions=1, symbols=1)
    table = feature_table(lake)
    renamed = table.set_column(0, "symbol", pa.array(["GONE"] * table.num_rows))
    with pytest.raises(KeyError):
        build_rows(FORECAST, renamed)
    rows = build_rows(FORECAST, renamed, unknown_symbols=True)
    assert set(rows.symbol.tolist()) == {UNKNOWN_SYMBOL}


def test_a_missing_feature_is_nan() -> None:
    table = pa.table({"first": pa.array([1.0, None]), "second": pa.array([0.1, 0.2])})
    matrix = feature_matrix(("second", "first"), table)
    np.testing.assert_array_equal(matrix, np.array([[0.1, 1], [0.2, np.nan]], np.float32))
    assert feature_columns(("first", "second"), "f") == 'f."first", f."second"'
