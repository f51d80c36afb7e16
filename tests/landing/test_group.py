"""Answers of one kind form a group, and reports of several landings add up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.landing.group import COUNTS, KEYED, Group, LandingReport
from pipelines.quality.checks import not_empty
from tests.scripted import Scripted, bar_row, bars_table

BARS = bars_table([bar_row("A", datetime(2026, 9, 1, 13, 30, tzinfo=UTC), 100.0)])


def group_of(**options: Any) -> Group:
    source = Scripted(BARS, **options)
    [answer] = source.fetch(None)  # type: ignore[arg-type]
    return Group.of(answer, source.parse(answer))


@pytest.mark.parametrize(
    "options",
    [
        {"name": "other"},
        {"interval": "1d"},
        {"market": "XLON"},
        {"grid": "clock"},
        {"split_adjusted": False},
    ],
    ids=str,
)
def test_answers_that_are_read_differently_are_of_two_groups(options: dict[str, Any]) -> None:
    assert group_of() == group_of()
    assert group_of(**options) != group_of()


def test_a_key_has_a_value_for_each_parameter() -> None:
    group = group_of(name="s")
    assert len(group.key) == KEYED.count("?")
    assert group.key == ["s", "1h"]


def test_the_sum_of_two_reports_counts_every_row() -> None:
    total = LandingReport(received=2, accepted=1, quarantined=1, reasons=Counter(leap=1))
    total.verdicts = [not_empty("silver.bars", 2)]
    part = LandingReport(received=3, accepted=1, quarantined=2, reasons=Counter(leap=1, spike=1))
    part.expected, part.missing, part.revised = Counter(A=5), Counter(A=2), 4
    part.verdicts = [not_empty("silver.bars", 3)]
    total.add(part)
    assert total.counts == dict.fromkeys(COUNTS, 0) | {
        "received": 5, "accepted": 2, "quarantined": 3, "revised": 4,
    }  # fmt: skip
    assert total.reasons == {"leap": 2, "spike": 1}
    assert (total.expected, total.missing) == ({"A": 5}, {"A": 2})
    [verdict] = total.verdicts
    assert verdict.rows_checked == 5
