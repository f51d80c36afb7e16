"""The README's pictures are views of the services, and need a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from include.screenshots import FOLDER, FORECAST, VIEWS, take
from include.services.settings import Services
from pipelines.core.settings import ROOT
from pipelines.forecasts import forecast

PAGES = ("README.md", "dashboard/README.md")


def test_every_picture_is_a_view_and_stands_on_a_page() -> None:
    pictures = {
        (ROOT / page).parent.joinpath(link).resolve()
        for page in PAGES
        for link in re.findall(r"!\[[^]]+\]\(([^)]+\.png)\)", (ROOT / page).read_text())
    }
    assert pictures == set(FOLDER.iterdir())
    assert {picture.stem for picture in pictures} == set(VIEWS)
    assert forecast(FORECAST).name == FORECAST


def test_the_readme_opens_with_the_dashboard() -> None:
    [first, *_] = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert first == f"include/pictures/{next(v for v in VIEWS if v.startswith('dashboard_'))}.png"


def test_without_a_browser_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="apt-get install chromium"):
        take(tmp_path / "pictures", Services(home=tmp_path / "home"))
    assert list(tmp_path.iterdir()) == []
