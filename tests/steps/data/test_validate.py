"""Each row that a training reads keeps the contract of its table, or the training stops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.core.errors import CheckFailed
from pipelines.lake import Lake
from pipelines.steps.data.features import refresh_features
from pipelines.steps.data.validate import validate
from tests.empty_lake import lake_of_a_module
from tests.steps.scored_market import HOURLY, SYMBOLS, build_market, write_bars

FORECAST = HOURLY
FEATURES = HOURLY.table.full_name


@pytest.fixture(scope="module")
def shared_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake


def fill(lake: Lake, source: str) -> None:
    """Write bars to silver and, as they are, to bronze; compute the features."""
    write_bars(lake, source, build_market())
    with lake.write("bronze") as writer:
        writer.touch("bronze.bars")
        writer.run(
            f"""INSERT INTO bronze.bars BY NAME
                SELECT source, symbol, "interval", ts, open, high, low, close, volume, received_at,
                       row_number() OVER () AS "row", {writer.batch} AS batch
                FROM silver.bars WHERE source = ?""",
            [source],
        )
    refresh_features(lake, FORECAST, source)


def test_rows_that_keep_their_contract_pass(shared_lake: Lake) -> None:
    fill(shared_lake, "sample")
    for layer, table in (("bronze", "bronze.bars"), ("gold", FEATURES)):
        verdicts = validate(shared_lake, FORECAST, "sample", layer)  # type: ignore[arg-type]
        assert {v.table_name for v in verdicts} == {table}
        assert all(v.passed for v in verdicts)
        assert verdicts[0].rows_checked > len(SYMBOLS)
        recorded = shared_lake.rows(
            "SELECT count(*) FROM gold.checks WHERE table_name = ? AND passed", [table]
        )
        assert recorded == [(len(verdicts),)]


def test_a_row_that_breaks_it_stops_the_training(shared_lake: Lake) -> None:
    fill(shared_lake, "yahoo")
    validate(shared_lake, FORECAST, "yahoo", "gold")
    with shared_lake.write("damage") as writer:
        writer.touch(FEATURES)
        writer.run(
            f"INSERT INTO {FEATURES} SELECT * FROM {FEATURES} WHERE source = 'yahoo' LIMIT 1"
        )
    with pytest.raises(CheckFailed, match="nothing was trained") as caught:
        validate(shared_lake, FORECAST, "yahoo", "gold")
    assert "unique_key" in caught.value.message
    assert shared_lake.rows(
        "SELECT count(*) > 0 FROM gold.checks WHERE table_name = ? AND NOT passed", [FEATURES]
    ) == [(True,)]


def test_what_a_source_said_warns_alone(shared_lake: Lake) -> None:
    fill(shared_lake, "files")
    with shared_lake.write("damage") as writer:
        writer.touch("bronze.bars")
        writer.run("UPDATE bronze.bars SET close = 'NaN'::DOUBLE WHERE source = 'files'")
    broken = [v for v in validate(shared_lake, FORECAST, "files", "bronze") if not v.passed]
    assert [(v.check, v.kind) for v in broken] == [("close_not_a_number", "warning")]


def test_a_table_without_rows_is_passed_over(shared_lake: Lake) -> None:
    for layer in ("bronze", "gold"):
        assert validate(shared_lake, FORECAST, "sample_noise", layer) == []  # type: ignore[arg-type]
