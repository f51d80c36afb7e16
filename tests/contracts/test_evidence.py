"""The tables of evidence and drift: their keys name one row, and belong to one version."""

from __future__ import annotations

from pipelines.contracts.evidence import (
    EVIDENCE_KINDS,
    FEATURE_DRIFT,
    MODEL_EVIDENCE,
    MODEL_RANKINGS,
    TABLES,
)
from pipelines.contracts.tables import TABLES as ALL


def test_they_are_tables_of_the_lake() -> None:
    assert {*TABLES} == {MODEL_RANKINGS, MODEL_EVIDENCE, FEATURE_DRIFT} <= {*ALL}


def test_evidence_belongs_to_a_file_and_is_of_a_known_kind() -> None:
    assert {"model_version", "sha256", "evidence", "name", "place"} <= {*MODEL_EVIDENCE.key}
    assert MODEL_EVIDENCE.column("evidence").among == EVIDENCE_KINDS
    assert not MODEL_EVIDENCE.column("sha256").nullable


def test_a_feature_that_cannot_be_compared_has_no_distance() -> None:
    assert FEATURE_DRIFT.column("distance").nullable
    assert not FEATURE_DRIFT.column("drifted").nullable
