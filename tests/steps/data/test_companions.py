"""Features that read beside their own bars follow every change, exactly as far as it reaches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.calendar import calendar, utc
from pipelines.lake import Lake
from pipelines.steps import refresh_features
from pipelines.steps.data import features as refreshing
from tests.laws import law
from tests.scripted import bar_row
from tests.steps.data.companion_market import BESIDE, companion_lake, write_moods
from tests.steps.forecast_market import HOURS, market_rows, write_bars

SYMBOLS = ("AAPL", "MSFT")
fresh_name = (f"source_{n}" for n in itertools.count())
CLOSES = [
    at.replace(tzinfo=UTC)
    for at in calendar().bars(BESIDE.bar, utc("2026-08-03"), utc("2026-09-15")).closes_at.tolist()
]
FIRST_COLUMNS = ("symbol", "ts")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with companion_lake(tmp_path_factory.mktemp("lake")) as lake:
        yield lake


def table_rows(lake: Lake, name: str, *columns: str) -> list[tuple[object, ...]]:
    names = columns or tuple(c.name for c in BESIDE.table.columns if c.name != "batch")
    listed = ", ".join(f'"{column}"' for column in names)
    return lake.rows(
        f"SELECT {listed} FROM {BESIDE.table.full_name} WHERE source = ? ORDER BY symbol, ts",
        [name],
    )


def recompute(lake: Lake, name: str) -> list[tuple[object, ...]]:
    with lake.write("forget") as writer:
        writer.delete("meta.feature_state", "source = ?", [name])
    assert refresh_features(lake, BESIDE, name).whole
    return table_rows(lake, name)


def market(lake: Lake, companion: bool = True, times: list[datetime] = HOURS) -> str:
    """A market of two symbols, and their companion's bars; all of it is refreshed."""
    name = next(fresh_name)
    write_bars(lake, name, market_rows((*SYMBOLS, *["QQQ"] * companion), times))
    refresh_features(lake, BESIDE, name)
    return name


def test_every_reference_is_read_as_of_the_close(lake: Lake) -> None:
    name = market(lake)
    rows = table_rows(lake, name, "mood", "has_moods_oil_mood", "qqq_relative_3", "spread")
    assert len(rows) == 2 * len(HOURS)
    assert {row[:2] for row in rows} == {(0.0, 0.0)}, "neutral where nothing is known, and flagged"
    assert sum(row[2] is None for row in rows) == 2 * 3, "as many as its window needs"
    assert 0.5 not in {row[3] for row in rows}


def test_a_late_companion_gives_values_to_all_rows(lake: Lake) -> None:
    name = market(lake, companion=False)
    assert {row[0] for row in table_rows(lake, name, "qqq_relative_3")} == {None}
    assert {row[0] for row in table_rows(lake, name, "spread")} == {None, 0.5}
    write_bars(lake, name, market_rows(("QQQ",)))
    refresh = refresh_features(lake, BESIDE, name)
    assert (refresh.symbols, refresh.written) == (2, 2 * len(HOURS))
    assert table_rows(lake, name) == recompute(lake, name)


def test_a_corrected_companion_bar_recomputes_exactly_the_rows_it_reaches(lake: Lake) -> None:
    name = market(lake)
    write_bars(lake, name, [bar_row("QQQ", HOURS[100], 111.0)])
    before = table_rows(lake, name)
    refresh = refresh_features(lake, BESIDE, name)
    assert refresh.written == 2 * (1 + 5), "its own bar, and five that look back at it"
    after = table_rows(lake, name)
    changed = [n for n, rows in enumerate(zip(before, after, strict=True)) if rows[0] != rows[1]]
    assert len(changed) == 2 * (1 + 5)
    assert after == recompute(lake, name)
    assert refresh_features(lake, BESIDE, name).symbols == 0, "and then there is nothing to do"


def test_a_companion_bar_that_is_removed_gives_way_to_the_one_before(lake: Lake) -> None:
    name = market(lake)
    spike = bar_row("QQQ", HOURS[100], 111.0) | {"close": 900.0, "high": 901.0}
    write_bars(lake, name, [spike])
    refresh_features(lake, BESIDE, name)
    assert table_rows(lake, name) == recompute(lake, name)


