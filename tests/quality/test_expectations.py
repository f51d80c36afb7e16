"""Great Expectations holds the contracts as the SQL does, and its pages can be read offline."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from pipelines.contracts.silver import SILVER_BARS, SILVER_WEIGHTS
from pipelines.contracts.tables import Table
from pipelines.forecasts.tables import ALL_TABLES
from pipelines.quality import expectations
from pipelines.quality.checks import Verdict, contract_checks
from tests.quality.rows import START, bar, rows, weight

NAN, INF = float("nan"), float("inf")
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


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as memory:
        memory.execute("SET TimeZone = 'UTC'")
        yield memory


def both(
    connection: duckdb.DuckDBPyConnection, declared: Table, values: list[dict[str, object]]
) -> tuple[dict[str, Verdict], dict[str, Verdict]]:
    connection.register("bars", rows(declared, values))
    by_sql = contract_checks(connection, declared, "bars")
    by_gx = expectations.validate_relation(connection, declared, "bars")
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
    values = [bar(n, **changes) for n, (changes, _) in enumerate(BAD_BARS)]
    by_sql, by_gx = both(connection, SILVER_BARS, [*values, bar(90), bar(90)])
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
    verdicts = expectations.validate_relation(connection, SILVER_BARS, relation)
    failed = {v.check: v.detail for v in verdicts if not v.passed}
    assert set(failed) == {"columns", "types", "batch_too_small"}
    assert "batch is of type BIGINT" in failed["types"]
    assert "must either be None or of the same type" in failed["batch_too_small"]
