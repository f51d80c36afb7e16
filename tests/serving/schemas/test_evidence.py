"""Answers about a model have the names of the tables."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from pipelines.contracts.evidence import FEATURE_DRIFT, MODEL_EVIDENCE, MODEL_RANKINGS
from pipelines.contracts.schema import Table
from serving.schemas.evidence import DriftRow, EvidenceRow
from serving.schemas.scoring import CandidateRank


@pytest.mark.parametrize(
    ("model", "table"),
    [(EvidenceRow, MODEL_EVIDENCE), (CandidateRank, MODEL_RANKINGS), (DriftRow, FEATURE_DRIFT)],
)
def test_every_field_is_a_column_and_may_be_null_where_the_column_may(
    model: type[BaseModel], table: Table
) -> None:
    for name, field in model.model_fields.items():
        accepts_null = type(None) in getattr(field.annotation, "__args__", ())
        assert accepts_null == table.column(name).nullable, name
