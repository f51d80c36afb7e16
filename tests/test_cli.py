"""The bullion command as its user meets it: what it prints, how it exits, how it complains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines import cli
from pipelines.lake import Lake

RANGE = ["--interval", "1h", "--start", "2026-09-01", "--end", "2026-09-09"]


@pytest.fixture
def bullion(
    lake_settings: object, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):  # type: ignore[no-untyped-def]
    """Run a command: its exit code, what it printed, what it complained of."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["bullion", *words])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_ingest_tells_what_became_of_the_rows(bullion) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = bullion("ingest", "--source", "sample", "--universe", "qqq", *RANGE)
    assert code == 0
    assert "350 received, 350 accepted, 0 unchanged" in out
    code, out, _ = bullion("ingest", "--source", "sample", "--symbols", "AAPL, MSFT", *RANGE)
    assert "70 received, 0 accepted, 70 unchanged" in out
    code, out, _ = bullion("sql", "--csv", "SELECT count(*) AS n FROM silver.bars")
    assert out.split() == ["n", "350"]
    code, out, _ = bullion("status")
    assert "sample" in out
    assert "350" in out
    code, out, _ = bullion("compact")
    assert "flushed" in out
    assert bullion("verify")[0] == 0


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["ingest", "--source", "sampel", "--symbols", "A"], "unknown source 'sampel'", "sample"),
        (["ingest", "--universe", "qqqq"], "unknown universe 'qqqq'", "qqq"),
        (["ingest", "--symbols", "AAPLE"], "unknown symbol 'AAPLE'", "AAPL"),
        (["ingest", "--symbols", "AAPL", "--interval", "2h"], "unknown interval '2h'", "1h"),
        (["ingest", "--symbols", "AAPL", "--start", "2026-09-01T10:00"], "no time zone", "+00:00"),
        (["ingest", "--symbols", "AAPL", "--start", "soon"], "is not a time", "2026-09-01"),
        (["ingest", "--symbols", "AAPL", "--start", "2126-01-01"], "before it starts", ""),
        (["ingest"], "no symbols were named", "--universe"),
        (["train", "nasdaq_hourly"], "unknown forecast 'nasdaq_hourly'", "nasdaq100_hourly"),
        (["ingest", "--symbols", "A", "--universe", "qqq"], "exclude each other", "one of them"),
    ],
)
def test_a_wrong_request_names_the_offender_and_the_way_out(  # type: ignore[no-untyped-def]
    bullion, words: list[str], said: str, hint: str
) -> None:
    code, out, err = bullion(*words)
    assert code == 2
    assert out == ""
    assert said in err
    assert hint in err
    assert "Traceback" not in err


def test_reading_a_lake_that_is_not_there_makes_none(bullion, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = bullion("sql", "SELECT 1")
    assert code == 1
    assert "there is no lake" in err
    assert "bullion ingest" in err


def test_wrong_sql_is_told_without_a_traceback(bullion) -> None:  # type: ignore[no-untyped-def]
    Lake().close()
    code, _, err = bullion("sql", "SELECT * FROM silver.barz")
    assert code == 2
    assert "barz" in err
    assert "Traceback" not in err


def test_weights_arrive_once_and_say_where_they_came_from(bullion) -> None:  # type: ignore[no-untyped-def]
    assert bullion("weights", "--universe", "qqq", "--as-of", "2026-09-15")[0] == 0
    _, out, _ = bullion("weights", "--universe", "qqq", "--as-of", "2026-09-15")
    assert "0 accepted" in out
    with Lake(read_only=True) as lake:
        newest = lake.rows(
            """SELECT sum(weight), max(effective)::VARCHAR, any_value(origin), bool_or(partial)
               FROM silver.weights WHERE effective = (SELECT max(effective) FROM silver.weights)"""
        )
    assert [(round(w, 9), *rest) for w, *rest in newest] == [(1.0, "2026-09-01", "sample", False)]


def test_export_can_be_read_without_the_lake(bullion, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
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


def test_the_duckdb_prompt_has_the_lake_attached_read_only(bullion, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
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
