"""A repository of Feast from the declarations: what it says, and what it refuses."""

from __future__ import annotations

import ast
import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.core.calendar import utc
from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.lake import Lake
from pipelines.steps.data.feature_store import (
    DATA,
    DEFINITIONS,
    LATELY,
    STORE,
    WrittenView,
    materialize,
    write_repository,
)
from tests.steps.scored_market import HOURLY

SOURCE, CLOSE = "sample", utc("2026-08-31T20:00+00:00")


def write_features(lake: Lake, count: int = 3) -> pa.Table:
    rows = [
        {
            "source": source, "symbol": "NVDA", "ts": CLOSE - timedelta(hours=n + 1),
            "closes_at": CLOSE - timedelta(hours=n), "session": CLOSE.date(), "place": n,
            **{name: float(n) for name in HOURLY.feature_names[1:]},
        }
        for n in range(count)
        for source in (SOURCE, "yahoo")
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows)
    with lake.write("features") as writer:
        writer.append(HOURLY.table.full_name, table)
    return table


def test_a_row_is_of_the_time_it_was_known_and_a_feature_keeps_its_name(
    lake: Lake, tmp_path: Path
) -> None:
    write_features(lake)
    (view,) = write_repository(lake, [HOURLY], SOURCE, tmp_path / "store")
    assert view == WrittenView(HOURLY.name, 3, CLOSE)
    rows = pq.read_table(tmp_path / "store" / DATA / f"{HOURLY.name}.parquet")
    assert rows.column_names == ["symbol", "known_at", "ts", *HOURLY.feature_names]
    assert rows["known_at"].to_pylist() == [CLOSE - timedelta(hours=n) for n in (2, 1, 0)]
    assert rows[HOURLY.feature_names[0]].null_count == 3
    assert set(rows.schema.types[3:]) == {pa.float32()}


def test_the_definitions_are_python_that_names_every_feature(lake: Lake, tmp_path: Path) -> None:
    write_features(lake)
    folder = tmp_path / "store"
    write_repository(lake, [HOURLY], SOURCE, folder)
    text = (folder / DEFINITIONS).read_text()
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    fields = [call.keywords[0].value for call in calls if call.func.id == "Field"]  # type: ignore[attr-defined]
    assert [name.value for name in fields] == list(HOURLY.feature_names)  # type: ignore[attr-defined]
    (file,) = [call for call in calls if call.func.id == "FileSource"]  # type: ignore[attr-defined]
    options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in file.keywords}
    assert options["timestamp_field"] == "known_at"
    assert Path(options["path"]) == folder / DATA / f"{HOURLY.name}.parquet"
    assert HOURLY.table_fingerprint in text


@pytest.mark.parametrize(
    ("redis", "online"),
    [
        (None, {"type": "sqlite", "path": "data/online.db"}),
        ("r:6379,password=${PASSWORD}",
         {"type": "redis", "connection_string": "r:6379,password=${PASSWORD}"}),
    ],
    ids=["sqlite", "redis"],
)  # fmt: skip
def test_the_online_store_is_sqlite_or_redis(
    lake: Lake, tmp_path: Path, redis: str | None, online: dict[str, str]
) -> None:
    write_features(lake)
    write_repository(lake, [HOURLY], SOURCE, tmp_path / "store", redis=redis)
    assert yaml.safe_load((tmp_path / "store" / STORE).read_text())["online_store"] == online


def test_a_folder_of_others_and_a_lake_without_features_are_refused(
    lake: Lake, tmp_path: Path
) -> None:
    with pytest.raises(BullionError, match="no forecast has features from sample yet"):
        write_repository(lake, [HOURLY], SOURCE, tmp_path / "empty")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InvalidRequest, match="not empty"):
        write_repository(lake, [HOURLY], SOURCE, tmp_path)
    assert [path.name for path in tmp_path.glob("notes*")] == ["notes.txt"]


def test_feast_is_asked_for_the_newest_days_and_its_failure_is_reported(tmp_path: Path) -> None:
    program, calls = tmp_path / "feast", tmp_path / "calls"
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n[ "$3" != materialize ] || exit $FAILS\n')
    program.chmod(0o755)
    views = [WrittenView("hourly", 3, CLOSE), WrittenView("daily", 3, CLOSE - timedelta(days=2))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAILS", "0")
        materialize(tmp_path, views, program)
        begin = CLOSE - timedelta(days=2) - LATELY
        assert calls.read_text().splitlines() == [
            f"--chdir {tmp_path} apply",
            f"--chdir {tmp_path} materialize {begin:%Y-%m-%dT%H:%M:%S} 2026-08-31T20:00:01",
        ]
        patch.setenv("FAILS", "3")
        with pytest.raises(BullionError, match="feast materialize failed"):
            materialize(tmp_path, views, program)


def test_a_description_with_quotes_stays_python(lake: Lake, tmp_path: Path) -> None:
    write_features(lake)
    write_repository(lake, [HOURLY], SOURCE, tmp_path / "store")
    tree = ast.parse((tmp_path / "store" / DEFINITIONS).read_text())
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert {feature.meaning for feature in HOURLY.features} <= words
    assert json.loads(json.dumps(HOURLY.meaning.strip())) in words
