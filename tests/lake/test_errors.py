"""DuckDB's errors become errors of the lake, with what to do next."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipelines.core.errors import LakeError
from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.lake.errors import NO_LAKE, NoLake, redacted, translated
from tests.lake_rows import (
    list_symbols,
    replace_series,
)


@pytest.mark.parametrize("damage", ["torn", "gone"])
def test_reading_a_damaged_file_leads_to_verify(
    lake: Lake, lake_settings: Settings, damage: str
) -> None:
    replace_series(lake, list_symbols())
    file = Path(lake_settings.lake_data) / lake.store.listing("silver/series").pop()
    if damage == "torn":
        file.write_bytes(file.read_bytes()[:500])
    else:
        file.unlink()
    with Lake() as reader, pytest.raises(LakeError, match=file.name) as caught:
        reader.rows("SELECT max(symbol) FROM silver.series")
    assert "bullion verify" in caught.value.hint


def test_an_unreachable_postgresql_is_named_without_its_password() -> None:
    target = "postgres:host=127.0.0.1 port=1 dbname=x password=geheim"
    with pytest.raises(LakeError, match="cannot be reached") as caught:
        Lake(Settings(lake_catalog=target))
    assert "port 1" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "BULLION_LAKE_CATALOG" in caught.value.hint
    assert redacted("postgresql://me:geheim@h/x password='ge heim'") == (
        "postgresql://me:***@h/x password=***"
    )


def test_an_error_of_the_query_stays_duckdbs_own(lake: Lake) -> None:
    with pytest.raises(duckdb.BinderException), translated(), lake.view() as view:
        view.connection.execute("SELECT nothing FROM silver.series")


@pytest.mark.parametrize(
    ("message", "summary", "hint"),
    [
        ("IO Error: No space left on device", "the disk is full", "nothing was committed"),
        ("IO Error: ... HTTP 404 Not Found", "a file of the lake is missing", "bullion verify"),
        ("Failed: database is locked", "the catalog is locked", "close it"),
        ("IO Error: never heard of", "the lake cannot be used", "bullion verify"),
    ],
)
def test_an_error_of_disk_or_store_has_a_summary_and_a_hint(
    message: str, summary: str, hint: str
) -> None:
    with pytest.raises(LakeError) as caught, translated("sqlite:/lake/catalog.sqlite"):
        raise duckdb.IOException(message)
    assert caught.value.message.startswith(f"{summary}: {message}")
    assert "/lake/catalog.sqlite" in caught.value.message
    assert hint in caught.value.hint


def test_a_catalog_without_a_lake_has_an_error_of_its_own() -> None:
    with pytest.raises(NoLake, match="there is no lake here") as caught, translated():
        raise duckdb.InvalidInputException(f"Invalid: {NO_LAKE}")
    assert "bullion ingest" in caught.value.hint
