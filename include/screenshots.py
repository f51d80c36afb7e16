"""Pictures of what `make up` started, for the README and the dashboard's page: `make screenshots`.

python -m include.screenshots [FOLDER]
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.views import PAGES
from include.services.settings import Services, services
from pipelines.core.settings import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FOLDER = ROOT / "include" / "pictures"
FORECAST = "nasdaq100_hourly"
QUERIES = {"performance": "published=later"}  # a fresh start has one live signal
# Streamlit says when a page's script has ended; its charts are drawn after that.
IS_DRAWN = """title => {
    const app = document.querySelector('[data-testid=stApp]'), data = app?.dataset ?? {}
    if (data.testScriptState !== 'notRunning' || data.testConnectionState !== 'CONNECTED')
        return false
    const heading = document.querySelector('h1')?.textContent ?? ''
    const charts = [...document.querySelectorAll('[data-testid=stPlotlyChart]')]
    return heading.startsWith(title) && heading !== ''
        && !document.querySelector('[data-testid=stSkeleton]')
        && charts.every(chart => chart.querySelector('.main-svg'))
}"""


def browser_program() -> str:
    """Return the path of Chromium, or end with what to install."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    return path or sys.exit("pictures need Chromium: apt-get install chromium")


def wait_until_drawn(page: Page, title: str = "") -> None:
    """Wait until the dashboard has drawn a page whose heading begins with the title."""
    page.wait_for_function(IS_DRAWN, arg=title, timeout=60_000)


def score(page: Page, config: Services) -> None:
    """Show the runs of the hourly DAG, after the login."""
    page.goto(config.url("airflow"))
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(config.secrets["admin"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{config.url('airflow')}/")
    page.goto(f"{config.url('airflow')}/dags/score_{FORECAST}")
    page.get_by_text("outcomes", exact=True).first.wait_for()


def view_of(name: str) -> Callable[[Page, Services], None]:
    """Return a function that opens a page of the dashboard."""

    def view(page: Page, config: Services) -> None:
        path = "" if name == next(iter(DASHBOARD)) else name  # the first page is the root
        page.goto(f"{config.url('dashboard')}/{path}?forecast={FORECAST}&{QUERIES.get(name, '')}")
        wait_until_drawn(page)

    return view


DASHBOARD = {page.__name__.rpartition(".")[2]: page.TITLE for page in PAGES}
VIEWS: dict[str, Callable[[Page, Services], None]] = {
    "score": score,
    **{f"dashboard_{name}": view_of(name) for name in DASHBOARD},
}


def take(folder: Path, config: Services, *, width: int = 1440) -> None:
    """Take a picture of each view: of the dashboard whole pages, of the others the window."""
    from playwright.sync_api import sync_playwright

    program = browser_program()
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, view in VIEWS.items():
            page = browser.new_page(viewport={"width": width, "height": 900})
            view(page, config)
            page.wait_for_timeout(3000)  # until nothing moves any more
            if name.startswith("dashboard_"):
                height = page.evaluate(
                    "document.querySelector('[data-testid=stMain]').scrollHeight"
                )
                page.set_viewport_size({"width": width, "height": min(int(height), 2400)})
                page.wait_for_timeout(1000)
            page.screenshot(path=folder / f"{name}.png")
            page.close()
            print(folder / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER, services())
