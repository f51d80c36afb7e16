"""The Airflow UI as an operator uses it, in headless Chromium, with screenshots."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from pipelines.forecasts import FORECASTS
from tests.integration.airflow_home import ROOT, Airflow, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PICTURES = Path(os.environ.get("BULLION_SCREENSHOTS", ROOT / "build" / "screenshots"))
DAGS = 4 * len(FORECASTS) + 1
SCORE = "score_nasdaq100_hourly"
PATIENCE = 60_000  # milliseconds; the machine may be busy


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    browsers = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, browsers)), None)
    assert program, "these tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        # Without animations: each frame of them is drawn by the processor.
        page = chromium.new_page(viewport={"width": 1400, "height": 1000}, reduced_motion="reduce")
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield page
        chromium.close()


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """An Airflow of its own, with paused DAGs and an empty lake."""
    folder = tmp_path_factory.mktemp("ui")
    lake = {
        "BULLION_LAKE_CATALOG": f"sqlite:{folder}/catalog.sqlite",
        "BULLION_LAKE_DATA": f"{folder}/files",
    }
    with Airflow(folder / "airflow", lake) as running:
        yield running
    assert running.running_pids() == []


@pytest.fixture(scope="module")
def page(browser: Page, airflow: Airflow) -> Page:
    """A browser that is logged in, on an Airflow that knows its DAGs."""
    wait_for(
        lambda: airflow.get("/dags")["total_entries"] >= DAGS, 90, "the DAGs", airflow.import_errors
    )
    password = json.loads((airflow.home / "passwords.json").read_text())["admin"]
    browser.goto(airflow.url)
    browser.locator("input[name=username]").fill("admin")
    browser.locator("input[name=password]").fill(password)
    picture(browser, "login")
    browser.get_by_role("button", name="Sign in").click()
    browser.wait_for_url(f"{airflow.url}/")
    return browser


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(500)  # until closed dialogs have faded out
    page.screenshot(path=PICTURES / f"{name}.png")


def dialog(page: Page) -> Locator:
    return page.locator("[role=dialog][data-state=open]")


def test_the_list_shows_every_dag_with_its_schedule(page: Page, airflow: Airflow) -> None:
    page.goto(f"{airflow.url}/dags")
    for kind in ("ingest", "train", "score", "monitor"):
        expect(
            page.get_by_role("link", name=f"{kind}_nasdaq100_hourly", exact=True)
        ).to_be_visible()
    expect(page.get_by_role("link", name="lake_maintenance", exact=True)).to_be_visible()
    expect(page.get_by_text("Each 1h bar of XNYS").first).to_be_visible()
    picture(page, "dags")


def test_the_docs_say_what_a_dag_does(page: Page, airflow: Airflow) -> None:
    page.goto(f"{airflow.url}/dags/{SCORE}")
    page.get_by_role("button", name="Dag Docs").click()
    expect(dialog(page).get_by_text("Score every constituent")).to_be_visible()
    expect(dialog(page).get_by_text("published live stay")).to_be_visible()
    # The Markdown is rendered: the forecast's name is bold, and no mark-up is left.
    expect(dialog(page).locator("strong", has_text="nasdaq100_hourly")).to_be_visible()
    assert "**" not in dialog(page).inner_text()
    picture(page, "docs")
    page.keyboard.press("Escape")


def test_an_operator_triggers_a_run_in_the_form_and_sees_why_it_was_skipped(
    page: Page, airflow: Airflow
) -> None:
    page.goto(f"{airflow.url}/dags/{SCORE}")
    page.get_by_label("Toggle Dag").or_(page.locator("label[data-scope=switch]")).first.click()
    picture(page, "unpaused")

    page.get_by_role("button", name="Trigger").first.click()
    form = dialog(page)
    for label, text in (
        ("source", "Whose bars; "),
        ("symbols", "Only these symbols"),
        ("start", "Bars that open from here on, UTC"),
        ("force", "Ask the source again"),
    ):
        field = form.get_by_role("group").filter(has_text=text).last
        expect(field).to_contain_text(label)
    form.locator("#element_symbols").fill("NVDA\nAAPL")
    picture(page, "trigger")
    form.get_by_role("button", name="Trigger").click()
    expect(form).to_be_hidden()

    [run] = airflow.get(f"/dags/{SCORE}/dagRuns")["dag_runs"]
    assert run["conf"]["symbols"] == ["NVDA", "AAPL"]
    assert not airflow.get(f"/dags/{SCORE}")["is_paused"]
    assert airflow.wait_for_end(run)["state"] == "success"
    assert airflow.states(run)["score"] == "skipped"

    page.goto(f"{airflow.url}/dags/{SCORE}")
    expect(page.get_by_text("outcomes", exact=True).first).to_be_visible()
    picture(page, "grid")
    page.goto(f"{airflow.url}/dags/{SCORE}/runs/{run['dag_run_id']}/tasks/score")
    expect(page.get_by_text(re.compile("nothing was trained before")).first).to_be_visible()
    picture(page, "skipped")


def test_an_operator_starts_a_backfill_in_the_dialog(page: Page, airflow: Airflow) -> None:
    page.goto(f"{airflow.url}/dags/ingest_nasdaq100_hourly")
    page.get_by_role("button", name="Trigger").first.click()
    form = dialog(page)
    form.get_by_text("Backfill", exact=True).click()
    for day in ("2026/09/01", "2026/09/03"):
        form.get_by_text("Select date and time").first.click()
        date_field = page.locator("[data-state=open] [placeholder='YYYY/MM/DD']")
        date_field.fill(day)
        page.locator("[data-state=open] [placeholder='HH:mm']").fill("00:00")
        form.get_by_text("Date Range").click()
        expect(date_field).to_be_hidden()
    expect(form.get_by_text(re.compile(r"\d+ runs?"))).to_be_visible()
    picture(page, "backfill")
    form.get_by_role("button", name="Run Backfill").click()

    def backfill_runs() -> list[object]:
        where = "/dags/ingest_nasdaq100_hourly/dagRuns?run_type=backfill"
        return list(airflow.get(where)["dag_runs"])

    wait_for(backfill_runs, 60, "the runs of the backfill")
    page.goto(f"{airflow.url}/dags/ingest_nasdaq100_hourly/backfills")
    picture(page, "backfills")
