"""A checkpoint exported and scored: the folder says what PyTorch says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest, MissingLibrary
from pipelines.sentiment.base import LABELS
from pipelines.sentiment.finbert import FILES, INT8, MANIFEST, MODEL, FinBert, Manifest
from pipelines.sentiment.finbert_export import (
    REFERENCE_TITLES,
    Checkpoint,
    export_folder,
    quantise_file,
)
from tests.sentiment.checkpoints import needs_transformers, write_checkpoint
from tests.sentiment.tiny_bert import bert_graph, write_folder

TITLES = ("Shares rise", "", "the board of a record loss. " * 100, "Profits, high")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@needs_transformers
def test_the_folder_says_what_the_checkpoint_says(checkpoint: Path, tmp_path: Path) -> None:
    manifest = export_folder(checkpoint, tmp_path / "finbert")
    assert sorted(p.name for p in (tmp_path / "finbert").iterdir()) == sorted([*FILES, MANIFEST])
    model, original = FinBert(tmp_path / "finbert"), Checkpoint(checkpoint)
    logits = original.logits(TITLES)
    np.testing.assert_allclose(model.logits(TITLES), logits, atol=1e-4)
    assert np.ptp(logits, axis=0).min() > 0.01
    names = [original.model.config.id2label[place].lower() for place in logits.argmax(axis=1)]
    assert [LABELS[place] for place in model.score(TITLES).argmax(axis=1)] == names
    assert list(manifest.reference) == list(REFERENCE_TITLES)
    np.testing.assert_allclose(
        model.logits(REFERENCE_TITLES), list(manifest.reference.values()), atol=1e-4
    )
    assert manifest == Manifest.read(tmp_path / "finbert")
    assert manifest.version == f"{original.version()}-fp32"


@needs_transformers
def test_eight_bits_are_smaller_and_near(checkpoint: Path, tmp_path: Path) -> None:
    export_folder(checkpoint, tmp_path / "fp32")
    manifest = export_folder(checkpoint, tmp_path / "int8", int8=True)
    assert manifest.precision == INT8
    sizes = [(tmp_path / name / MODEL).stat().st_size for name in ("fp32", "int8")]
    assert sizes[1] < 0.7 * sizes[0]
    model = FinBert(tmp_path / "int8")
    assert np.abs(model.logits(TITLES) - Checkpoint(checkpoint).logits(TITLES)).max() < 0.5
    assert not list((tmp_path / "int8").glob("*.fp32"))


@needs_transformers
def test_an_export_takes_the_place_of_the_older_one(checkpoint: Path, tmp_path: Path) -> None:
    export_folder(checkpoint, tmp_path)
    version = FinBert(tmp_path).version
    export_folder(write_checkpoint(tmp_path / "newer", seed=1), tmp_path)
    assert FinBert(tmp_path).version != version


@needs_transformers
@pytest.mark.parametrize("content", ["{}", "no JSON", '{"model_type": "nothing"}'])
def test_what_is_no_checkpoint_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InvalidRequest, match="no checkpoint"):
        export_folder(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"it has no config\.json"):
        export_folder(tmp_path, tmp_path / "out")


def test_without_transformers_the_export_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingLibrary, match="make install-torch"):
        export_folder(tmp_path, tmp_path / "out")


def test_eight_bits_need_no_pytorch(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, model=bert_graph(width=64))
    model, size = FinBert(folder), (folder / MODEL).stat().st_size
    expected = model.logits(TITLES)
    quantise_file(folder / MODEL)
    manifest = json.loads((folder / MANIFEST).read_text())
    assert (folder / MODEL).stat().st_size < 0.5 * size
    from tests.sentiment.tiny_bert import write_manifest

    write_manifest(folder, INT8)
    assert json.loads((folder / MANIFEST).read_text()) != manifest
    assert 0 < np.abs(FinBert(folder).logits(TITLES) - expected).max() < 2
