"""Data Docs name what failed, load nothing from outside, and replace only themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.contracts.silver import QUARANTINE, SILVER_BARS, SILVER_WEIGHTS
from pipelines.core.errors import CheckFailed, InvalidRequest
from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.quality import data_docs
from pipelines.steps.lake import open_lake
from tests.quality.rows import START, bar, rows


def lake_with(folder: Path, **tables: pa.Table) -> Lake:
    lake = open_lake(
        Settings(
            lake_catalog=f"sqlite:{folder / 'lake' / 'catalog.sqlite'}",
            lake_data=str(folder / "lake" / "files"),
        )
    )
    with lake.write() as writer:
        for name, table in tables.items():
            writer.append(f"silver.{name}", table.drop_columns(["batch"]))
    return lake


def test_pages_name_what_failed_and_load_nothing(tmp_path: Path) -> None:
    reason = "<img src=x onerror=alert(1)>"
    rejected = {
        "source": "sample",
        "interval": "90m<script>alert(2)</script>",
        "reason": reason,
        "detail": "$x ${y}",
        "original": "{}",
        "row": 1,
        "received_at": START,
    }
    bars = rows(SILVER_BARS, [bar(n, high=99.5 if n == 3 else 101.0) for n in range(5)])
    with lake_with(tmp_path, bars=bars, quarantine=rows(QUARANTINE, [rejected])) as lake:
        with pytest.raises(CheckFailed, match=r"silver\.bars high_low: 1 of 5 rows"):
            data_docs.build_docs(lake)
        folder = tmp_path / "lake" / "docs"
        recorded = lake.rows(
            "SELECT table_name, \"check\" FROM gold.checks WHERE NOT passed AND kind = 'blocking'"
        )
        empty = lake.rows(
            "SELECT table_name FROM gold.checks WHERE \"check\" = 'not_empty_gx' AND NOT passed"
        )
    assert sorted(recorded) == [
        ("silver.bars", "high_low_gx"),
        ("silver.quarantine", "interval_unknown_value_gx"),
    ]
    assert ("silver.gaps",) in empty
    pages = {p: p.read_text("utf-8") for p in folder.rglob("*.html")}
    index = pages[folder / "index.html"]
    assert "silver.bars" in index
    assert "high_low" in index
    details = [p for p in pages if "validations/silver/bars" in p.as_posix()]
    assert len(details) == 1
    assert "highest price [currency of the symbol]" in pages[details[0]]
    assert "high and low bound open and close" in pages[details[0]]
    for path, text in pages.items():
        assert not re.search(r"<(script|link|img|iframe)\b|@import|\burl\(", text, re.IGNORECASE)
        assert "Content-Security-Policy" in text
        assert "silver.quarantine" not in path.name or "90m&lt;script&gt;" in text
        for target in re.findall(r'href="([^"#]+)', text):
            assert (path.parent / target).exists(), f"{path}: {target}"


def test_a_second_run_replaces_the_pages_and_nothing_else(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("keep me")
    with lake_with(tmp_path, bars=rows(SILVER_BARS, [bar(1), bar(2)])) as lake:
        with pytest.raises(InvalidRequest):
            data_docs.build_docs(lake, mine)
        one = data_docs.build_docs(lake, tmp_path / "docs", tables=(SILVER_BARS,))
        first = set(one.parent.rglob("*.html"))
        two = data_docs.build_docs(lake, tmp_path / "docs", tables=(SILVER_BARS,), newest=1)
        checked = lake.rows("SELECT DISTINCT rows_checked FROM gold.checks ORDER BY 1")
    assert (mine / "notes.txt").read_text() == "keep me"
    assert one == two
    assert len(set(two.parent.rglob("*.html"))) == len(first)
    assert checked == [(1,), (2,)]
    assert [p.name for p in tmp_path.glob(".docs-*")] == []


def test_a_lake_without_bars_fails(tmp_path: Path) -> None:
    with lake_with(tmp_path) as lake, pytest.raises(CheckFailed, match="no rows at all"):
        data_docs.build_docs(lake, tables=(SILVER_BARS, SILVER_WEIGHTS))
