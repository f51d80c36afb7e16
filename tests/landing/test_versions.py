"""Versions of rows are found, counted and settled alike, whatever their dataset."""

from __future__ import annotations

from collections import Counter

from pipelines.landing.news import NEWS_VERSIONS
from pipelines.landing.versions import COUNTS, VersionCounts
from pipelines.landing.weights import WEIGHT_VERSIONS


def test_counts_of_landings_add_up() -> None:
    counts = VersionCounts(3, 1, 1, 0, 1, Counter(no_url=1))
    counts.add(VersionCounts(2, 0, 0, 1, 1, Counter(no_url=1)))
    assert tuple(counts.counts) == COUNTS
    assert counts.received == sum(counts.counts[name] for name in COUNTS[1:]) == 5
    assert counts.reasons == Counter(no_url=2)


def test_a_scope_and_a_key_name_one_row_of_silver() -> None:
    for table in (WEIGHT_VERSIONS, NEWS_VERSIONS):
        assert table.silver == f"silver.{table.dataset}"
        assert table.scoped.count("?") == len(table.scope)
        assert not set(table.key) & set(table.scope)
