"""The commands on the lake as their user meets them."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines.contracts.tables import LAYOUT
from pipelines.lake import Lake
from pipelines.steps.lake import open_lake
from tests.commands import Bullion, run_here
from tests.dated_universe import write_universe
from tests.lake_rows import list_symbols, replace_series

RANGE = ["--interval", "1h", "--start", "2026-09-01", "--end", "2026-09-09"]


@pytest.fixture
def bullion(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bullion:
    return run_here(monkeypatch, capsys)


@pytest.mark.parametrize("name", ["silver.series", '"Silver"."SERIES"', "lake.silver.series"])
@pytest.mark.parametrize("place", [0, 200, -9])
def test_sql_on_a_damaged_file_names_it_and_no_columns(
    lake: Lake, bullion: Bullion, name: str, place: int
) -> None:
    replace_series(lake, list_symbols())
    path = lake.store.listing("silver/series").pop()
    file = Path(lake.config.lake_data) / path
    body = bytearray(file.read_bytes())
    body[place] ^= 1
    file.write_bytes(body)
    code, out, err = bullion("sql", f"SELECT count(*), max(symbol) FROM {name}")
    assert (code, out) == (1, "")
    assert f"{path} is damaged" in err
    assert "bullion verify" in err
    assert "columns" not in err


def test_an_error_of_a_running_query_has_no_hint_about_columns(
    lake: Lake, bullion: Bullion
) -> None:
    code, _, err = bullion("sql", "SELECT 'x'::INTEGER")
    assert code != 0
    assert "columns" not in err
    assert "check the query" in err


def test_ingest_counts_the_rows_it_accepted_and_rejected(bullion: Bullion) -> None:
    code, out, _ = bullion("ingest", "--source", "sample", "--universe", "qqq", *RANGE)
    assert code == 0
    assert "350 received, 350 accepted, 0 unchanged" in out
    assert "sample fund QQQ 1h: 35 received, 35 accepted, 0 unchanged" in out
    code, out, _ = bullion("ingest", "--source", "sample", "--symbols", "AAPL, MSFT", *RANGE)
    assert "70 received, 0 accepted, 70 unchanged" in out
    code, out, _ = bullion("sql", "--csv", "SELECT count(*) AS n FROM silver.bars")
    assert out.split() == ["n", "385"]
    code, out, _ = bullion("status")
    assert "sample" in out
    assert "385" in out
    code, out, _ = bullion("compact")
    assert "flushed" in out
    assert bullion("verify")[0] == 0


@pytest.mark.parametrize(
    "command",
    ["sql 'SELECT 1'", "status", "compact", "docs", "verify", "export x", "train nasdaq100_hourly"],
)
def test_only_ingest_makes_a_lake(bullion: Bullion, tmp_path: Path, command: str) -> None:
    code, out, err = bullion(*shlex.split(command))
    assert (code, out) == (1, "")
    assert f"there is no lake at {tmp_path}" in err
    assert "bullion ingest" in err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_no_lake_stays_as_it_is(bullion: Bullion, tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    empty = tmp_path / "lake" / "catalog.sqlite"
    empty.touch()
    code, _, err = bullion("status")
    assert code == 1
    assert "there is no lake" in err
    assert empty.stat().st_size == 0


def test_status_brings_an_older_layout_up_to_date(bullion: Bullion) -> None:
    with open_lake() as lake, lake.write() as writer:
        writer.touch("meta.layouts")
        writer.run("INSERT INTO meta.layouts VALUES (?, 'older', now())", [LAYOUT])
    code, _, err = bullion("verify")
    assert code == 1
    assert "`bullion status` brings them up to date" in err
    assert bullion("status")[0] == 0
    assert bullion("verify")[0] == 0


def test_wrong_sql_is_reported_without_a_traceback(bullion: Bullion) -> None:
    open_lake().close()
    code, _, err = bullion("sql", "SELECT * FROM silver.barz")
    assert code == 2
    assert "barz" in err
    assert "Traceback" not in err


def test_weights_arrive_once_and_say_where_they_came_from(bullion: Bullion) -> None:
    assert bullion("weights", "--universe", "qqq", "--as-of", "2026-09-15")[0] == 0
    _, out, _ = bullion("weights", "--universe", "qqq", "--as-of", "2026-09-15")
    assert "0 accepted" in out
    with open_lake(read_only=True) as lake:
        newest = lake.rows(
            """SELECT sum(weight), max(effective)::VARCHAR, any_value(origin), bool_or(partial)
               FROM silver.weights WHERE effective = (SELECT max(effective) FROM silver.weights)"""
        )
    assert [(round(w, 9), *rest) for w, *rest in newest] == [(1.0, "2026-09-01", "sample", False)]


def test_export_can_be_read_without_the_lake(bullion: Bullion, tmp_path: Path) -> None:
    bullion("ingest", "--symbols", "AAPL", *RANGE)
    code, out, _ = bullion("export", str(tmp_path / "plain"), "--schema", "silver")
    assert code == 0
    assert "silver.bars: 35 rows" in out
    with duckdb.connect(str(tmp_path / "plain" / "silver.duckdb"), read_only=True) as single:
        assert single.execute("SELECT count(*) FROM bars").fetchone() == (35,)
    parquet = tmp_path / "plain" / "silver" / "bars.parquet"
    assert duckdb.execute(f"SELECT count(*) FROM '{parquet}'").fetchone() == (35,)
    code, _, err = bullion("export", str(tmp_path / "plain"))
    assert code == 2
    assert "not empty" in err


@pytest.mark.parametrize(
    "words",
    [
        ["docs"],
        ["export", "FOLDER", "--schema", "silver"],
        ["sql", "FROM silver.series"],
        ["compact"],
    ],
)
def test_a_file_of_the_lake_that_is_missing_is_named(
    bullion: Bullion, lake: Lake, tmp_path: Path, words: list[str]
) -> None:
    replace_series(lake, list_symbols())
    [file] = lake.store.listing("silver/series")
    (Path(lake.store.root) / file).unlink()
    code, _, err = bullion(*(word.replace("FOLDER", str(tmp_path / "out")) for word in words))
    assert code == 1
    assert "is missing" in err
    assert file in err
    assert "bullion verify" in err


def test_the_duckdb_prompt_has_the_lake_attached_read_only(
    bullion: Bullion, tmp_path: Path
) -> None:
    bullion("ingest", "--symbols", "AAPL", *RANGE)
    _, statements, _ = bullion("sql-init")
    init = tmp_path / "init.sql"
    init.write_text(statements)
    shell = Path(sys.executable).with_name("duckdb")

    def ask(query: str) -> subprocess.CompletedProcess[str]:
        command = [shell, "-init", init, "-csv", "-noheader", "-c", query]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert ask("SELECT count(*) FROM silver.bars").stdout.split() == ["35"]
    assert "read-only" in ask("DELETE FROM silver.bars").stderr


def test_a_query_may_begin_with_a_comment_or_be_piped_in(
    bullion: Bullion, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "-- how many are there?\nSELECT 7 AS n"
    assert bullion("sql", "--csv", query)[:2] == (0, "n\n7\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(query))
    assert bullion("sql", "-", "--csv")[:2] == (0, "n\n7\n")
    code, _, err = bullion("sql", "--cvs", "SELECT 1")
    assert code == 2
    assert "cvs" in err or "SELECT 1" in err


def test_verify_names_the_damaged_file_and_fails(lake: Lake, bullion: Bullion) -> None:
    replace_series(lake, list_symbols())
    code, out, _ = bullion("verify")
    assert code == 0
    assert "0 problems" in out
    [path] = lake.store.listing("silver/series")
    file = Path(lake.config.lake_data) / path
    file.write_bytes(file.read_bytes()[:-1])
    code, _, err = bullion("verify")
    assert code == 1
    assert path in err


def test_members_that_a_source_does_not_have_are_named(
    bullion: Bullion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["AAPL,,,", "NOWHERE,,,", "MSFT,,2026-09-04,", "NVDA,,,2026-08-01"]
    write_universe(tmp_path / "mine", monkeypatch, "mine", *lines)
    code, out, _ = bullion("ingest", "--source", "sample", "--universe", "mine", *RANGE)
    assert code == 0
    assert "70 received, 70 accepted" in out, "of the two that the source has, and NVDA had left"
    assert "2 of 3 members had bars; without bars: NOWHERE" in out
    with open_lake(read_only=True) as lake:
        [(message,)] = lake.rows("SELECT message FROM gold.runs WHERE step = 'ingest'")
    assert "2 of 3 members had bars; without bars: NOWHERE" in message
    write_universe(tmp_path / "other", monkeypatch, "mine", "NOWHERE,,,", "ELSEWHERE,,,")
    code, out, err = bullion("ingest", "--source", "sample", "--universe", "mine", *RANGE)
    assert (code, out) == (2, "")
    assert "sample has none of the 2 members of mine: NOWHERE, ELSEWHERE" in err
    code, out, err = bullion("weights", "--source", "sample", "--universe", "mines")
    assert (code, out) == (2, "")
    assert "unknown universe 'mines'" in err
    assert "did you mean mine?" in err
