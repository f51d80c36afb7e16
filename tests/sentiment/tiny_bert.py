"""A tiny BERT of three labels, built as ONNX with NumPy weights: no PyTorch is needed.

It has BERT's architecture: embeddings of words, places and types, layers of attention and of a
widened step with GELU, each with its norm, a pooler over the first token and a classifier.
`width`, `layers` and `words` can be those of the real one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from pipelines.modeling.scorer import checksum
from pipelines.sentiment.finbert import CONFIG, FILES, FP32, MANIFEST, MODEL, TOKENIZER

WORDS = (
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "shares", "fall", "rise", "profit", "##s",
    "the", "a", "of", "record", "high", "low", "loss", "board", ".", ",",
)  # fmt: skip
LABEL_ORDER = {"0": "Neutral", "1": "Positive", "2": "Negative"}  # not that of LABELS
MOST_PLACES = 512


class _Graph:
    """Nodes and weights of a graph, with the values' names as they are made."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._rng = np.random.default_rng(seed)

    def weight(self, *shape: int) -> str:
        return self.constant(self._rng.normal(0, 0.3, shape).astype(np.float32))

    def constant(self, values: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, kind: str, *inputs: str, output: str = "", **options: Any) -> str:
        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **options))
        return output

    def linear(self, value: str, width: int, out: int, output: str = "") -> str:
        product = self.add("MatMul", value, self.weight(width, out))
        return self.add("Add", product, self.weight(out), output=output)

    def norm(self, value: str, width: int) -> str:
        scale = self.constant(np.ones(width, np.float32))
        bias = self.constant(np.zeros(width, np.float32))
        return self.add("LayerNormalization", value, scale, bias, axis=-1)


def bert_graph(
    *, words: int = len(WORDS), width: int = 16, layers: int = 2, heads: int = 2, seed: int = 0
) -> Any:
    """Return the ONNX model."""
    graph = _Graph(seed)
    shape = graph.add("Shape", "input_ids")
    tokens = graph.add("Gather", shape, graph.constant(np.int64(1)))
    places = graph.add("Range", graph.constant(np.int64(0)), tokens, graph.constant(np.int64(1)))
    value = graph.add("Gather", graph.weight(words, width), "input_ids")
    value = graph.add("Add", value, graph.add("Gather", graph.weight(2, width), "token_type_ids"))
    value = graph.add("Add", value, graph.add("Gather", graph.weight(MOST_PLACES, width), places))
    value = graph.norm(value, width)
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    mask = graph.add("Sub", mask, graph.constant(np.float32(1)))
    mask = graph.add("Mul", mask, graph.constant(np.float32(1e9)))
    mask = graph.add("Unsqueeze", mask, graph.constant(np.array([1, 2], np.int64)))
    for _ in range(layers):
        value = graph.norm(
            graph.add("Add", value, _attention(graph, value, mask, width, heads)), width
        )
        wide = graph.linear(value, width, 4 * width)
        # GELU in the order that PyTorch's export has, which ONNX Runtime knows and makes one step.
        erf = graph.add("Erf", graph.add("Div", wide, graph.constant(np.float32(2**0.5))))
        erf = graph.add("Add", erf, graph.constant(np.float32(1)))
        wide = graph.add("Mul", graph.add("Mul", wide, erf), graph.constant(np.float32(0.5)))
        value = graph.norm(graph.add("Add", value, graph.linear(wide, 4 * width, width)), width)
    first = graph.add("Gather", value, graph.constant(np.int64(0)), axis=1)
    graph.linear(graph.add("Tanh", graph.linear(first, width, width)), width, 3, output="logits")
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["titles", "tokens"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["titles", 3])]
    return helper.make_model(
        helper.make_graph(graph.nodes, "bert", inputs, outputs, graph.weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def _attention(graph: _Graph, value: str, mask: str, width: int, heads: int) -> str:
    split = graph.constant(np.array([0, 0, heads, width // heads], np.int64))
    parts = [graph.add("Reshape", graph.linear(value, width, width), split) for _ in range(3)]
    query = graph.add("Transpose", parts[0], perm=[0, 2, 1, 3])
    # In two steps, as PyTorch's export has it: the second becomes a part of the product.
    key = graph.add("Transpose", parts[1], perm=[0, 2, 1, 3])
    key = graph.add("Transpose", key, perm=[0, 1, 3, 2])
    spoken = graph.add("Transpose", parts[2], perm=[0, 2, 1, 3])
    scores = graph.add("MatMul", query, key)
    scores = graph.add("Div", scores, graph.constant(np.float32((width // heads) ** 0.5)))
    shares = graph.add("Softmax", graph.add("Add", scores, mask), axis=-1)
    joined = graph.add("Transpose", graph.add("MatMul", shares, spoken), perm=[0, 2, 1, 3])
    joined = graph.add("Reshape", joined, graph.constant(np.array([0, 0, width], np.int64)))
    return graph.linear(joined, width, width)


def word_pieces(words: tuple[str, ...] = WORDS) -> Tokenizer:
    """Return a tokeniser of BERT's kind."""
    numbers = {word: place for place, word in enumerate(words)}
    tokenizer = Tokenizer(WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, numbers[name]) for name in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def write_folder(
    folder: Path, *, precision: str = FP32, model: Any = None, labels: Any = None
) -> Path:
    """Write a folder as the export does."""
    folder.mkdir(parents=True, exist_ok=True)
    save(model or bert_graph(), folder / MODEL)
    if precision != FP32:
        quantise(folder / MODEL)
    word_pieces().save(str(folder / TOKENIZER))
    (folder / CONFIG).write_text(json.dumps({"id2label": labels or LABEL_ORDER}))
    write_manifest(folder, precision)
    return folder


def quantise(path: Path) -> None:
    from pipelines.sentiment.finbert_export import quantise_file

    quantise_file(path)


def write_manifest(folder: Path, precision: str = FP32, **more: Any) -> None:
    """Write the manifest of the files as they are."""
    sums = {name: checksum((folder / name).read_bytes()) for name in FILES}
    content = {
        "version": f"tiny-{precision}",
        "precision": precision,
        "sha256": sums,
        "checkpoint": str(folder / "none"),
    } | more
    (folder / MANIFEST).write_text(json.dumps(content))
