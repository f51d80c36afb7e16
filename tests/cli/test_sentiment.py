"""The commands on sentiment, as their user meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.sentiment import finbert_check
from pipelines.sentiment.finbert import FinBert
from pipelines.sentiment.headlines import headline_description
from tests.commands import Bullion
from tests.sentiment.checkpoints import needs_transformers, write_checkpoint
from tests.sentiment.tiny_bert import write_folder


def test_it_says_which_model_speaks_and_how_well(bullion: Bullion) -> None:
    code, out, _ = bullion("sentiment")
    assert code == 0
    description = headline_description()
    assert f"the sentiment model is headlines 1 ({description['sha256'][:12]})" in out
    for name, figures in description["held_out"].items():
        assert f"{figures['accuracy']:.1%}" in out, name
        assert f"{figures['macro_f1']:.3f}" in out, name
    assert "SEntFiN 1.0 (MIT)" in out


def test_it_says_why_finbert_does_not_speak(
    bullion: Bullion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_SENTIMENT", "finbert")
    code, out, _ = bullion("sentiment")
    assert code == 0
    assert "instead of finbert: BULLION_FINBERT names no folder" in out
    monkeypatch.setenv("BULLION_FINBERT", str(write_folder(tmp_path)))
    _, out, _ = bullion("sentiment")
    assert "the sentiment model is finbert tiny-fp32" in out


@needs_transformers
def test_a_checkpoint_is_exported_and_checked(
    bullion: Bullion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finbert_check, "SECONDS", 0.01)
    checkpoint, folder = write_checkpoint(tmp_path / "checkpoint"), tmp_path / "finbert"
    code, out, _ = bullion("sentiment", "export", str(checkpoint), str(folder), "--int8")
    assert code == 0
    assert FinBert(folder).version in out
    assert f"next: bullion sentiment check {folder}" in out
    code, out, _ = bullion("sentiment", "check", str(folder))
    assert code == 0
    assert "probabilities differ by at most" in out
    assert "titles/s on one thread" in out


def test_what_is_wrong_is_said(bullion: Bullion, tmp_path: Path) -> None:
    code, _, err = bullion("sentiment", "check", str(tmp_path))
    assert code == 1
    assert "manifest.json cannot be read" in err
    code, _, err = bullion("sentiment", "export", "", str(tmp_path))
    assert code == 2
    assert "name is empty" in err
