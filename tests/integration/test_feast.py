"""Feast in its own environment: history as gold has it, and online what the API scores with."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.core.maps import read_rows
from pipelines.core.settings import ROOT
from pipelines.steps.data.feature_store import DATA, materialize, write_repository
from pipelines.steps.lake import open_lake
from tests.build_once import build_once
from tests.servers import redis
from tests.serving.daily import DAILY
from tests.serving.scored_api import SOURCE, api_at, build_folder
from tests.steps.scored_market import HOURLY, SYMBOLS

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(redis.missing()), reason=redis.missing()),
]
FEAST = ROOT / ".venv-feast" / "bin"
READER = Path(__file__).with_name("feast_reader.py")


@dataclass(frozen=True)
class Repository:
    """A lake, its rows in gold, and the repository of Feast that was written from it."""

    lake_folder: Path
    folder: Path
    rows: list[dict[str, Any]]

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask Feast in its environment."""
        (self.folder / "request.json").write_text(json.dumps(request))
        subprocess.run(
            [FEAST / "python", READER, self.folder, self.folder / "request.json",
             self.folder / "answer.json"],
            check=True,
        )  # fmt: skip
        return dict(json.loads((self.folder / "answer.json").read_text()))


@pytest.fixture(scope="module")
def lake_folder() -> Path:
    subprocess.run(["make", ".venv-feast/.ready"], cwd=ROOT, check=True)
    return build_once("scored", build_folder)


def build_repository(
    lake_folder: Path, folder: Path, address: str | None, online: bool = True
) -> Repository:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{lake_folder}/catalog.sqlite")
        patch.setenv("BULLION_LAKE_DATA", f"{lake_folder}/files")
        with open_lake(read_only=True) as lake:
            views = write_repository(lake, [HOURLY, DAILY], SOURCE, folder, redis=address)
            if online:
                materialize(folder, views, FEAST / "feast")
            rows = read_rows(
                lake.sql(
                    f"FROM {HOURLY.table.full_name} WHERE source = ? ORDER BY ts, symbol", [SOURCE]
                )
            )
    return Repository(lake_folder, folder, rows)


@pytest.fixture(scope="module")
def on_sqlite(lake_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return build_repository(lake_folder, tmp_path_factory.mktemp("feast"), None)


@pytest.fixture(scope="module")
def on_redis(lake_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    with redis.redis() as address:
        yield build_repository(lake_folder, tmp_path_factory.mktemp("feast"), address)


def same(value: float | None, other: float | None) -> bool:
    """Whether two values are equal to the bit; a missing one is null here and NaN there."""
    missing = [v is None or math.isnan(v) for v in (value, other)]
    return all(missing) or (not any(missing) and value == other)


def test_history_equals_gold_row_by_row_and_knows_no_bar_before_its_close(
    on_sqlite: Repository,
) -> None:
    rows, instant = on_sqlite.rows, timedelta(seconds=1)
    assert len(rows) > 400
    entities = [
        {"symbol": row["symbol"], "event_timestamp": (row["closes_at"] - early).isoformat()}
        for row in rows
        for early in (timedelta(0), instant)
    ]
    on_sqlite.ask({"history": {HOURLY.name: entities}, "online": {}})
    history = {
        (row["symbol"], row["event_timestamp"]): row
        for row in pq.read_table(on_sqlite.folder / "answer.parquet").to_pylist()
    }
    # Feast leaves out who asks before the first row of a symbol.
    assert len(history) == len(entities) - len(SYMBOLS)
    before: dict[str, dict[str, Any]] = {}
    for row in rows:
        at, just_before = row["closes_at"], row["closes_at"] - instant
        earlier = before.get(row["symbol"], {})
        for name in HOURLY.feature_names:
            stored_value = history[row["symbol"], at.isoformat()][name]
            assert same(stored_value, row[name]), (row["symbol"], at, name)
            stored_value = history.get((row["symbol"], just_before.isoformat()), {}).get(name)
            assert same(stored_value, earlier.get(name)), (row["symbol"], just_before, name)
        before[row["symbol"]] = row


@pytest.mark.parametrize("store", ["on_sqlite", "on_redis"])
def test_online_features_are_those_that_the_api_scores_with(
    store: str, request: pytest.FixtureRequest
) -> None:
    repository: Repository = request.getfixturevalue(store)
    symbols = {HOURLY.name: list(SYMBOLS), DAILY.name: list(DAILY.symbols)}
    answers = repository.ask({"online": symbols})
    with api_at(repository.lake_folder) as api:
        for forecast in (HOURLY, DAILY):
            online = answers[forecast.name]
            assert online["symbol"] == symbols[forecast.name]
            for place, symbol in enumerate(online["symbol"]):
                path = f"/forecasts/{forecast.name}/features?symbol={symbol}"
                vector = api.get(path).json()["features"]
                assert list(vector) == list(forecast.feature_names)
                for name, value in vector.items():
                    assert same(online[name][place], value), (symbol, name)


def test_a_second_writing_of_the_same_snapshot_is_the_same_file(on_sqlite: Repository) -> None:
    file = on_sqlite.folder / DATA / f"{HOURLY.name}.parquet"
    before = file.read_bytes()
    build_repository(on_sqlite.lake_folder, on_sqlite.folder, None, online=False)
    assert file.read_bytes() == before
