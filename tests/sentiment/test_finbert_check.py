"""A folder compared with its checkpoint, or with the answers stored at its export."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.core.errors import CheckFailed
from pipelines.sentiment import finbert_check
from pipelines.sentiment.finbert import FinBert
from pipelines.sentiment.finbert_check import check_folder
from pipelines.sentiment.finbert_export import export_folder
from tests.sentiment.checkpoints import needs_transformers, write_checkpoint
from tests.sentiment.tiny_bert import write_folder, write_manifest

TITLES = ("shares rise", "the board of a record loss", "fall")


@pytest.fixture(autouse=True)
def short_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finbert_check, "SECONDS", 0.01)


@needs_transformers
def test_the_checkpoint_is_asked_while_it_is_there(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    export_folder(checkpoint, tmp_path / "finbert")
    report = check_folder(tmp_path / "finbert")
    assert report.compared_with == f"the checkpoint {checkpoint}"
    assert report.passed
    assert report.same_label == report.titles == 8
    assert report.titles_per_second > 0
    report.enforce()

    write_checkpoint(checkpoint, seed=1)
    report = check_folder(tmp_path / "finbert")
    assert "stored at the export" in report.compared_with
    assert "other weights" in report.compared_with
    assert report.passed

    shutil.rmtree(checkpoint)
    report = check_folder(tmp_path / "finbert")
    assert "stored at the export" in report.compared_with
    assert "fp32" in report.summary()
    assert report.passed


def test_a_folder_that_says_something_else_fails(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    logits = FinBert(folder).logits(TITLES)
    reference = {title: list(row) for title, row in zip(TITLES, logits, strict=True)}
    write_manifest(folder, reference=reference)
    assert check_folder(folder).passed
    reference["fall"] = [value + 0.01 * place for place, value in enumerate(reference["fall"])]
    write_manifest(folder, reference=reference)
    report = check_folder(folder)
    assert 0.001 < report.worst < 0.1
    with pytest.raises(CheckFailed, match=r"limit 0\.001"):
        report.enforce()
    reference["fall"] = [-value for value in reference["fall"]]
    write_manifest(folder, reference=reference)
    assert check_folder(folder).same_label == 2


def test_without_checkpoint_and_answers_nothing_is_proven(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="nothing to compare with"):
        check_folder(write_folder(tmp_path))
