"""Sentiment models on one thread, beside bare ONNX Runtime with the same graph and ready inputs.

FinBERT's weights cannot be shipped: its shape is measured with random ones, of eight bits, on
titles of 64 tokens, in large pages of memory, as its page says to run it. Ours is everything from
the titles to the probabilities.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np

from pipelines.modeling.scorer import open_session
from pipelines.sentiment.finbert import INT8, MODEL, FinBert
from pipelines.sentiment.first_token import keep_first_token
from pipelines.sentiment.headlines import BATCH, FOLDER, headline_model
from pipelines.sentiment.headlines import MODEL as HEADLINES
from pipelines.sentiment.ngrams import bucket_rows, title_buckets
from pipelines.sentiment.tones import title_tones
from tests.bench.measure import Figure, run_child
from tests.sentiment.made_headlines import made_titles
from tests.sentiment.tiny_bert import WORDS, bert_graph, word_pieces, write_folder

HEADLINE_TARGET, FINBERT_TARGET, TONES_TARGET = 2_000, 30, 100_000 / 60  # titles a second
TITLES, TOKENS, FINBERT_TITLES, ROUNDS = 5_000, 64, 16, 7
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
SHAPE = {"words": 30_522, "width": 768, "layers": 12, "heads": 12}


def figures() -> Iterator[Figure]:
    titles = made_titles(TITLES)
    yield _headline_figure(titles)
    yield _tones_figure(titles)
    with tempfile.TemporaryDirectory() as folder:
        model = keep_first_token(bert_graph(**SHAPE))  # as the export writes it
        write_folder(Path(folder), precision=INT8, model=model)
        run = run_child("tests.bench.sentiment", folder, env=LARGE_PAGES)
        yield Figure(*json.loads(run.note))


def _headline_figure(titles: list[str]) -> Figure:
    model, session = headline_model(), open_session((FOLDER / HEADLINES).read_bytes())
    parts = sorted((title_buckets(title) for title in titles), key=len)
    batches = [bucket_rows(parts[first : first + BATCH]) for first in range(0, TITLES, BATCH)]

    def run_bare() -> None:
        for batch in batches:
            session.run(None, {"buckets": batch})

    return _compare(
        "the model that ships, headlines",
        TITLES,
        HEADLINE_TARGET,
        lambda: model.score(titles),
        run_bare,
    )


def _tones_figure(titles: list[str]) -> Figure:
    from textblob import TextBlob

    return _compare(
        "tones of titles",
        TITLES,
        TONES_TARGET,
        lambda: title_tones(titles),
        lambda: [TextBlob(title).sentiment for title in titles],
        "TextBlob, polarity and subjectivity alone",
    )


def _finbert_figure(folder: Path) -> Figure:
    model, session = FinBert(folder), open_session((folder / MODEL).read_bytes())
    words = [word for word in WORDS[5:] if word.isalpha()]
    rng = np.random.default_rng(0)
    titles = [" ".join(rng.choice(words, TOKENS - 2)) for _ in range(FINBERT_TITLES)]
    rows = [np.array([word_pieces().encode(title).ids]) for title in titles]
    assert {ids.shape for ids in rows} == {(1, TOKENS)}

    def run_bare() -> None:
        for ids in rows:
            ones, zeros = np.ones_like(ids), np.zeros_like(ids)
            feed = {"input_ids": ids, "attention_mask": ones, "token_type_ids": zeros}
            session.run(["logits"], feed)

    return _compare(
        f"FinBERT's shape, int8, {TOKENS} tokens",
        FINBERT_TITLES,
        FINBERT_TARGET,
        lambda: model.score(titles),
        run_bare,
    )


def _compare(
    name: str,
    count: int,
    target: float,
    own: Callable[[], object],
    peer: Callable[[], object],
    peer_name: str = "bare ONNX Runtime",
) -> Figure:
    """Measure both in turn; the first round of each only warms up."""
    times: list[tuple[float, float]] = []
    busy: list[float] = []  # seconds of the processor in our own work
    for _ in range(ROUNDS + 1):
        seconds = []
        for job in (own, peer):
            start, began = time.perf_counter(), time.process_time()
            job()
            seconds.append(time.perf_counter() - start)
            if job is own:
                busy.append(time.process_time() - began)
        times.append((seconds[0], seconds[1]))
    own_times, peer_times = zip(*times[1:], strict=True)
    ratios = sorted(a / b for a, b in times[1:])
    return Figure(
        name,
        f"{count / median(own_times):,.0f}/s (target {target:,.0f})",
        f"{count / median(peer_times):,.0f}/s ({peer_name})",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        f"{count / median(busy[1:]):,.0f} in a second of CPU, load {os.getloadavg()[0]:.1f}",
    )


def main(folder: str) -> None:
    start = time.perf_counter()
    figure = _finbert_figure(Path(folder))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak, "note": json.dumps(figure.cells())}))


if __name__ == "__main__":
    main(*sys.argv[1:])
