"""The pages of documentation: complete without a network, and readable without a key."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient

from serving.http.docs import SECURITY_SCHEMES, operations
from tests.serving.scored_api import api_at

PAGES = ("/docs", "/redoc")


class LinkParser(HTMLParser):
    """Collects every address that a page names, and any script inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline_scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        links = [value for name, value in attrs if name in ("src", "href", "spec-url") and value]
        self.links += links
        self.inline_scripts += tag == "script" and not links


def parse_page(text: str) -> LinkParser:
    parser = LinkParser()
    parser.feed(text)
    return parser


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_only_files_of_this_api(api: TestClient, page: str) -> None:
    parser = parse_page(api.get(page).text)
    assert parser.inline_scripts == 0
    assert len(parser.links) >= 4
    for link in parser.links:
        parts = urlsplit(link)
        assert not parts.scheme, link
        assert not parts.netloc, link
        assert not link.startswith("/"), f"{link} breaks behind a proxy with a prefix"
        file = api.get(urljoin(page, link))
        assert file.status_code == 200, link
        kind = file.headers["content-type"]
        for ending, expected in ((".js", "javascript"), (".css", "css"), (".svg", "svg")):
            assert not link.endswith(ending) or expected in kind


@pytest.mark.parametrize("page", PAGES)
def test_the_policy_of_a_page_allows_no_other_host(api: TestClient, page: str) -> None:
    policy = dict(
        rule.split(" ", 1) for rule in api.get(page).headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    sources = {source for value in policy.values() for source in value.split()}
    assert sources <= {"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}


def test_swagger_ui_asks_no_validator_on_the_internet(api: TestClient) -> None:
    start = api.get("/docs/files/start.js").text
    assert 'url: "openapi.json"' in start
    assert "validatorUrl: null" in start
    assert "//" not in start.replace("// ", "")


def test_the_documentation_is_readable_without_a_key(scored_folder: Path) -> None:
    with api_at(scored_folder, keys="secret") as client:
        for path in (*PAGES, "/openapi.json", "/docs/files/swagger-ui.css"):
            assert client.get(path).status_code == 200, path
        assert client.get("/signal/index").status_code == 401


def test_a_missing_file_of_the_pages_is_answered_in_the_shape_of_all_errors(
    api: TestClient,
) -> None:
    for path in ("/docs/files/nothing.js", "/docs/files/../docs.py", "/docs/files/%2e%2e/docs.py"):
        answer = api.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "not_found"


def test_each_operation_documents_the_keys_it_takes(api: TestClient) -> None:
    schema = api.get("/openapi.json").json()
    assert schema["components"]["securitySchemes"] == SECURITY_SCHEMES
    keys = [{"ApiKey": []}, {"BearerKey": []}]
    assert schema["security"] == [{}, *keys]
    always = {path for _, path, operation in operations(schema) if "security" in operation}
    assert always == {"/reload-model"}
    assert schema["paths"]["/reload-model"]["post"]["security"] == keys


def test_each_documented_key_is_taken(scored_folder: Path) -> None:
    with api_at(scored_folder, keys="secret") as client:
        for headers in ({"X-API-Key": "secret"}, {"Authorization": "Bearer secret"}):
            assert client.get("/signal/index", headers=headers).status_code == 200
