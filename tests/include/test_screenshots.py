"""The README's pictures are views of the services, and need a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from include.screenshots import FOLDER, FORECAST, VIEWS, take
from include.services.settings import Services
from pipelines.core.settings import ROOT
from pipelines.forecasts import forecast


def test_every_picture_of_the_readme_is_a_view() -> None:
    links = re.findall(r"!\[[^]]+\]\(([^)]+\.png)\)", (ROOT / "README.md").read_text())
    pictures = {(ROOT / link).resolve() for link in links}
    assert pictures == set(FOLDER.iterdir())
    assert {picture.stem for picture in pictures} <= {view.__name__ for view in VIEWS}
    assert forecast(FORECAST).name == FORECAST


def test_without_a_browser_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="apt-get install chromium"):
        take(tmp_path / "pictures", Services(home=tmp_path / "home"))
    assert list(tmp_path.iterdir()) == []
