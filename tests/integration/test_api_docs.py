"""The API's two pages of documentation in headless Chromium, used with a key."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.build_once import build_once
from tests.integration.test_ui import PATIENCE, picture
from tests.servers.ports import free_port
from tests.serving.process import environment_of, run_server, wait_for_answer
from tests.serving.scored_api import build_folder

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

KEY = "a-secret-key"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of an API that needs a key."""
    folder, port = build_once("scored", build_folder), free_port()
    with run_server("-m", "serving", env=environment_of(folder, port) | {"BULLION_API_KEYS": KEY}):
        wait_for_answer(port, "/docs")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def hosts() -> set[str]:
    """Every host that has answered the page."""
    return set()


@pytest.fixture
def page(hosts: set[str]) -> Iterator[Page]:
    browsers = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, browsers)), None)
    assert program, "these tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1400})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page.on("response", lambda response: hosts.add(urlsplit(response.url).netloc))
        yield page
        browser.close()


def paths_of(url: str) -> list[str]:
    return list(httpx.get(f"{url}/openapi.json").json()["paths"])


def own_hosts(url: str) -> set[str]:
    """Return the API's host, and the empty host of icons in a style sheet and of the worker."""
    return {urlsplit(url).netloc, ""}


def test_try_it_out_sends_the_key_that_was_entered(page: Page, url: str, hosts: set[str]) -> None:
    page.goto(f"{url}/docs")
    for path in paths_of(url):
        expect(page.locator(f'.opblock-summary-path[data-path="{path}"]').first).to_be_visible()
    picture(page, "api_docs")

    signal = page.locator("#operations-newest-signal_signal_index_get")
    signal.locator(".opblock-summary-control").click()
    signal.get_by_role("button", name="Try it out").click()
    signal.get_by_role("button", name="Execute").click()
    status = signal.locator(".live-responses-table tbody .response-col_status").first
    expect(status).to_contain_text("401")

    page.locator(".auth-wrapper .authorize").first.click()
    dialog = page.locator(".dialog-ux")
    expect(dialog).to_contain_text("X-API-Key")
    dialog.locator("input").first.fill(KEY)
    picture(page, "api_docs_authorize")
    dialog.get_by_role("button", name="Apply credentials").first.click()
    dialog.get_by_role("button", name="Close").first.click()

    signal.get_by_role("button", name="Execute").click()
    expect(status).to_contain_text("200")
    expect(signal.locator(".live-responses-table")).to_contain_text('"wss"')
    signal.scroll_into_view_if_needed()
    picture(page, "api_docs_answer")
    assert hosts <= own_hosts(url)


def test_redoc_shows_every_route(page: Page, url: str, hosts: set[str]) -> None:
    page.goto(f"{url}/redoc")
    expect(page.get_by_role("heading", name="Bullion").first).to_be_visible()
    for path in paths_of(url):
        expect(page.get_by_text(path, exact=True).first).to_be_attached()
    picture(page, "api_redoc")
    assert hosts <= own_hosts(url)
