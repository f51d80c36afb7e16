"""The laws of the way from an answer to silver: any order, nothing from the future."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.silver import SILVER_BARS
from pipelines.lake import Lake
from tests.laws import law
from tests.scripted import Scripted, bars_table
from tests.steps.data.ingest_helpers import (
    HOURS,
    SPOILS,
    assert_nothing_vanished,
    clean,
    fresh_name,
    ingest,
    quarantine,
    silver,
)

few_cases = law(6)


def test_clean_bars_arrive_unchanged(lake: Lake) -> None:
    name = next(fresh_name)
    report = ingest(lake, Scripted(bars_table(clean()), name=name))
    report.enforce()
    assert report.counts["accepted"] == 2 * len(HOURS) == len(silver(lake, name))
    assert silver(lake, name)[0][4] == clean()[0]["open"]
    assert not lake.rows("SELECT * FROM silver.gaps WHERE source = ?", [name])


spoils = st.sampled_from([{}, {}, {}, *SPOILS.values(), {"ts": datetime(2026, 9, 6, tzinfo=UTC)}])


@st.composite
def dirty(draw: st.DrawFn) -> list[dict[str, object]]:
    """Two symbols' bars, some spoiled, some leaping, some twice."""
    rows = clean()[:70] + clean("C")[:40]
    for _ in range(draw(st.integers(0, 12))):
        place = draw(st.integers(0, len(rows) - 1))
        rows[place] = rows[place] | draw(spoils)
    if draw(st.booleans()):
        first = draw(st.integers(0, 60))
        factor = draw(st.sampled_from([100.0, 0.01, 7.0]))
        for row in rows[first : first + draw(st.integers(1, 14))]:
            for price in ("open", "high", "low", "close"):
                row[price] = float(str(row[price])) * factor
    return rows + draw(st.lists(st.sampled_from(rows), max_size=8))


@few_cases
@given(dirty(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_order_of_arrival_gives_the_same_silver(
    lake: Lake, rows: list[dict[str, object]], random: object, answers: int
) -> None:
    in_order, shuffled = next(fresh_name), next(fresh_name)
    report = ingest(lake, Scripted(bars_table(rows), name=in_order))
    assert_nothing_vanished(report)
    # By whole days, backwards and dealt into answers and runs; within a day in any order.
    days: dict[object, list[dict[str, object]]] = {}
    for row in rows:
        days.setdefault(row["ts"].date(), []).append(row)  # type: ignore[attr-defined]
    dealt: list[list[dict[str, object]]] = [[] for _ in range(answers)]
    for number, day in enumerate(sorted(days, reverse=True)):  # type: ignore[type-var]
        random.shuffle(days[day])  # type: ignore[attr-defined]
        dealt[number % answers] += days[day]
    for part in dealt:
        if part:
            assert_nothing_vanished(ingest(lake, Scripted(bars_table(part), name=shuffled)))
    assert silver(lake, shuffled) == silver(lake, in_order)
    assert quarantine(lake, shuffled) == quarantine(lake, in_order)


@few_cases
@given(dirty())
def test_what_comes_later_changes_nothing_before(lake: Lake, rows: list[dict[str, object]]) -> None:
    """No bar's verdict depends on a later bar."""
    whole_source, cut_source = next(fresh_name), next(fresh_name)
    ingest(lake, Scripted(bars_table(rows), name=whole_source))
    until = HOURS[30]
    ingest(lake, Scripted(bars_table([r for r in rows if r["ts"] <= until]), name=cut_source))  # type: ignore[operator]
    before = [row for row in silver(lake, whole_source) if row[1] <= until]  # type: ignore[operator]
    assert silver(lake, cut_source) == before


def test_silver_meets_its_contract_whatever_comes(lake: Lake) -> None:
    """The contract is enforced on what is stored, by SQL that is not the judge's."""
    name = next(fresh_name)
    rows = clean()
    for number, change in enumerate(SPOILS.values()):
        rows[10 * number] |= change
    for row in rows[80:86]:
        row |= {price: float(str(row[price])) * 100 for price in ("open", "high", "low", "close")}
    report = ingest(lake, Scripted(bars_table(rows + rows[:5]), name=name))
    assert report.landed.reasons.keys() == SPOILS.keys()
    broken_rows = lake.rows(
        "SELECT count(*) FROM silver.bars WHERE high < low * (1 - 1e-6) OR low <= 0 "
        "OR NOT isfinite(close) OR closes_at <= ts OR volume < 0"
    )
    key = ", ".join(f'"{c}"' for c in SILVER_BARS.key)
    doubled_keys = lake.rows(f"SELECT {key} FROM silver.bars GROUP BY ALL HAVING count(*) > 1")
    assert (broken_rows, doubled_keys) == ([(0,)], [])
    assert len(silver(lake, name)) == report.counts["accepted"] > 200
