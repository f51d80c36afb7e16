"""The bullion command as its user meets it: its errors and exit codes."""

from __future__ import annotations

import pytest

from pipelines.steps.lake import open_lake
from tests.commands import Bullion, run_here, run_process

RANGE = ["--interval", "1h", "--start", "2026-09-01", "--end", "2026-09-09"]


@pytest.fixture
def bullion(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bullion:
    return run_here(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
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
        (["train", "aapl_daily", "--target", "risks"], "unknown target of aapl_daily", "risk"),
        (["rollback", "aapl_daily"], "has the targets return, risk", "name one of them"),
        (["ingest", "--symbols", "A", "--universe", "qqq"], "exclude each other", "one of them"),
    ],
)
def test_a_wrong_request_is_named_with_what_to_do(
    bullion: Bullion, words: list[str], message: str, hint: str
) -> None:
    code, out, err = bullion(*words)
    assert code == 2
    assert out == ""
    assert message in err
    assert hint in err
    assert "Traceback" not in err


def test_a_terminal_that_knows_ascii_alone_still_gets_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_lake().close()
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    process = run_process("sql", "--csv", "SELECT 'é' AS a")
    assert (process.returncode, process.stdout, process.stderr) == (0, "a\n\\xe9\n", "")
