"""Maintenance: the lake stays small, and a damaged file fails the run by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import jobs
from pipelines.core.errors import CheckFailed
from pipelines.lake import Lake
from tests.lake.leftovers import HOUR, leave_file, mark_earlier
from tests.lake_rows import list_symbols, replace_series


def last_run(lake: Lake) -> tuple[object, ...]:
    """Return the run that was recorded last."""
    [row] = lake.rows(
        "SELECT run, step, about, status, message FROM gold.runs ORDER BY finished_at DESC LIMIT 1"
    )
    return tuple(row)


def test_a_compaction_moves_rows_to_files_and_returns_its_summary(lake: Lake) -> None:
    replace_series(lake, list_symbols(count=50))
    summary = jobs.compact("run")
    assert summary.startswith("flushed 5"), "50 rows, and those of the lake's own tables"
    assert len(lake.store.listing("silver/series")) == 1
    assert last_run(lake) == ("run", "compact", "lake", "ok", summary)


@pytest.mark.parametrize(("count", "stay"), [(2, False), (3, True)])
def test_many_leftovers_stay_until_a_person_removes_them(
    lake: Lake, count: int, stay: bool
) -> None:
    replace_series(lake, list_symbols())
    mark_earlier(lake)
    leftovers = [leave_file(lake, 2 * HOUR) for _ in range(count)]
    summary = jobs.compact("run")
    assert ("bullion compact --orphans" in summary) == stay
    assert all(path.exists() == stay for path in leftovers)
    assert last_run(lake)[3] == ("warned" if stay else "ok")


def test_verify_names_each_damaged_file(lake: Lake) -> None:
    replace_series(lake, list_symbols())
    assert "1 files" in jobs.verify("run")
    assert last_run(lake)[1:4] == ("verify", "lake", "ok")
    [path] = lake.store.listing("silver/series")
    file = Path(lake.config.lake_data) / path
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CheckFailed, match="1 files or commits are not what they were") as caught:
        jobs.verify("run")
    assert f"{path} is damaged" in caught.value.message
    assert "restore" in caught.value.hint
    assert last_run(lake)[1:] == ("verify", "lake", "failed", caught.value.message)


def test_the_address_of_the_data_docs_is_returned(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The check itself takes seconds, and tests/quality has it.
    monkeypatch.setattr(
        "pipelines.quality.data_docs.build_docs", lambda lake: Path(lake.store.root) / "index.html"
    )
    assert jobs.data_docs() == f"{lake.store.root}index.html"
