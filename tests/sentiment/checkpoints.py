"""A checkpoint of a tiny BERT, as transformers writes it. Needs PyTorch and transformers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.sentiment.tiny_bert import LABEL_ORDER, WORDS

needs_transformers = pytest.mark.skipif(
    find_spec("torch") is None or find_spec("transformers") is None,
    reason="not installed: make install-torch",
)


def write_checkpoint(folder: Path, seed: int = 0) -> Path:
    """Write a checkpoint of random weights."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    torch.manual_seed(seed)
    labels = {int(place): name for place, name in LABEL_ORDER.items()}
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        num_labels=len(labels),
        id2label=labels,
        label2id={name: place for place, name in labels.items()},
        initializer_range=0.3,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=True).save_pretrained(folder)
    return folder
