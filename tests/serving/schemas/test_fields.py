"""Fields that are described as the columns of the tables."""

from __future__ import annotations

import pytest
from pydantic import create_model

from pipelines.contracts.gold import INDEX_SIGNALS
from pipelines.core.errors import InvalidRequest
from serving.schemas.fields import column_field, table_field


def test_a_field_has_the_meaning_and_the_unit_of_its_column() -> None:
    column = INDEX_SIGNALS.column("wss")
    field = table_field(INDEX_SIGNALS, "wss")
    assert field.description == f"{column.meaning} [{column.unit}]"
    assert table_field(INDEX_SIGNALS, "reason").description.endswith("words")


def test_a_field_takes_the_bounds_and_the_default_of_its_model() -> None:
    name = column_field(INDEX_SIGNALS.column("reason"), default="none", max_length=8)
    model = create_model("Model", reason=(str, name))
    assert model().reason == "none"
    with pytest.raises(ValueError, match="8"):
        model(reason="nine long")


def test_a_column_that_no_table_has_is_an_error_at_once() -> None:
    with pytest.raises(InvalidRequest, match="wsss"):
        table_field(INDEX_SIGNALS, "wsss")
