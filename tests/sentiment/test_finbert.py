"""FinBERT at run time, on a tiny BERT: verified, tokenised, batched, in the order of its labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from pipelines.core.errors import BullionError
from pipelines.sentiment.base import LABELS, UnusableModel
from pipelines.sentiment.finbert import (
    CONFIG,
    FILES,
    INT8,
    LONGEST,
    LONGEST_TITLE,
    MANIFEST,
    MODEL,
    TOKENIZER,
    FinBert,
    load_finbert,
)
from tests.sentiment.tiny_bert import bert_graph, word_pieces, write_folder, write_manifest

TITLES = (
    "Shares rise", "", "The board of a record loss, the shares fall", "Profits", "shares fall",
    "a high of profit. " * 200, "unknown words <script> \u202e \x00", "Shares RISE",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("finbert"))


@pytest.fixture(scope="module")
def eight_bits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("int8"), precision=INT8)


def bare_logits(folder: Path, title: str) -> np.ndarray:
    """Return the outputs of ONNX Runtime for one title, tokenised alone."""
    tokenizer = word_pieces()
    tokenizer.enable_truncation(LONGEST)
    ids = np.array([tokenizer.encode(title).ids])
    session = onnxruntime.InferenceSession(folder / MODEL, providers=["CPUExecutionProvider"])
    feed = {"input_ids": ids, "attention_mask": ids * 0 + 1, "token_type_ids": ids * 0}
    return np.asarray(session.run(["logits"], feed)[0][0])


def test_the_scores_are_those_of_the_bare_graph(folder: Path) -> None:
    scores = FinBert(folder).score(TITLES)
    for title, row in zip(TITLES, scores, strict=True):
        neutral, positive, negative = np.exp(bare_logits(folder, title).astype(np.float64))
        expected = np.array([positive, negative, neutral])
        np.testing.assert_allclose(row, expected / expected.sum(), atol=1e-5)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(scores[0], scores[7])  # in any case
    assert np.ptp(scores[:6], axis=0).min() > 0.01  # the titles are told apart
    assert FinBert(folder).score([]).shape == (0, 3)


def test_padding_would_change_nothing_but_is_masked(folder: Path) -> None:
    """The tiny graph masks as BERT does: else its tests would prove little."""
    session = onnxruntime.InferenceSession(folder / MODEL, providers=["CPUExecutionProvider"])
    ids = np.array([[2, 5, 7, 3, 0, 0]])
    feed = {"input_ids": ids, "attention_mask": (ids > 0) * 1, "token_type_ids": ids * 0}
    np.testing.assert_allclose(
        session.run(["logits"], feed)[0][0], bare_logits(folder, "shares rise"), atol=1e-5
    )


@pytest.mark.parametrize("precision", ["folder", "eight_bits"])
def test_a_title_is_scored_the_same_alone(precision: str, request: pytest.FixtureRequest) -> None:
    model = FinBert(request.getfixturevalue(precision))
    scores = model.score(TITLES * 9)
    for row, title in enumerate(TITLES):
        np.testing.assert_allclose(model.score([title])[0], scores[row], atol=1e-7)


def test_eight_bits_measure_a_title_alone(eight_bits: Path) -> None:
    """In a batch with others a title would get other scores: see _batches."""
    model = FinBert(eight_bits)
    titles = ("shares rise", "record high", "board loss")
    assert len({len(word_pieces().encode(title).ids) for title in titles}) == 1
    together = model.run_tokens(np.array([word_pieces().encode(t).ids for t in titles]))
    alone = model.logits(titles)
    assert np.abs(together - alone).max() > 1e-6
    np.testing.assert_array_equal(alone[2], model.logits(titles[2:])[0])


def test_titles_without_end_are_cut(folder: Path) -> None:
    model = FinBert(folder)
    shapes: list[int] = []
    run = model.run_tokens
    model.run_tokens = lambda ids: (shapes.append(ids.shape[1]), run(ids))[1]  # type: ignore[method-assign, func-returns-value]
    model.score(["shares " * 1_000_000, "fall"])
    assert shapes == [3, LONGEST]


def test_characters_beyond_the_bound_are_not_tokenised(folder: Path) -> None:
    beyond, before = " " * LONGEST_TITLE + "fall", " " * (LONGEST_TITLE - 4) + "fall"
    scores = FinBert(folder).score([beyond, "", before, "fall"])
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[2], scores[3])
    assert np.abs(scores[1] - scores[3]).max() > 0.001


def test_equally_long_titles_share_a_batch(folder: Path) -> None:
    model = FinBert(folder)
    shapes: list[tuple[int, ...]] = []
    run = model.run_tokens
    model.run_tokens = lambda ids: (shapes.append(ids.shape), run(ids))[1]  # type: ignore[method-assign, func-returns-value]
    model.score(["shares fall"] * 40 + ["fall"] * 2 + ["shares rise"])
    assert shapes == [(2, 3), (32, 4), (9, 4)]


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_refused(name: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(UnusableModel, match=rf"{name} has the SHA-256"):
        FinBert(folder)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_refused_by_name(name: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / name).unlink()
    with pytest.raises(UnusableModel, match=name):
        FinBert(folder)
    with pytest.raises(UnusableModel, match=name):
        load_finbert(folder)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (MODEL, "no model", "no ONNX model"),
        (TOKENIZER, "{}", "no tokenizer"),
        (CONFIG, "{}", "no id2label"),
        (CONFIG, "[", "no id2label"),
        (CONFIG, '{"id2label": {"0": "good", "1": "bad", "2": "neutral"}}', "labels of"),
        (CONFIG, '{"id2label": {"0": "positive", "1": "negative"}}', "labels of"),
        (CONFIG, '{"id2label": {"0": "positive", "1": "negative", "7": "neutral"}}', "labels of"),
    ],
)
def test_files_that_say_something_else_are_refused(
    name: str, content: str, reason: str, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path)
    (folder / name).write_text(content)
    write_manifest(folder)
    with pytest.raises(BullionError, match=reason):
        FinBert(folder)


@pytest.mark.parametrize("content", ["[", "[]", "{}", '{"version": "1"}'])
def test_what_is_no_manifest_is_refused(content: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / MANIFEST).write_text(content)
    with pytest.raises(UnusableModel, match="manifest"):
        FinBert(folder)


def test_an_unknown_precision_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    write_manifest(folder, "int4")
    with pytest.raises(UnusableModel, match="manifest"):
        FinBert(folder)


def test_a_graph_of_other_outputs_is_refused(tmp_path: Path) -> None:
    model = bert_graph()
    model.graph.output[0].name = model.graph.node[-1].output[0] = "scores"
    folder = write_folder(tmp_path, model=model)
    with pytest.raises(UnusableModel, match="not logits"):
        FinBert(folder)


def test_the_labels_may_stand_in_any_order(tmp_path: Path) -> None:
    model = FinBert(write_folder(tmp_path / "first"))
    labels = {"0": "positive", "1": "negative", "2": "neutral"}
    relabelled = FinBert(write_folder(tmp_path / "second", labels=labels))
    scores, reordered = model.score(TITLES), relabelled.score(TITLES)
    places = [LABELS.index(name) for name in ("neutral", "positive", "negative")]
    np.testing.assert_allclose(scores[:, places], reordered, atol=1e-12)


def test_a_folder_is_loaded_once_until_it_changes(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    model = load_finbert(folder)
    assert load_finbert(folder) is model
    manifest = json.loads((folder / MANIFEST).read_text())
    write_folder(folder, model=bert_graph(seed=1))
    newer = load_finbert(folder)
    assert newer is not model
    assert newer.sha256 != model.sha256 == manifest["sha256"][MODEL]
