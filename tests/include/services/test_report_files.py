"""The report pages: two folders are served, and nothing beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from include.services.report_files import server
from tests.servers.in_thread import serve_in_thread


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[httpx.Client]:
    for name in ("docs", "private"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(f"the {name}")
    (tmp_path / "secrets.json").write_text("hidden")
    (tmp_path / "docs" / "out.html").symlink_to(tmp_path / "secrets.json")
    pages = server(0, tmp_path)
    with (
        serve_in_thread(pages),
        httpx.Client(base_url=f"http://127.0.0.1:{pages.server_address[1]}") as client,
    ):
        yield client


def test_a_folder_that_was_made_is_served_and_the_other_is_said_to_come(
    pages: httpx.Client,
) -> None:
    assert pages.get("/docs/").text == "the docs"
    assert pages.get("/").headers["Location"] == "/reports/"
    assert "its DAG has not run" in pages.get("/reports/").text


@pytest.mark.parametrize("path", ["/", "/docs/", "/reports/", "/private/"])
def test_no_page_can_be_framed_by_another(pages: httpx.Client, path: str) -> None:
    answer = pages.get(path)
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"


@pytest.mark.parametrize(
    "path",
    [
        "/secrets.json", "/private/", "/docs/../secrets.json", "/docs/%2e%2e/secrets.json",
        "/docs/out.html", "//secrets.json", "/docs/../../etc/passwd", "/reports/../private/",
    ],
)  # fmt: skip
def test_nothing_beside_the_pages_is_served(pages: httpx.Client, path: str) -> None:
    request = httpx.Request("GET", pages.base_url, extensions={"target": path.encode()})
    assert pages.send(request).status_code == 404


def test_a_page_of_another_name_cannot_read_them(pages: httpx.Client) -> None:
    assert pages.get("/docs/", headers={"Host": "evil.example:80"}).status_code == 403
