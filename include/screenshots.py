"""Pictures for the README of what `make up` started: `make screenshots`, while it runs.

python -m include.screenshots [FOLDER]
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from include.services.settings import Services, services
from pipelines.core.settings import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FOLDER = ROOT / "include" / "pictures"
FORECAST = "nasdaq100_hourly"


def score(page: Page, config: Services) -> None:
    """Show the runs of the hourly DAG, after the login."""
    page.goto(config.url("airflow"))
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(config.secrets["admin"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{config.url('airflow')}/")
    page.goto(f"{config.url('airflow')}/dags/score_{FORECAST}")
    page.get_by_text("outcomes", exact=True).first.wait_for()


def models(page: Page, config: Services) -> None:
    """Show the candidates of a training in MLflow."""
    page.goto(f"{config.url('mlflow')}/#/models")
    page.get_by_text(FORECAST).first.wait_for()
    page.wait_for_timeout(3000)
    page.keyboard.press("Escape")  # what MLflow advertises at the first visit


def api(page: Page, config: Services) -> None:
    """Show the routes of the API."""
    page.goto(f"{config.url('api')}/docs")
    page.locator('[data-path="/signal/index"]').first.wait_for()


VIEWS: tuple[Callable[[Page, Services], None], ...] = (score, models, api)


def take(folder: Path, config: Services) -> None:
    """Take a picture of each view."""
    from playwright.sync_api import sync_playwright

    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        sys.exit("pictures need Chromium: apt-get install chromium")
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        for view in VIEWS:
            view(page, config)
            page.wait_for_timeout(3000)  # until nothing moves any more
            page.screenshot(path=folder / f"{view.__name__}.png")
            print(folder / f"{view.__name__}.png")
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER, services())
