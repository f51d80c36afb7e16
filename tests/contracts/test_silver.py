"""The rules of silver, as DuckDB applies them to rows."""

from __future__ import annotations

import duckdb
import pytest

from pipelines.contracts.silver import CLOSES_AFTER, GAPS, HIGH_LOW, QUARANTINE, QUOTE, SILVER_BARS


def holds(sql: str, **values: object) -> object:
    columns = ", ".join(f"${name} AS {name}" for name in values)
    row = duckdb.execute(f"SELECT coalesce({sql}, true) FROM (SELECT {columns})", values).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("prices", "valid"),
    [
        ((10.0, 11.0, 9.0, 10.5), True),
        ((10.0, 10.0, 10.0, 10.0), True),
        ((10.0, 10.5 * (1 - 1e-7), 9.0, 10.5), True),  # the last digits of a float
        ((10.0, 10.4, 9.0, 10.5), False),
        ((8.9, 11.0, 9.0, 10.5), False),
        ((10.0, 8.0, 9.0, 10.5), False),
    ],
)
def test_high_and_low_bound_open_and_close(prices: tuple[float, ...], valid: bool) -> None:
    names = ("open", "high", "low", "close")
    assert holds(HIGH_LOW.sql, **dict(zip(names, prices, strict=True))) is valid


def test_a_bid_is_not_above_its_ask_and_either_may_be_missing() -> None:
    assert holds(QUOTE.sql, bid=10.0, ask=10.0)
    assert holds(QUOTE.sql, bid=None, ask=10.0)
    assert not holds(QUOTE.sql, bid=10.1, ask=10.0)


def test_a_bar_closes_after_it_opens_and_a_gap_misses_no_more_than_there_is() -> None:
    assert holds(CLOSES_AFTER.sql, ts=1, closes_at=2)
    assert not holds(CLOSES_AFTER.sql, ts=1, closes_at=1)
    (rule,) = GAPS.rules
    assert holds(rule.sql, missing=7, expected=7)
    assert not holds(rule.sql, missing=8, expected=7)


def test_a_bar_has_one_row_and_a_rejected_row_may_come_again() -> None:
    assert set(SILVER_BARS.key) == {"source", "symbol", "interval", "ts"}
    assert {"reason", "original", "row"} < set(QUARANTINE.key)
    assert QUARANTINE.column("symbol").nullable
    assert QUARANTINE.column("ts").nullable
