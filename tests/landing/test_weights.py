"""Index weights: each version is kept, silver has the newest, a broken one is rejected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.sources.files.mapping import NAME
from pipelines.steps.lake import open_lake
from tests.commands import Bullion, run_here


@pytest.fixture
def bullion(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bullion:
    return run_here(monkeypatch, capsys)


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files with a good one in it."""
    inbox_folder = tmp_path / "inbox"
    inbox_folder.mkdir()
    (inbox_folder / "good.csv").write_text(GOOD_FILE)
    (inbox_folder / NAME).write_text(yaml.safe_dump({"series": [SERIES]}))
    monkeypatch.setenv("BULLION_FILES", str(inbox_folder))
    return inbox_folder


HEAD = "ts,open,high,low,close,volume\n"


GOOD_FILE = (
    HEAD + "2026-09-01T13:30:00Z,100,101,99,100,10\n2026-09-01T14:30:00Z,100,101,99,101,10\n"
)


SERIES: dict[str, Any] = {
    "files": "*.*",
    "symbol": {"file": r"^(?P<symbol>\w+)\."},
    "interval": "1h",
}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("A,0.5,9999-12-31", "line 2: date value out of range"),
        ("A,0.5,2026-01-01\nA,0.4,2026-01-01", "more than one weight of A on 2026-01-01"),
        ("", "has no weights of QQQ"),
    ],
)
def test_wrong_weights_are_reported(bullion: Bullion, inbox: Path, body: str, message: str) -> None:
    declaration = {"weights": [{"files": "*.csv", "universe": "nasdaq100"}]}
    (inbox / NAME).write_text(yaml.safe_dump(declaration))
    (inbox / "good.csv").write_text(f"symbol,weight,effective\n{body}\n")
    code, _, err = bullion("weights", "--source", "files")
    assert code == 1
    assert message in err


def test_a_broken_weight_is_kept_once(bullion: Bullion, inbox: Path) -> None:
    declaration = {"weights": [{"files": "*.csv", "universe": "nasdaq100"}]}
    (inbox / NAME).write_text(yaml.safe_dump(declaration))
    (inbox / "good.csv").write_text("symbol,weight,effective\nA,-1,2026-01-01\nB,1,2026-01-01\n")
    for _ in range(2):
        bullion("weights", "--source", "files")
    with open_lake(read_only=True) as lake:
        assert lake.rows("SELECT symbol FROM silver.quarantine") == [("A",)]
        assert lake.rows("SELECT symbol FROM silver.weights") == [("B",)]


def test_weights_of_a_time_before_any_are_not_those_of_today(bullion: Bullion) -> None:
    assert bullion("weights", "--as-of", "2026-09-15")[0] == 0
    code, _, err = bullion("weights", "--as-of", "2014-01-01")
    assert code == 1
    assert "none are known" in err
