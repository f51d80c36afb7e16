"""The dashboard in headless Chromium: pages as a reader sees them, and the browser's complaints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

from include.screenshots import browser_program, wait_until_drawn

CELLS = """() => [...document.querySelectorAll('[data-testid=stDataFrame]')].map(grid =>
    [...grid.querySelectorAll('canvas tr')].map(row =>
        [...row.querySelectorAll('th, td')].map(cell => cell.textContent)))
    .filter(rows => rows.length)"""

HAVE_CELLS = """() => [...document.querySelectorAll('[data-testid=stDataFrame]')].every(
    grid => grid.closest('details:not([open])') || grid.querySelector('canvas tr'))"""


@dataclass
class Screen:
    """A browser's page on the dashboard."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)  # of the console
    hosts: set[str] = field(default_factory=set)  # that were asked for anything

    def open(self, path: str) -> None:
        """Open a page of the dashboard, and wait until it is drawn."""
        self.page.goto(self.address + path)
        self.wait_until_drawn()

    def wait_until_drawn(self) -> None:
        """Wait until the page stands as a whole, the cells of its tables too."""
        wait_until_drawn(self.page)
        self.page.wait_for_function(HAVE_CELLS)

    @property
    def text(self) -> str:
        """Everything that can be read on the page."""
        return str(self.page.locator("[data-testid=stMain]").inner_text())

    def tables(self) -> list[list[list[str]]]:
        """Return the cells of each table, row by row, the titles first."""
        tables: list[list[list[str]]] = self.page.evaluate(CELLS)
        return tables

    def axis_range(self, axis: str = "xaxis") -> list[Any]:
        """Return the range that the first chart with a range slider shows."""
        axis_limits: list[Any] = self.page.evaluate(
            """axis => [...document.querySelectorAll('.js-plotly-plot')]
                .filter(chart => chart.layout.xaxis.rangeslider?.visible)[0].layout[axis].range""",
            axis,
        )
        return axis_limits

    def reaches_sideways(self) -> bool:
        """Whether the page scrolls sideways."""
        wide: bool = self.page.evaluate(
            """() => { const main = document.querySelector('[data-testid=stMain]');
                       return main.scrollWidth > main.clientWidth }"""
        )
        return wide


@contextmanager
def open_browser(address: str, width: int = 1440) -> Iterator[Screen]:
    """Yield a browser's page; its complaints and hosts are collected."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_program(), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": width, "height": 900})
        screen = Screen(page, address)
        page.on(
            "console",
            lambda message: (
                screen.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        page.on("request", lambda request: screen.hosts.add(urlsplit(request.url).netloc))
        try:
            yield screen
        finally:
            browser.close()