def test_what_is_known_late_reaches_only_what_closed_later(lake: Lake) -> None:
    name = market(lake)
    about, known = CLOSES[50] - timedelta(minutes=90), CLOSES[50] - timedelta(minutes=10)
    write_moods(lake, name, [(about, known, 3.0)])
    refresh = refresh_features(lake, BESIDE, name)
    moods = [row[0] for row in table_rows(lake, name, "mood")][: len(HOURS)]
    reached = [n for n, mood in enumerate(moods) if mood == 3.0]
    assert reached == [
        n for n, at in enumerate(CLOSES) if known <= at <= about + timedelta(hours=3)
    ]
    assert refresh.written == 2 * len(reached)
    write_moods(lake, name, [(about, known + timedelta(hours=1), 4.0)])
    refresh_features(lake, BESIDE, name)
    moods = [row[0] for row in table_rows(lake, name, "mood")][: len(HOURS)]
    assert moods[50] == 3.0, "a correction changes nothing that closed before it was known"
    assert moods[51] == 4.0
    assert table_rows(lake, name) == recompute(lake, name)


steps = st.lists(
    st.tuples(
        st.sampled_from(["own", "companion", "spike", "mood", "day"]),
        st.integers(0, len(HOURS) - 1),
    ),
    min_size=2,
    max_size=6,
)


@law(6)
@given(steps, st.sets(st.integers(0, 3 * len(HOURS) - 1), max_size=15))
def test_a_refresh_in_parts_equals_the_whole(
    lake: Lake, changes: list[tuple[str, int]], holes: set[int]
) -> None:
    """Bars of both kinds, spikes, holes and moods that are known late, in whatever order."""
    name = next(fresh_name)
    rows = [r for n, r in enumerate(market_rows((*SYMBOLS, "QQQ"))) if n not in holes]
    last_day = HOURS[-1].date()
    write_bars(lake, name, [r for r in rows if r["ts"].date() != last_day])  # type: ignore[attr-defined]
    refresh_features(lake, BESIDE, name)
    for number, (kind, place) in enumerate(changes):
        at = HOURS[place]
        if kind == "mood":
            about = CLOSES[place] - timedelta(minutes=30 * (number % 3))
            write_moods(lake, name, [(about, about + timedelta(minutes=25 * number), number)])
        elif kind == "day":
            write_bars(lake, name, [r for r in rows if r["ts"].date() == last_day])  # type: ignore[attr-defined]
        else:
            symbol = "AAPL" if kind == "own" else "QQQ"
            row = bar_row(symbol, at, 100.0 + place % 7)
            if kind == "spike":
                row |= {"close": 900.0, "high": 901.0}
            write_bars(lake, name, [row])
        refresh_features(lake, BESIDE, name)
    in_parts = table_rows(lake, name)
    assert in_parts
    assert repr(in_parts) == repr(recompute(lake, name))


def test_chunks_of_any_size_give_the_same(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    # Enough to look back at twice: chunks of one bar read and write for each bar.
    count = 2 * max(BESIDE.look_back, BESIDE.label_look_back) + 5
    name = market(lake, times=HOURS[:count])
    write_moods(lake, name, [(CLOSES[n], CLOSES[n], n) for n in range(0, count, 3)])
    whole = recompute(lake, name)
    assert len(whole) == 2 * count
    for chunk in (1, 13, count, count + 1):
        monkeypatch.setattr(refreshing, "CHUNK_ROWS", chunk)
        assert recompute(lake, name) == whole, chunk


def test_the_cost_of_a_change_does_not_grow_with_the_history(lake: Lake) -> None:
    name = next(fresh_name)
    newest = datetime(2026, 9, 14, tzinfo=UTC)
    rows = market_rows((*SYMBOLS, "QQQ"))
    write_bars(lake, name, [r for r in rows if r["ts"] < newest])  # type: ignore[operator]
    refresh_features(lake, BESIDE, name)
    write_bars(lake, name, [r for r in rows if r["ts"] >= newest])  # type: ignore[operator]
    refresh = refresh_features(lake, BESIDE, name)
    assert refresh.written == 2 * (7 + 1), "a day, and the bar whose outcome it decides"
