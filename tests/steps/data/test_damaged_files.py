"""Training, scoring, backtest and features read what was committed, or raise an error."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines.backtest.market import BacktestRequest
from pipelines.core.errors import LakeError
from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from pipelines.registry.mlflow import Registry
from pipelines.steps.backtest.walk import read_market
from pipelines.steps.data.features import refresh_features
from pipelines.steps.data.rows import read_training_rows
from pipelines.steps.scoring.outcomes import refresh_outcomes
from pipelines.steps.scoring.score import score
from tests import empty_lake
from tests.steps.scored_market import END, HOURLY, START, build_market, create_source

TABLES = ("silver/bars", f"gold/{HOURLY.table.name}")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, str]:
    """A market and its features, all of them in files."""
    lake = empty_lake.create_lake(empty_lake.at(tmp_path_factory.mktemp("lake")))
    source = create_source(lake, build_market())
    refresh_features(lake, HOURLY, source)
    compact(lake)
    return lake, source


def trained_on(lake: Lake, source: str) -> bytes:
    with lake.view() as view:
        rows = read_training_rows(view, HOURLY.target_forecast(), source, END)
    return rows.features.tobytes() + np.nan_to_num(rows.outcome).tobytes()


def backtested_on(lake: Lake, source: str) -> str:
    with lake.view() as view:
        market = read_market(
            view, HOURLY.target_forecast(), source, BacktestRequest("qqq", START, END)
        )
    return repr((market.rows.features.tobytes(), market.bars.to_pylist()))


def scored(lake: Lake, source: str) -> str:
    # Nothing was trained: no model is asked for, and all that is read of the bars is counted.
    return repr(score(lake, Registry(), HOURLY, source, start=START, end=END).counts)


STEPS: dict[str, tuple[Callable[[Lake, str], object], tuple[str, ...]]] = {
    "training": (trained_on, TABLES[1:]),
    "backtest": (backtested_on, TABLES),
    "scoring": (scored, TABLES),
    "features": (lambda lake, source: refresh_features(lake, HOURLY, source).read, TABLES[:1]),
    "outcomes": (lambda lake, source: refresh_outcomes(lake, Registry(), HOURLY, source), TABLES),
}


@cache
def outcome_of(lake: Lake, source: str, step: str) -> object:
    """Return what a step gives once it has nothing new to do; each example ends with the same."""
    run, _ = STEPS[step]
    run(lake, source)
    return run(lake, source)


@pytest.mark.parametrize("step", STEPS)
@hypothesis_settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_is_refused_and_nothing_is_written(
    full: tuple[Lake, str], step: str, data: st.DataObject
) -> None:
    lake, source = full
    run, tables = STEPS[step]
    before, snapshot = outcome_of(lake, source, step), lake.snapshot
    paths = sorted(path for table in tables for path in lake.store.listing(table))
    path = data.draw(st.sampled_from(paths))
    file = Path(lake.config.lake_data) / path
    content = file.read_bytes()
    flipped = bytearray(content)
    flipped[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(flipped)
    try:
        with pytest.raises(LakeError, match=f"{path} is damaged"):
            run(lake, source)
        assert lake.snapshot == snapshot
    finally:
        file.write_bytes(content)
    assert run(lake, source) == before
