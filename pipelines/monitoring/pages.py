"""The reports as files beside the lake, with a first page that lists them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipelines.core.settings import ROOT
from pipelines.monitoring.reports import build_index

DAYS_STORED = 30  # of reports, for each forecast and source; MLflow has them all


def reports_folder(catalog: Path | None) -> Path:
    """The folder of reports: beside the catalog, or in data_lake for a catalog on a server."""
    return (catalog.parent if catalog else ROOT / "data_lake") / "reports"


def write_pages(
    folder: Path, forecast: str, source: str, date: str, pages: Mapping[str, bytes]
) -> tuple[Path, ...]:
    """Write a day's pages and the index; delete the oldest pages of this forecast and source."""
    if not pages:
        return ()
    place = folder / forecast / source
    place.mkdir(parents=True, exist_ok=True)
    files = []
    for kind, page in pages.items():
        files.append(place / f"{date}-{kind}.html")
        _write(files[-1], page)
    days = sorted({file.name[:10] for file in place.glob("*.html")}, reverse=True)
    for day in days[DAYS_STORED:]:
        for file in place.glob(f"{day}-*.html"):
            file.unlink(missing_ok=True)
    index = build_index(_list_reports(folder), "Bullion: live reports")
    _write(folder / "index.html", index.encode())
    return (*files, folder / "index.html")


def _list_reports(folder: Path) -> list[tuple[str, str, str, dict[str, str]]]:
    """List the reports with their links, newest first."""
    reports: dict[tuple[str, str, str], dict[str, str]] = {}
    for file in sorted(folder.glob("*/*/*-*.html")):
        key = (file.name[:10], file.parent.parent.name, file.parent.name)
        reports.setdefault(key, {})[file.stem[11:]] = file.relative_to(folder).as_posix()
    return [
        (forecast, source, date, links)
        for (date, forecast, source), links in sorted(
            reports.items(), key=lambda report: report[0][0], reverse=True
        )
    ]


def _write(file: Path, body: bytes) -> None:
    """Write the file whole or not at all."""
    part = tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", delete=False)  # noqa: SIM115
    try:
        with part:
            part.write(body)
        Path(part.name).chmod(0o644)
        Path(part.name).replace(file)
    finally:
        Path(part.name).unlink(missing_ok=True)
