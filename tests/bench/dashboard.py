"""The dashboard in Chromium: how long a page takes, and what its watchers cost the API.

A page counts as drawn when its script has ended and each of its charts stands. The peer of twenty
watchers are twenty clients that poll the same signal by ETag as often as a page looks.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import httpx
import pyarrow as pa
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from include.screenshots import IS_DRAWN, browser_program
from pipelines.core.calendar import calendar
from pipelines.core.intervals import interval_of
from pipelines.lake import Lake
from pipelines.steps.lake import open_lake
from tests.bench.measure import Figure
from tests.bench.published import SYMBOLS, fill
from tests.servers.ports import free_port
from tests.serving.process import cpu_seconds, environment_of, run_server, wait_for_answer

COLD, WARM, CHART = 2.0, 0.7, 2.0  # seconds that are asked
ROUNDS, BARS = 5, 20_000
WATCHERS, EVERY, SECONDS = 20, 10, 40
VIEWPORT: ViewportSize = {"width": 1440, "height": 900}


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        port, own_port = free_port(), free_port()
        env = environment_of(Path(folder), port)
        os.environ.update({name: env[name] for name in env if name != "BULLION_API_PORT"})
        with open_lake() as lake:
            fill(lake)
            write_five_minutes(lake)
        server = stack.enter_context(run_server("-m", "serving", env=env))
        wait_for_answer(port)
        settings = {
            "BULLION_DASHBOARD_API": f"http://127.0.0.1:{port}",
            "BULLION_DASHBOARD_PORT": str(own_port),
        }
        stack.enter_context(run_server("-m", "dashboard", env=settings))
        wait_for_answer(own_port, "/_stcore/health")
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=browser_program(), args=["--no-sandbox"]
        )
        address = f"http://127.0.0.1:{own_port}"
        seconds_to_draw(browser.new_context(), address)  # the process imports what it needs
        yield figure(
            "a page of ten constituents, a browser that was never there",
            COLD,
            lambda: seconds_to_draw(browser.new_context(), address),
        )
        # A reader's browser: it has the scripts of an earlier visit, and begins a new session.
        reader = browser.new_context()
        seconds_to_draw(reader, address)
        yield figure(
            "a page of ten constituents, a new session",
            COLD,
            lambda: seconds_to_draw(reader, address),
        )
        page = reader.new_page()
        page.goto(address)
        page.wait_for_function(IS_DRAWN, arg="Now")
        yield figure("the same page, come back to", WARM, lambda: seconds_to_return(page))
        chart = f"{address}/market?series={SYMBOLS[0]}&interval=5m&range=all"
        seconds_to_draw(reader, chart, "Market")
        yield figure(
            f"a chart of {BARS:,} bars, a new session",
            CHART,
            lambda: seconds_to_draw(reader, chart, "Market"),
        )
        page.close()
        yield watchers(browser, address, port, server.pid)
        browser.close()


def figure(name: str, limit: float, measure: Callable[[], float]) -> Figure:
    seconds = [measure() for _ in range(ROUNDS)]
    return Figure(
        name,
        f"{median(seconds):.2f} s, at most {max(seconds):.2f} s",
        f"at most {limit:g} s",
        f"{median(seconds) / limit:.2f}",
        f"{ROUNDS} rounds, load {os.getloadavg()[0]:.1f}",
    )


def seconds_to_draw(context: BrowserContext, address: str, title: str = "Now") -> float:
    """Return how long it takes from the address to the drawn page, in a session of its own."""
    page = context.new_page()
    page.set_viewport_size(VIEWPORT)
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_function(IS_DRAWN, arg=title)
    seconds = time.perf_counter() - began
    page.close()
    return seconds


def seconds_to_return(page: Page) -> float:
    """Return how long the page of the signal takes when a reader comes back to it."""
    page.get_by_role("link", name="News").click()
    page.wait_for_function(IS_DRAWN, arg="News")
    began = time.perf_counter()
    page.get_by_role("link", name="Now").click()
    page.wait_for_function(IS_DRAWN, arg="Now")
    return time.perf_counter() - began


def watchers(browser: Browser, address: str, port: int, process: int) -> Figure:
    """Count what twenty open pages cost the API, beside twenty clients that poll."""
    contexts = [browser.new_context(viewport=VIEWPORT) for _ in range(WATCHERS)]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.goto(f"{address}?refresh={EVERY}+s")
        page.wait_for_function(IS_DRAWN, arg="Now")
    own = cost(port, process, lambda: pages[0].wait_for_timeout(1000 * SECONDS))
    for context in contexts:
        context.close()
    peer = cost(port, process, lambda: poll(port))
    return Figure(
        f"{WATCHERS} pages that look every {EVERY} s, for {SECONDS} s",
        f"{own[0]} requests, {own[1]:.2f} s of a core",
        f"{peer[0]} requests, {peer[1]:.2f} s (as many clients that poll)",
        f"{own[0] / peer[0]:.2f}, {own[1] / peer[1]:.2f}",
        "of the API's process",
    )


def cost(port: int, process: int, work: Callable[[], object]) -> tuple[int, float]:
    """Return the API's requests and seconds of a core during the work."""
    requests, seconds = requests_of(port), cpu_seconds(process)
    work()
    return requests_of(port) - requests - 1, cpu_seconds(process) - seconds


def requests_of(port: int) -> int:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    counts = re.findall(r"^bullion_requests_total\{[^}]*\} ([\d.e+]+)$", text, re.MULTILINE)
    return int(sum(map(float, counts)))


def poll(port: int) -> None:
    """Ask for the newest signal by its ETag, with as many clients as there were watchers."""

    def run() -> None:
        tag, until = "", time.monotonic() + SECONDS
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            while time.monotonic() < until:
                headers = {"If-None-Match": tag} if tag else {}
                tag = client.get("/signal/index", headers=headers).headers["etag"]
                time.sleep(EVERY)

    threads = [threading.Thread(target=run) for _ in range(WATCHERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def write_five_minutes(lake: Lake) -> None:
    """Write bars of five minutes to silver directly: a wave, as an ingest takes longer."""
    now = datetime.now(UTC)
    bars = calendar().closed_bars(interval_of("5m"), now - timedelta(days=600), now).table()
    bars = bars.slice(len(bars) - BARS)
    closes = pa.array([100 + (n * 7919 % 1000) / 100 for n in range(BARS)])
    columns = {
        "source": "sample", "symbol": SYMBOLS[0], "interval": "5m", "split_factor": 1.0,
        "received_at": now, "volume": 1000.0,
    }  # fmt: skip
    table = bars.select(["ts", "closes_at", "session"])
    for name in ("open", "high", "low", "close"):
        table = table.append_column(name, closes)
    for name, value in columns.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value), BARS))
    with lake.write("fill") as writer:
        writer.append("silver.bars", table)
