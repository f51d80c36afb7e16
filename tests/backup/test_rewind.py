"""Going back is a commit like any other: what came later can still be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.backup.rewind import rewind
from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake
from tests.backup.restored import rows_of_all_tables
from tests.lake_rows import list_symbols, replace_series


def test_the_way_back_can_be_gone_back(lake: Lake) -> None:
    then, rows_then = datetime.now(UTC), rows_of_all_tables(lake)
    replace_series(lake, list_symbols("C", 7), "9", source="c")
    later, rows_later = datetime.now(UTC), rows_of_all_tables(lake)
    number, committed_at = rewind(lake, then)
    assert committed_at <= then
    with lake.view(number) as view:
        assert rows_of_all_tables(view) == rows_then
    assert rows_of_all_tables(lake) == rows_then
    rewind(lake, later)
    assert rows_of_all_tables(lake) == rows_later


def test_a_time_without_a_snapshot_is_refused(lake: Lake) -> None:
    with pytest.raises(InvalidRequest, match="no snapshot"):
        rewind(lake, datetime.now(UTC) - timedelta(days=9000))
