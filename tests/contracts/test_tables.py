"""Every table is declared in full, and a fingerprint follows every declaration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.contracts.tables import Table, find_table, fingerprint
from pipelines.core.errors import InvalidRequest
from pipelines.forecasts.tables import ALL_TABLES


@pytest.mark.parametrize("declared", ALL_TABLES, ids=lambda t: t.full_name)
def test_every_column_says_what_it_means(declared: Table) -> None:
    assert declared.meaning
    assert len(set(declared.column_names)) == len(declared.columns)
    for column in declared.columns:
        assert column.meaning, column.name
        if column.type == "DOUBLE" and column.name != "value":
            assert column.unit, f"{declared.full_name}.{column.name} has no unit"
        if column.type.startswith("TIMESTAMPTZ"):
            assert column.unit == "UTC" or column.name.endswith("_at"), column.name


def test_an_unknown_table_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InvalidRequest) as caught:
        find_table("silver.bar")
    assert "silver.bars" in caught.value.hint


def test_a_fingerprint_changes_with_a_declaration_and_not_with_the_layers_order() -> None:
    meta_first = sorted(ALL_TABLES, key=lambda table: table.schema != "meta")
    assert fingerprint(meta_first) == fingerprint(ALL_TABLES) != fingerprint()
    reworded = replace(ALL_TABLES[0], meaning="something else")
    assert fingerprint((reworded, *ALL_TABLES[1:])) != fingerprint(ALL_TABLES)
