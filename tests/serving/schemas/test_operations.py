"""Answers about operations have the names of the tables, and no field that nobody declared."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from pipelines.contracts.gold import CHECKS, RUNS
from pipelines.contracts.schema import Table
from serving.schemas.operations import Check, Run, StepState


@pytest.mark.parametrize(("model", "table"), [(Run, RUNS), (Check, CHECKS)])
def test_every_field_is_a_column_that_may_be_null_where_the_column_may(
    model: type[BaseModel], table: Table
) -> None:
    assert set(model.model_fields) <= set(table.column_names)
    for name, field in model.model_fields.items():
        accepts_null = type(None) in getattr(field.annotation, "__args__", ())
        assert accepts_null == table.column(name).nullable, name


def test_an_undeclared_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="secret"):
        StepState.model_validate({"secret": "x"})
