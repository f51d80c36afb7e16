"""A lake is opened, and each view of it stays on one snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest, LakeError
from pipelines.core.settings import Settings
from pipelines.lake import Lake
from tests.lake_rows import (
    count_versions,
    list_symbols,
    replace_series,
)


@pytest.mark.parametrize("count", [5, 3000])
def test_an_older_snapshot_shows_its_own_rows(lake: Lake, count: int) -> None:
    first = replace_series(lake, list_symbols(count=count), "1")
    replace_series(lake, list_symbols(count=count), "2")
    assert count_versions(lake, first) == {"1": count}
    assert count_versions(lake) == {"2": count}


def test_a_snapshot_that_does_not_exist_is_refused(lake: Lake) -> None:
    for snapshot, kind in ((999, LakeError), (-1, InvalidRequest), (2**63, InvalidRequest)):
        with pytest.raises(kind, match="snapshot") as caught, lake.view(snapshot):
            pass
        assert "lake.snapshots()" in caught.value.hint


def test_a_view_stays_on_its_snapshot_while_a_writer_commits(lake: Lake) -> None:
    replace_series(lake, ["A"], "1")
    with lake.view() as view:
        assert view.one("SELECT calendar FROM silver.series") == "1"
        replace_series(lake, ["A"], "2")
        replace_series(lake, list_symbols(), "9", source="t")
        assert view.rows("SELECT calendar FROM silver.series") == [("1",)]
    assert count_versions(lake)["2"] == 1


def test_a_lake_for_reading_refuses_to_write(lake: Lake) -> None:
    with Lake(read_only=True) as reader:
        with pytest.raises(LakeError, match="reading only"), reader.write():
            pass
        with reader.compacting() as commit, pytest.raises(LakeError), commit("x"):
            pass


def test_reading_a_lake_that_is_not_there_makes_none(lake_settings: Settings) -> None:
    with pytest.raises(LakeError, match="there is no lake") as caught:
        Lake(read_only=True)
    assert "bullion ingest" in caught.value.hint
    assert not Path(lake_settings.lake_catalog.removeprefix("sqlite:")).exists()
