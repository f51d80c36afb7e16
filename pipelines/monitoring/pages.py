"""The reports as files beside the lake, with a first page that lists them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipelines.core.settings import ROOT
from pipelines.monitoring.reports import index

KEPT = 30  # days of reports, of each forecast and source; MLflow has them all


def reports_folder(catalog: Path | None) -> Path:
    """Beside the catalog; for a catalog on a server, in data_lake."""
    return (catalog.parent if catalog else ROOT / "data_lake") / "reports"


def keep_pages(
    folder: Path, forecast: str, source: str, date: str, pages: Mapping[str, bytes]
) -> tuple[Path, ...]:
    """Write a day's pages, whole or not at all; the newest of each forecast and source stay."""
    if not pages:
        return ()
    place = folder / forecast / source
    place.mkdir(parents=True, exist_ok=True)
    made = []
    for kind, page in pages.items():
        _write(place / f"{date}-{kind}.html", page)
        made.append(place / f"{date}-{kind}.html")
    days = sorted({file.name[:10] for file in place.glob("*.html")}, reverse=True)
    for day in days[KEPT:]:
        for file in place.glob(f"{day}-*.html"):
            file.unlink(missing_ok=True)
    _write(folder / "index.html", index(_listed(folder), "Bullion: live reports").encode())
    return (*made, folder / "index.html")


def _listed(folder: Path) -> list[tuple[str, str, str, dict[str, str]]]:
    """Every report, newest first."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for file in sorted(folder.glob("*/*/*-*.html")):
        about = (file.name[:10], file.parent.parent.name, file.parent.name)
        found.setdefault(about, {})[file.stem[11:]] = file.relative_to(folder).as_posix()
    return [
        (forecast, source, date, links)
        for (date, forecast, source), links in sorted(
            found.items(), key=lambda one: one[0][0], reverse=True
        )
    ]


def _write(file: Path, body: bytes) -> None:
    made = tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", delete=False)  # noqa: SIM115
    try:
        with made:
            made.write(body)
        Path(made.name).chmod(0o644)
        Path(made.name).replace(file)
    finally:
        Path(made.name).unlink(missing_ok=True)
