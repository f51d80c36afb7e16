"""Answers about bars: every indicator has its field."""

from __future__ import annotations

from pipelines.features.indicators import INDICATORS, columns_of
from serving.schemas.bars import HistoricBar


def test_every_column_of_every_indicator_is_a_field() -> None:
    indicators = columns_of(INDICATORS)
    optional = {name for name, field in HistoricBar.model_fields.items() if not field.is_required()}
    assert optional == set(indicators)
    for name, column in indicators.items():
        description = HistoricBar.model_fields[name].description
        assert description is not None
        assert description.startswith(f"{column.meaning} [{column.unit}]")


def test_a_bar_without_indicators_is_whole() -> None:
    fields = {name: 1 for name, field in HistoricBar.model_fields.items() if field.is_required()}
    texts = dict.fromkeys(("source", "symbol", "interval"), "x")
    times = dict.fromkeys(("ts", "closes_at"), "2026-09-01T00:00:00Z")
    assert HistoricBar.model_validate(fields | texts | times).sma_20 is None
