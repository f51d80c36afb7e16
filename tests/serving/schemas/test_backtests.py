"""Answers about backtests have the columns that are read from a report."""

from __future__ import annotations

from serving.schemas.backtests import BacktestFigureRow, BacktestRow
from serving.state.backtests import FIGURES, LISTING


def test_rows_have_the_fields_of_their_models() -> None:
    assert LISTING.names == list(BacktestRow.model_fields)
    assert FIGURES.names == list(BacktestFigureRow.model_fields)
