"""The lake's records about itself."""

from __future__ import annotations

from pipelines.contracts import meta
from pipelines.contracts.tables import LAYERS, TABLES


def test_checksums_stay_in_the_catalog_and_not_in_the_files_that_they_protect() -> None:
    most = max(table.inline_rows or 0 for table in TABLES if table is not meta.CHECKSUMS)
    assert (meta.CHECKSUMS.inline_rows or 0) > 1000 * max(most, 1)
    assert meta.CHECKSUMS.key == ("path",)


def test_a_snapshot_may_be_kept_for_several_reasons() -> None:
    assert meta.KEPT_SNAPSHOTS.key == ("snapshot", "reason")


def test_every_table_of_meta_is_of_the_lake() -> None:
    assert {table.schema for table in meta.TABLES} == {LAYERS[-1]}
    assert set(meta.TABLES) < set(TABLES)
