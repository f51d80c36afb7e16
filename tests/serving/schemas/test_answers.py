"""Answers from the lake: no undeclared field, and fields that are null where their columns are."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from pipelines.contracts.gold import INDEX_SIGNALS, MODEL_DECISIONS, PREDICTIONS
from pipelines.contracts.schema import Table
from serving.schemas.answers import (
    Decision,
    PastPrediction,
    PastSignal,
    Provenance,
    RiskHints,
    Signal,
)

PROVENANCE = {"data_source": "sample", "sample": True, "notices": [], "snapshot": 7}


def test_a_field_that_is_not_declared_is_never_answered() -> None:
    assert Provenance.model_validate(PROVENANCE).snapshot == 7
    with pytest.raises(ValidationError, match="Extra inputs"):
        Provenance.model_validate(PROVENANCE | {"path": "/srv/secret"})
    with pytest.raises(ValidationError, match="Extra inputs"):
        RiskHints.model_validate({"against": 0.1, "tails": 0.2, "uncertainty": 0.3, "amount": 1})


@pytest.mark.parametrize(
    ("answer", "table"),
    [(PastSignal, INDEX_SIGNALS), (PastPrediction, PREDICTIONS), (Decision, MODEL_DECISIONS)],
)
def test_a_row_has_its_columns_and_is_null_where_they_may_be(
    answer: type[BaseModel], table: Table
) -> None:
    names = [name for name in answer.model_fields if name in table.column_names]
    assert len(names) >= 12
    for name in names:
        field, column = answer.model_fields[name], table.column(name)
        assert (type(None) in get_args(field.annotation)) is column.nullable, name
        assert str(field.description).startswith(column.meaning), name


def test_only_three_signals_exist() -> None:
    annotation = Signal.model_fields["signal"].annotation
    assert set(get_args(annotation)) == {"SELL", "HOLD", "BUY"}
