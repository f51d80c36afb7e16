"""Great Expectations holds the contracts as the SQL does, and its pages can be read offline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pipelines.contracts.silver import QUARANTINE, SILVER_BARS, SILVER_WEIGHTS
from pipelines.contracts.tables import Table
from pipelines.core.errors import CheckFailed, InvalidRequest
from pipelines.core.settings import Settings
from pipelines.forecasts.tables import ALL_TABLES
from pipelines.lake import Lake
from pipelines.quality import data_docs, expectations
from pipelines.quality.checks import Verdict, contract_checks
from pipelines.steps.lake import open_lake

START = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
NAN, INF = float("nan"), float("inf")
TYPES = {
    "VARCHAR": pa.string(),
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
}
# What breaks a bar, and the checks it breaks.
BAD_BARS: list[tuple[dict[str, object], set[str]]] = [
    ({"symbol": None}, {"symbol_missing"}),
    ({"open": None}, {"open_not_a_number"}),
    ({"open": NAN, "high": NAN}, {"open_not_a_number", "high_not_a_number"}),
    ({"low": -INF}, {"low_not_a_number", "low_not_positive"}),
    ({"bid": NAN}, {"bid_not_a_number"}),
    ({"volume": INF}, {"volume_not_a_number"}),
    ({"volume": NAN}, {"volume_not_a_number"}),
    ({"volume": -1.0}, {"volume_negative"}),
    ({"volume": None, "bid": None, "ask": None}, set()),
    ({"close": 0.0}, {"close_not_positive"}),
    ({"low": -3.0}, {"low_not_positive"}),
    ({"high": 1.0}, {"high_low"}),
    ({"bid": 101.0, "ask": 100.0}, {"crossed_quote"}),
    ({"bid": 101.0, "ask": None}, set()),
    ({"closes_at": START}, {"closes_after"}),
    ({"interval": "90m"}, {"interval_unknown_value"}),
    ({"interval": None}, {"interval_missing"}),
    ({"batch": 0}, {"batch_too_small"}),
    ({"batch": None}, {"batch_missing"}),
]


def bar(number: int, **changes: object) -> dict[str, object]:
    ts = START + timedelta(hours=number)
    good = {
        "source": "sample",
        "symbol": "AAPL",
        "interval": "1h",
        "ts": ts,
        "closes_at": ts + timedelta(hours=1),
        "session": START.date(),
        "open": 100.0,
        "high": 101.0,
        "low": 99.0,
        "close": 100.5,
        "volume": 1000.0,
        "bid": 100.0,
        "ask": 100.1,
        "split_factor": 1.0,
        "received_at": START,
        "batch": 2**53 + number,
    }
    return good | changes


def weight(number: int, **changes: object) -> dict[str, object]:
    good = {
        "source": "sample",
        "index": "QQQ",
        "symbol": f"S{number}",
        "name": None,
        "weight": 0.25,
        "effective": START.date(),
        "known_at": START,
        "partial": False,
        "received_at": START,
        "batch": 1,
    }
    return good | changes


def rows(declared: Table, made: list[dict[str, object]]) -> pa.Table:
    schema = pa.schema([(c.name, TYPES[c.type]) for c in declared.columns])
    return pa.Table.from_pylist(made, schema=schema)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute("SET TimeZone = 'UTC'")
        yield made


def both(
    connection: duckdb.DuckDBPyConnection, declared: Table, made: list[dict[str, object]]
) -> tuple[dict[str, Verdict], dict[str, Verdict]]:
    connection.register("made", rows(declared, made))
    by_sql = contract_checks(connection, declared, "made")
    by_gx = expectations.validate_relation(connection, declared, "made")
    return {v.check: v for v in by_sql}, {v.check: v for v in by_gx}


def agree(by_sql: dict[str, Verdict], by_gx: dict[str, Verdict]) -> None:
    assert set(by_gx) - set(by_sql) == {"columns", "types"}
    for check, verdict in by_sql.items():
        assert (check, by_gx[check].passed) == (check, verdict.passed)
        if check != "unique_key":  # one counts the keys, the other the rows that share them
            assert (check, by_gx[check].offenders) == (check, verdict.offenders)
        assert by_gx[check].rows_checked == verdict.rows_checked


def test_every_contract_has_the_same_checks_in_both() -> None:
    for declared in ALL_TABLES:
        with duckdb.connect() as empty:
            columns = ", ".join(f'"{c.name}" {c.type}' for c in declared.columns)
            empty.execute(f"CREATE TABLE made ({columns})")
            by_sql = [v.check for v in contract_checks(empty, declared, "made")]
        suite = expectations.suite_for(declared)
        by_gx = dict.fromkeys(e.meta["check"] for e in suite.expectations)
        assert [c for c in by_gx if c not in ("columns", "types")] == by_sql
        assert all(e.description for e in suite.expectations)


def test_every_kind_of_bad_bar_is_judged_alike(connection: duckdb.DuckDBPyConnection) -> None:
    made = [bar(n, **changes) for n, (changes, _) in enumerate(BAD_BARS)]
    by_sql, by_gx = both(connection, SILVER_BARS, [*made, bar(90), bar(90)])
    agree(by_sql, by_gx)
    broken = {v.check for v in by_gx.values() if not v.passed}
    assert broken == {"unique_key"}.union(*(checks for _, checks in BAD_BARS))
    assert '"ask": 100.0' in by_gx["crossed_quote"].examples


def test_good_bars_pass_both(connection: duckdb.DuckDBPyConnection) -> None:
    # Only the last digit of the batch tells these apart: integers must stay exact.
    by_sql, by_gx = both(connection, SILVER_BARS, [bar(n) for n in range(9)] + [bar(9, bid=None)])
    agree(by_sql, by_gx)
    assert all(v.passed for v in by_gx.values())


def test_no_bars_pass_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    by_sql, by_gx = both(connection, SILVER_BARS, [])
    agree(by_sql, by_gx)
    assert not any(v.passed for v in by_gx.values())


@pytest.mark.parametrize("value", [None, NAN, INF, -INF, 0.0, 1.0, 1.5])
def test_each_value_of_a_bounded_number_is_judged_alike(
    connection: duckdb.DuckDBPyConnection, value: float | None
) -> None:
    agree(*both(connection, SILVER_WEIGHTS, [weight(1), weight(2, weight=value)]))


def test_what_cannot_be_judged_fails_and_says_why(connection: duckdb.DuckDBPyConnection) -> None:
    connection.register("made", rows(SILVER_BARS, [bar(1)]))
    relation = "(SELECT * REPLACE (batch::VARCHAR AS batch), 1 AS extra FROM made)"
    found = expectations.validate_relation(connection, SILVER_BARS, relation)
    failed = {v.check: v.detail for v in found if not v.passed}
    assert set(failed) == {"columns", "types", "batch_too_small"}
    assert "batch is of type BIGINT" in failed["types"]
    assert "must either be None or of the same type" in failed["batch_too_small"]


def lake_with(folder: Path, **tables: pa.Table) -> Lake:
    lake = open_lake(
        Settings(
            lake_catalog=f"sqlite:{folder / 'lake' / 'catalog.sqlite'}",
            lake_data=str(folder / "lake" / "files"),
        )
    )
    with lake.write() as writer:
        for name, made in tables.items():
            writer.append(f"silver.{name}", made.drop_columns(["batch"]))
    return lake


def test_pages_name_what_failed_and_load_nothing(tmp_path: Path) -> None:
    reason = "<img src=x onerror=alert(1)>"
    rejected = {
        "source": "sample",
        "interval": "90m<script>alert(2)</script>",
        "reason": reason,
        "detail": "$x ${y}",
        "original": "{}",
        "row": 1,
        "received_at": START,
    }
    bars = rows(SILVER_BARS, [bar(n, high=99.5 if n == 3 else 101.0) for n in range(5)])
    with lake_with(tmp_path, bars=bars, quarantine=rows(QUARANTINE, [rejected])) as lake:
        with pytest.raises(CheckFailed, match=r"silver\.bars high_low: 1 of 5 rows"):
            data_docs.build_docs(lake)
        folder = tmp_path / "lake" / "docs"
        recorded = lake.rows(
            "SELECT table_name, \"check\" FROM gold.checks WHERE NOT passed AND kind = 'blocking'"
        )
        empty = lake.rows(
            "SELECT table_name FROM gold.checks WHERE \"check\" = 'not_empty_gx' AND NOT passed"
        )
    assert sorted(recorded) == [
        ("silver.bars", "high_low_gx"),
        ("silver.quarantine", "interval_unknown_value_gx"),
    ]
    assert ("silver.gaps",) in empty
    pages = {p: p.read_text("utf-8") for p in folder.rglob("*.html")}
    index = pages[folder / "index.html"]
    assert "silver.bars" in index
    assert "high_low" in index
    details = [p for p in pages if "validations/silver/bars" in p.as_posix()]
    assert len(details) == 1
    assert "highest price [currency of the symbol]" in pages[details[0]]
    assert "high and low bound open and close" in pages[details[0]]
    for path, text in pages.items():
        assert not re.search(r"<(script|link|img|iframe)\b|@import|\burl\(", text, re.IGNORECASE)
        assert "Content-Security-Policy" in text
        assert "silver.quarantine" not in path.name or "90m&lt;script&gt;" in text
        for target in re.findall(r'href="([^"#]+)', text):
            assert (path.parent / target).exists(), f"{path}: {target}"


def test_a_second_run_replaces_the_pages_and_nothing_else(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("keep me")
    with lake_with(tmp_path, bars=rows(SILVER_BARS, [bar(1), bar(2)])) as lake:
        with pytest.raises(InvalidRequest):
            data_docs.build_docs(lake, mine)
        one = data_docs.build_docs(lake, tmp_path / "docs", tables=(SILVER_BARS,))
        first = set(one.parent.rglob("*.html"))
        two = data_docs.build_docs(lake, tmp_path / "docs", tables=(SILVER_BARS,), newest=1)
        checked = lake.rows("SELECT DISTINCT rows_checked FROM gold.checks ORDER BY 1")
    assert (mine / "notes.txt").read_text() == "keep me"
    assert one == two
    assert len(set(two.parent.rglob("*.html"))) == len(first)
    assert checked == [(1,), (2,)]
    assert [p.name for p in tmp_path.glob(".docs-*")] == []


def test_a_lake_without_bars_fails(tmp_path: Path) -> None:
    with lake_with(tmp_path) as lake, pytest.raises(CheckFailed, match="no rows at all"):
        data_docs.build_docs(lake, tables=(SILVER_BARS, SILVER_WEIGHTS))
