"""The declarations hold together, and the analysts' page says what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.contracts.tables import Column, Table, find_table, fingerprint
from pipelines.core.errors import InvalidRequest
from pipelines.forecasts.tables import ALL_TABLES
from pipelines.sources import SOURCES, source_class


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


def test_one_name_is_one_quantity_everywhere() -> None:
    seen: dict[str, tuple[str, str]] = {}
    for declared in ALL_TABLES:
        for c in declared.columns:
            kind = (c.type, c.unit)
            if c.name in ("detail", "value", "kind", "reason", "status", "name"):
                continue
            assert seen.setdefault(c.name, kind) == kind, f"{declared.full_name}.{c.name}"


def test_a_wrong_key_or_table_is_told_with_what_is_meant() -> None:
    with pytest.raises(InvalidRequest) as found:
        Table("gold", "x", "x", (Column("symbol", "VARCHAR", "x"),), key=("symbl",))
    assert "symbol" in found.value.hint
    with pytest.raises(InvalidRequest) as found:
        find_table("silver.bar")
    assert "silver.bars" in found.value.hint


def test_a_fingerprint_changes_with_a_declaration_and_not_with_the_layers_order() -> None:
    meta_first = sorted(ALL_TABLES, key=lambda table: table.schema != "meta")
    assert fingerprint(meta_first) == fingerprint(ALL_TABLES) != fingerprint()
    reworded = replace(ALL_TABLES[0], meaning="something else")
    assert fingerprint((reworded, *ALL_TABLES[1:])) != fingerprint(ALL_TABLES)


def test_every_source_has_a_name_and_a_page() -> None:
    for kind in map(source_class, SOURCES):
        assert (kind.__doc__ or "").strip()
        assert isinstance(kind.is_sample, bool)
        assert isinstance(kind.resumes, bool)
