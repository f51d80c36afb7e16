"""Bars of a request are checked by the same rules as rows of silver."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.landing.rules import ROW_RULES
from pipelines.requests.bars import VALUES, find_faults

CONNECTION = duckdb.connect()
prices = st.one_of(
    st.floats(80, 120), st.floats(), st.sampled_from([0.0, -1.0, 99.9999, 100.0, 100.0001, 2000.5])
)
volumes = st.one_of(st.none(), st.floats(), st.just(5.0))
quotes = st.one_of(st.none(), prices)
rows = st.tuples(prices, prices, prices, prices, volumes, quotes, quotes)


def silver_reasons(bars: list[tuple[float | None, ...]]) -> dict[int, str]:
    columns = {
        name: pa.array([row[place] for row in bars], pa.float64())
        for place, name in enumerate(VALUES)
    }
    table = pa.table(columns | {"n": np.arange(len(bars))})
    cases = " ".join(f"WHEN {rule.sql} THEN '{rule.name}'" for rule in ROW_RULES)
    CONNECTION.register("sent", table)
    faults = CONNECTION.execute(f"SELECT n, CASE {cases} END FROM sent").fetchall()
    return {n: reason for n, reason in faults if reason}


@given(st.lists(rows, min_size=1, max_size=8))
@example([(100.0, 100.0 * (1 - 1e-6), 99.0, 100.0, 1.0)])
@example([(100.0, most, 99.0, 100.0, 1.0) for most in (296.9, 297.1, 1979.0, 1981.0)])
@example([(float("inf"), 1.0, 1.0, 1.0, float("nan"))])
@example([(100.0, 100.0, 100.0, 100.0, None, bid, 100.0) for bid in (None, 100.0, 100.01, 0.0)])
@example([(100.0, 400.0, 100.0, 100.0, None), (100.0, 3000.0, 100.0, 100.0, -1.0)])
def test_a_row_is_refused_exactly_where_silver_refuses_it(
    bars: list[tuple[float | None, ...]],
) -> None:
    bars = [(*row, *[None] * (len(VALUES) - len(row))) for row in bars]
    values = np.array(bars, dtype=np.float64)
    absent = np.array([[value is None for value in row] for row in bars])
    reasons = {fault.row: fault.reason for fault in find_faults(values, absent)}
    assert reasons == silver_reasons(bars)
