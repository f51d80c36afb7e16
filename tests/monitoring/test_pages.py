"""Reports as files: the newest stay, and the first page lists them."""

from __future__ import annotations

from pathlib import Path

from pipelines.core.settings import ROOT
from pipelines.monitoring.pages import DAYS_STORED, reports_folder, write_pages


def test_without_a_catalog_file_reports_are_in_the_data_lake() -> None:
    assert reports_folder(None) == ROOT / "data_lake" / "reports"


def test_pages_are_listed_newest_first_and_the_oldest_are_deleted(tmp_path: Path) -> None:
    folder = reports_folder(tmp_path / "catalog.sqlite")
    assert folder == tmp_path / "reports"
    days = [f"2026-{month:02d}-{day:02d}" for month in (1, 2) for day in range(1, 21)]
    for day in days:
        write_pages(folder, "f", "s", day, {"drift": b"d", "quality": b"q"})
    written = write_pages(folder, "g", "s", "2026-02-10", {"drift": b"d"})
    assert written == (folder / "g" / "s" / "2026-02-10-drift.html", folder / "index.html")
    index = written[-1].read_text()
    places = [index.index(f'"f/s/{day}-drift.html"') for day in reversed(days[-DAYS_STORED:])]
    assert places == sorted(places)
    assert f"{days[0]}-drift" not in index
    assert {file.name[:10] for file in (folder / "f" / "s").iterdir()} == set(days[-DAYS_STORED:])
    assert not list(folder.rglob(".*")), "no temporary file is left"
    assert write_pages(folder, "f", "s", "2026-03-01", {}) == ()
