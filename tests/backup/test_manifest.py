"""A manifest is read as it was written, and nothing else is read as one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines.backup.manifest import Manifest, StoredFile
from pipelines.core.errors import InvalidRequest

FILE = StoredFile("ab" * 32, 7, "mark")
MANIFEST = Manifest(
    datetime(2026, 8, 31, 12, tzinfo=UTC), "0.1.0", "layout", "sqlite", FILE, 5,
    datetime(2026, 8, 24, tzinfo=UTC), {"silver/bars/a.parquet": FILE},
)  # fmt: skip


def test_a_manifest_is_read_as_it_was_written() -> None:
    full = replace(
        MANIFEST, models_kind="sqlite", models=replace(FILE, digest="cd" * 32),
        artifacts={"m": FILE}, state={"quotas.sqlite": FILE}, settings={"source": "sample"},
    )  # fmt: skip
    for manifest in (MANIFEST, full):
        assert Manifest.from_json(manifest.to_json()) == manifest
    assert full.digests() == {"ab" * 32, "cd" * 32}


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 2}'])
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidRequest):
        Manifest.from_json(text)
