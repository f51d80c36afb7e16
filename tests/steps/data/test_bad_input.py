"""Bad input from a user or in a folder gives a message and an exit code, never a traceback."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from pipelines.core.errors import BullionError
from pipelines.sources.files import Files
from pipelines.sources.files.mapping import NAME
from pipelines.steps.lake import open_lake
from tests.commands import Bullion
from tests.sources.files.folder import create_inbox, read, request

DAY = ["--interval", "1h", "--start", "2026-09-01", "--end", "2026-09-02"]
HEAD = "ts,open,high,low,close,volume\n"
GOOD_FILE = (
    HEAD + "2026-09-01T13:30:00Z,100,101,99,100,10\n2026-09-01T14:30:00Z,100,101,99,101,10\n"
)
SERIES: dict[str, Any] = {
    "files": "*.*",
    "symbol": {"file": r"^(?P<symbol>\w+)\."},
    "interval": "1h",
}


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files with a good one in it."""
    inbox_folder = create_inbox(tmp_path, monkeypatch, series=[SERIES])
    (inbox_folder / "good.csv").write_text(GOOD_FILE)
    return inbox_folder


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["ingest", "--symbols", "[/red]", *DAY], "unknown symbol '[/red]'", "AAPL"),
        (["ingest", "--symbols", "[bold]x", *DAY], "unknown symbol '[bold]x'", "AAPL"),
        (["ingest", "--symbols", " ,", "--source", "files"], "no symbols were named", "AAPL"),
        (["ingest", "--universe", "", *DAY], "unknown universe ''", "qqq"),
        (["ingest", "--source", "", *DAY], "unknown source ''", "sample"),
        (["ingest", "--symbols", "AAPL", "--start", ""], "'' is not a time", "2026-09-01"),
        (
            ["ingest", "--symbols", "AAPL", "--start", "0001-01-01T00:00+14:00"],
            "0001-01-01T00:00+14:00 is no time",
            "1700",
        ),
        (["ingest", "--symbols", "AAPL", "--end", "0001-01-09"], "0001-01-09 is no", "1700"),
        (
            ["ingest", "--symbols", "AAPL", "--interval", "1mo", "--end", "9999-12-31"],
            "9999-12-31 is no time",
            "2250",
        ),
        (["weights", "--as-of", "9999-12-31T23:59-14:00"], "9999-12-31T23:59-14:00", "2250"),
        (["compact", "--keep-days", "nan"], "for nan days", "from 0"),
        (["compact", "--keep-days", "1e300"], "for 1e+300 days", "from 0"),
        (["export", ""], "the folder's name is empty", "current folder"),
        (["docs", ""], "the folder's name is empty", "current folder"),
        (["train", "nasdaq100_hourly", "--seed", "-1"], "--seed", "0"),
        (["sql", "--snapshot", "-1", "SELECT 1"], "--snapshot", "0"),
        (["sql", "--snapshot", "99999999999999999999", "SELECT 1"], "--snapshot", ""),
    ],
)
def test_an_impossible_argument_is_refused(
    bullion: Bullion, words: list[str], message: str, hint: str
) -> None:
    code, out, err = bullion(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert hint in err


QUERIES = {
    "": "the query is empty",
    "SELECT 'a'::INTEGER": "Could not convert",
    "SELECT error('[/red]')": "[/red]",
    "COMMIT": "cannot begin or end a transaction",
    "ROLLBACK; DROP TABLE silver.bars": "cannot begin or end a transaction",
    "DROP TABLE silver.bars": "read-only",
    "SELECT '\udcff'": "not UTF-8",
}


def test_a_query_that_fails_late_is_reported_as_one_that_fails_early(bullion: Bullion) -> None:
    open_lake().close()
    for n, (query, message) in enumerate(QUERIES.items()):
        code, _, err = bullion("sql", *["--csv"] * (n % 2), query)
        assert (query, code) == (query, 2)
        assert message in err


def test_a_file_where_a_folder_is_expected_is_refused(bullion: Bullion, tmp_path: Path) -> None:
    open_lake().close()
    (tmp_path / "file").write_text("mine")
    for command in ("export", "docs"):
        code, _, err = bullion(command, str(tmp_path / "file"))
        assert code
        assert str(tmp_path / "file") in err
    assert (tmp_path / "file").read_text() == "mine"


def _parquet(**columns: pa.Array) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


TIMES = pa.array([datetime(2026, 9, 1, 13, 30)], pa.timestamp("us"))
PRICES = {name: pa.array([100.0]) for name in ("open", "high", "low", "close")}
UNREADABLE = {
    "no_columns": _parquet(),
    "half_floats": _parquet(
        ts=TIMES.cast(pa.timestamp("us", "UTC")), extra=pa.array([np.float16(1)]), **PRICES
    ),
    "martian": _parquet(ts=TIMES.cast(pa.timestamp("us", "Mars/Base")), **PRICES),
    "no_zone": _parquet(ts=TIMES, **PRICES),
    "two_opens": GOOD_FILE.replace("open,", "open,open,").encode(),
}


def test_bad_files_are_named_and_the_good_ones_land(bullion: Bullion, inbox: Path) -> None:
    for name, body in UNREADABLE.items():
        (inbox / f"{name}.dat").write_bytes(body)
    code, out, err = bullion("ingest", "--source", "files")
    assert code == 1
    assert f"{len(UNREADABLE)} of the answers could not be used" in err
    assert all(f"{name}.dat" in err for name in UNREADABLE)
    assert "2 received, 2 accepted" in out


def test_a_cell_of_megabytes_rejects_its_line(bullion: Bullion, inbox: Path) -> None:
    (inbox / "long.csv").write_text(GOOD_FILE + f"2026-09-01T15:30:00Z,1,1,1,1,{'9' * 2_000_000}\n")
    _, out, _ = bullion("ingest", "--source", "files")
    assert "5 received, 4 accepted" in out
    assert "1 quarantined" in out


def test_times_without_seconds_may_end_in_z(bullion: Bullion, inbox: Path) -> None:
    (inbox / "good.csv").write_text(GOOD_FILE.replace(":00Z", "Z"))
    assert "2 accepted" in bullion("ingest", "--source", "files")[1]


def test_a_run_whose_rows_were_all_rejected_fails_and_says_why(
    bullion: Bullion, inbox: Path
) -> None:
    (inbox / "good.csv").write_text(GOOD_FILE.replace("Z,", "+09:00,"))
    code, _, err = bullion("ingest", "--source", "files")
    assert code == 1
    assert "all 2 rows received were rejected: 2 not_in_session" in err
    assert "all 0 rows pass" not in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": None}, "has no files"),
        ({"files": "/etc/*"}, "files of"),
        ({"files": ""}, "files of"),
        ({"files": "a**b"}, "files of"),
        ({"calendar": {"default": 5}}, "calendar of"),
        ({"csv": {"skip": -5}}, "skip of"),
        ({"columns": {"ts": []}}, "columns.ts of"),
        ({"symbol": {"file": 5}}, "symbol.file of"),
        ({"symbol": ""}, "symbol of"),
        ({"symbol": {"file": "(?P<symbol>x*)"}}, "does not fit symbol.file"),
        ({"splits": 5}, "splits of"),
        *[
            ({"splits": [{"symbol": "A", "date": "2026-06-15", "ratio": r}]}, "no ratio of shares")
            for r in (0, -1, 1e308, 1e-308, float("nan"), float("inf"))
        ],
    ],
)
def test_a_wrong_mapping_is_reported(inbox: Path, change: dict[str, Any], message: str) -> None:
    (inbox / NAME).write_text(yaml.safe_dump({"series": [{**SERIES, **change}]}))
    with pytest.raises(BullionError, match=message):
        read(Files(inbox), request())


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*SERIES, "csv", "ts", "file", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["files", "symbol", "interval", "columns", "timezone", "calendar", "csv", "splits", "grid"]


@example_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=2))
def test_no_mapping_brings_a_traceback(inbox: Path, change: dict[str, Any]) -> None:
    declaration = yaml.safe_dump({"series": [{**SERIES, **change}]}, allow_unicode=True)
    (inbox / NAME).write_text(declaration, encoding="utf-8", errors="replace")
    with suppress(BullionError):
        read(Files(inbox), request())
