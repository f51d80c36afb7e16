"""Index weights: each version is kept, silver has the newest, a broken one is rejected."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.lake import Lake
from pipelines.landing.weights import land_weights
from pipelines.sources.base import WEIGHTS, Answer
from pipelines.steps.lake import open_lake
from tests.commands import Bullion
from tests.sources.files.folder import create_inbox
from tests.steps.data.ingest_helpers import fresh_name


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for files of weights, with the mapping that says so."""
    return create_inbox(
        tmp_path, monkeypatch, weights=[{"files": "*.csv", "universe": "nasdaq100"}]
    )


def land_versions(lake: Lake, source: str, *versions: float) -> dict[str, int]:
    """Land answers that came an hour apart, each with a weight of one member."""
    pieces = []
    for hour, weight in enumerate(versions):
        received_at = datetime(2026, 9, 1, 12 + hour, tzinfo=UTC)
        row = {"symbol": "A", "weight": weight, "effective": date(2026, 9, 1)}
        row |= {"known_at": received_at, "partial": False}
        table = pa.Table.from_pylist([dict.fromkeys(WEIGHTS.names) | row], schema=WEIGHTS)
        pieces.append((Answer(source, "weights", {}, b"", "text/csv", received_at), table))
    with lake.write() as writer:
        return land_weights(writer, source, "QQQ", pieces).counts


def newest_weight(lake: Lake, source: str) -> list[tuple[object, ...]]:
    return lake.rows("SELECT weight FROM silver.weights WHERE source = ?", [source])


def test_silver_has_the_newest_version_and_bronze_each_of_them(lake: Lake) -> None:
    name = next(fresh_name)
    assert land_versions(lake, name, 0.5)["accepted"] == 1
    assert land_versions(lake, name, 0.5)["unchanged"] == 1
    counts = land_versions(lake, name, 0.4, 0.6)
    assert counts == {
        "received": 2, "accepted": 0, "unchanged": 1, "replaced": 1, "quarantined": 0,
    }  # fmt: skip
    assert newest_weight(lake, name) == [(0.6,)]
    versions = lake.rows(
        "SELECT weight FROM bronze.weights WHERE source = ? ORDER BY batch", [name]
    )
    assert versions == [(0.5,), (0.6,)]


@pytest.mark.parametrize("weight", [0.0, -0.1, 1.01, float("nan"), float("inf")])
def test_a_weight_that_is_no_fraction_leaves_the_good_one(lake: Lake, weight: float) -> None:
    name = next(fresh_name)
    land_versions(lake, name, 0.6)
    assert land_versions(lake, name, weight)["quarantined"] == 1
    assert newest_weight(lake, name) == [(0.6,)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("AAPL,0.5,9999-12-31", "line 2: date value out of range"),
        ("AAPL,0.5,2026-01-01\nAAPL,0.4,2026-01-01", "more than one weight of AAPL on 2026-01-01"),
        ("AAPL,-0.5,2026-01-01\nNVDA,0.4,2026-01-01", "line 2: AAPL weighs -0.5"),
        ("", "no line of holdings follows its header"),
    ],
)
def test_wrong_weights_are_reported(bullion: Bullion, inbox: Path, body: str, message: str) -> None:
    (inbox / "good.csv").write_text(f"symbol,weight,effective\n{body}\n")
    code, _, err = bullion("weights", "--source", "files")
    assert code == 1
    assert message in err


def test_a_broken_weight_is_kept_once(bullion: Bullion, inbox: Path) -> None:
    (inbox / "good.csv").write_text(
        "symbol,weight,effective\nAAPL,0,2026-01-01\nNVDA,1,2026-01-01\n"
    )
    for _ in range(2):
        bullion("weights", "--source", "files")
    with open_lake(read_only=True) as lake:
        assert lake.rows("SELECT symbol FROM silver.quarantine") == [("AAPL",)]
        assert lake.rows("SELECT symbol FROM silver.weights") == [("NVDA",)]


def test_weights_of_a_time_before_any_are_not_those_of_today(bullion: Bullion) -> None:
    assert bullion("weights", "--as-of", "2026-09-15")[0] == 0
    code, _, err = bullion("weights", "--as-of", "2014-01-01")
    assert code == 1
    assert "none are known" in err
