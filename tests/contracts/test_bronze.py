"""Bronze takes every row and every version that a source sends."""

from __future__ import annotations

from pipelines.contracts.bronze import ANSWERS, BRONZE_BARS, TABLES
from pipelines.contracts.columns import PRICES
from pipelines.quality.checks import violations


def test_bad_values_of_a_source_break_no_contract_of_bronze() -> None:
    """They are judged on the way to silver; here they are stored as they came."""
    columns = [BRONZE_BARS.column(price.name) for price in PRICES]
    assert {rule.name for rule in violations(columns)} <= {"not_a_number"}
    assert all(column.nullable for column in columns)
    assert BRONZE_BARS.column("ts").nullable
    assert BRONZE_BARS.rules == ()


def test_every_version_has_its_own_row() -> None:
    for table in TABLES:
        assert "batch" in table.key, table.full_name


def test_a_large_answer_is_stored_in_files_and_not_in_the_catalog() -> None:
    assert ANSWERS.inline_rows == 0
    assert "part" in ANSWERS.key
