"""A model of 5-minute bars in memory, and files of the sample's bars for it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import calendar, utc
from pipelines.forecasts import NVDA_5M
from pipelines.modeling.scorer import OnnxScorer
from pipelines.requests.csv_file import CsvFile, read_csv
from pipelines.requests.file_scoring import score_file
from pipelines.requests.model import Model, Models
from pipelines.sources.sample import Sample
from tests import models
from tests.steps.markets import bars_of

START, END = utc("2026-08-31"), utc("2026-09-02")
NOW = utc("2026-09-03")
SYMBOL, LOOK_BACK = NVDA_5M.symbols[0], NVDA_5M.look_back
NAMES = ("ts", "open", "high", "low", "close", "volume")


@cache
def served_models() -> Models:
    target = NVDA_5M.target_forecast()
    model = Model(
        forecast=target, scorer=OnnxScorer(models.body(NVDA_5M)), source="sample", sample=True,
        version=1, candidate="logistic_regression", proven=True, unproven_reason=None, as_of=START,
        origin="registry", instead_of="", market=calendar("XNYS"), grid="session",
    )  # fmt: skip
    return Models(NVDA_5M, {target.target.name: model}, {})


@cache
def sample_bars() -> pa.Table:
    return bars_of(Sample(), NVDA_5M.symbols, NVDA_5M, START, END)


def write_lines(form: str = "%Y-%m-%dT%H:%M:%SZ", zone: str = "UTC") -> list[str]:
    """The header of a file, and a line for each bar of two sessions."""
    bars = sample_bars()
    times = bars["ts"].to_pandas().dt.tz_convert(zone).dt.strftime(form)
    columns = [times.tolist(), *(bars[name].to_pylist() for name in NAMES[1:])]
    return [",".join(NAMES), *(",".join(map(str, row)) for row in zip(*columns, strict=True))]


def read_lines(lines: list[str]) -> CsvFile:
    return read_csv("\n".join(lines).encode(), 10_000, NVDA_5M)


def scored_file(lines: list[str]) -> CsvFile:
    file = read_lines(lines)
    score_file(served_models(), file, None, NOW, None)
    return file


def probabilities_of(file: CsvFile) -> np.ndarray:
    return np.array(
        [list(line.predictions["action"]["probabilities"].values()) for line in file.lines
         if line.predictions]
    )  # fmt: skip
