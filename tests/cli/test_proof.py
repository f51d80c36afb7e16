"""The commands that prove published numbers, as an operator types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Bullion
from tests.steps.proof.proven_lake import copied_lake


@pytest.fixture
def proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings name a copy of the proven lake."""
    folder = tmp_path / "copy"
    with copied_lake(folder):
        pass
    monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{folder}/catalog.sqlite")
    monkeypatch.setenv("BULLION_LAKE_DATA", f"{folder}/files")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")


def test_a_number_is_the_same_differs_or_cannot_be_asked(proven: None, bullion: Bullion) -> None:
    code, out, complaint = bullion("reproduce", "--prediction", "nasdaq100_hourly/action/AAPL")
    assert (code, complaint) == (0, "")
    assert out.splitlines()[0].startswith("prediction of AAPL by nasdaq100_hourly on sample")
    assert out.splitlines()[-1] == "the same"
    assert "── bars, adjusted for splits" in out
    code, out, complaint = bullion("reproduce", "--signal", "qqq@2026-11-20T15:31Z")
    assert (code, out) == (2, "")
    assert "sample has no signal qqq@2026-11-20T15:31Z" in complaint
    code, _, complaint = bullion("reproduce")
    assert code == 2
    assert "0 things to reproduce were named" in complaint
    code, _, complaint = bullion("reproduce", "--model", "nasdaq100_hourly/action@7")
    assert code == 2
    assert "has no version 7" in complaint


def test_an_audit_names_what_differs(proven: None, bullion: Bullion) -> None:
    """The rows of this lake say that they were published long before their commits."""
    code, out, complaint = bullion("audit", "--rows", "10", "--seed", "5")
    assert code == 1
    assert out.startswith("seed 5: ")
    assert "answers: " in out
    assert "committed at" in complaint
    assert "(seed 5)" in complaint
