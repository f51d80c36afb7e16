"""The commands for backups, as an operator types them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.lake import Lake
from tests.commands import Bullion

COUNT = "SELECT symbol, count(*) AS bars FROM silver.bars GROUP BY ALL"


def test_a_backup_is_made_listed_and_restored(
    bullion: Bullion, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow/mlflow.db")
    bullion("ingest", "--source", "sample", "--symbols", "AAPL", "--interval", "1h",
            "--start", "2026-09-01", "--end", "2026-09-03")  # fmt: skip
    place = str(tmp_path / "backups")
    code, out, complaint = bullion("backup", place)
    assert code == 0, complaint
    assert re.search(r"backup 20\S+Z of snapshot \d+: \d+ files, \d+ of them new", out)
    code, out, _ = bullion("backup", place, "--keep-days", "0")
    assert code == 0
    assert "removed 1 older backups" in out
    code, out, _ = bullion("backups", place)
    assert code == 0
    assert out.count("0.1.0") == 1
    code, out, _ = bullion("backups", place, "--verify")
    assert code == 0
    assert re.search(r"\d+ contents are what they were", out)
    content = max((tmp_path / "backups" / "objects").rglob("*"), key=lambda f: f.stat().st_size)
    sound = content.read_bytes()
    content.write_bytes(sound[:-1] + b"?")
    code, _, complaint = bullion("backups", place, "--verify")
    assert code == 1
    assert content.name in complaint
    content.write_bytes(sound)
    code, _, complaint = bullion("restore", place)
    assert code == 2
    assert "there is a catalog at" in complaint
    monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{tmp_path}/again/catalog.sqlite")
    monkeypatch.setenv("BULLION_LAKE_DATA", f"{tmp_path}/again/files")
    code, out, complaint = bullion("restore", place)
    assert code == 0, complaint
    assert "verified: the lake is as it was at" in out
    code, out, _ = bullion("sql", COUNT, "--csv")
    assert out.splitlines() == ["symbol,bars", "AAPL,14"]
    assert bullion("verify")[0] == 0


def test_slips_are_sentences(bullion: Bullion, lake: Lake, tmp_path: Path) -> None:
    for words, message in (
        (("backup", ""), "the place of the backups is empty"),
        (("restore", str(tmp_path / "none")), "there is no backup in"),
        (("restore", str(tmp_path / "none"), "--at", "yesterday"), "'yesterday' is not a time"),
        (("backup", "ftp://host/backups"), "the files cannot lie there"),
    ):
        code, _, complaint = bullion(*words)
        assert code == 2
        assert message in complaint
