"""The documentation: pages that need no network and no key, and an OpenAPI that holds."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import schemathesis
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from requests import Request
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from serving.http.docs import SECURITY_SCHEMES, operations
from serving.http.formats import ARROW, JSON
from tests.serving.examples import collect_examples
from tests.serving.scored_api import api_at, wait_until

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


def test_the_documentation_is_readable_without_a_key(client_with_key: TestClient) -> None:
    for path in (*PAGES, "/openapi.json", "/docs/files/swagger-ui.css"):
        assert client_with_key.get(path).status_code == 200, path
    assert client_with_key.get("/signal/index").status_code == 401


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


def test_each_documented_key_is_taken(client_with_key: TestClient) -> None:
    for headers in ({"X-API-Key": "secret"}, {"Authorization": "Bearer secret"}):
        assert client_with_key.get("/signal/index", headers=headers).status_code == 200


HOW_TO_UPDATE = "write the examples anew: python -m tests.serving.examples"


def test_every_documented_answer_is_one_that_the_api_gives(
    api: TestClient, scored_folder: Path, tmp_path: Path
) -> None:
    answers = collect_examples(scored_folder, tmp_path)
    for method, path, operation in operations(api.get("/openapi.json").json()):
        for status, documented in operation["responses"].items():
            if status == "304":
                continue
            own_answers = answers[f"{method.upper()} {path}"].get(status) or answers["*"][status]
            assert set(documented["content"]) <= {*own_answers, ARROW}
            for media_type, answer in own_answers.items():
                example = documented["content"][media_type]["example"]
                assert shape(example) == shape(answer), f"{method} {path} {status}: {HOW_TO_UPDATE}"


def shape(value: Any) -> Any:
    """Return the names and types of a value, without its contents."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value)


def test_the_documented_answers_fit_their_models(api: TestClient) -> None:
    schema, count = api.get("/openapi.json").json(), 0
    models = {route.path: route for route in api.app.routes if isinstance(route, APIRoute)}  # type: ignore[attr-defined]
    for _, path, operation in operations(schema):
        for status, documented in operation["responses"].items():
            example = documented.get("content", {}).get(JSON, {}).get("example")
            if example is not None:
                model = models[path].responses.get(int(status), {}).get("model")
                TypeAdapter(model or models[path].response_model).validate_python(example)
                count += 1
    assert count > 100


def test_every_answer_and_field_is_described(api: TestClient) -> None:
    for method, path, operation in operations(api.get("/openapi.json").json()):
        assert operation["description"], (method, path)
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (method, path, parameter["name"])
        for status, answer in operation["responses"].items():
            if status[0] in "45" and (path, status) != ("/health", "503"):
                reference = answer["content"][JSON]["schema"]["$ref"]
                assert reference.endswith("/ErrorBody"), (path, status)


def texts(node: Any, name: str) -> Iterator[str]:
    """Yield every text of that name in the schema, at any depth."""
    if isinstance(node, list):
        for item in node:
            yield from texts(item, name)
    elif isinstance(node, dict):
        if isinstance(node.get(name), str):
            yield node[name]
        for key, item in node.items():
            if key not in ("example", "examples"):
                yield from texts(item, name)


def test_every_description_is_a_whole_sentence(api: TestClient) -> None:
    schema = api.get("/openapi.json").json()
    descriptions = list(texts(schema, "description"))
    assert len(descriptions) > 200
    for text in descriptions:
        first = text.splitlines()[0]  # what a list of routes shows
        assert first.endswith((".", "?")), text
        assert first[0].isupper() or first[0] in "`*1", text


def test_the_summary_of_a_route_is_the_first_sentence_of_its_description(api: TestClient) -> None:
    for method, path, operation in operations(api.get("/openapi.json").json()):
        assert operation["description"].startswith(operation["summary"] + "."), (method, path)


def throw_cases(folder: Path, cases: int) -> int:
    """Send random requests to every operation; each answer must be documented, and none a 5xx."""
    count, key = 0, {"X-API-Key": "secret"}
    with api_at(folder, keys="secret", requests_per_minute="10000000") as client:
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json", headers=key).json())
        all_operations = [result.ok() for result in schema.get_all_operations()]
        wait_until(lambda: client.get("/model-info", headers=key).is_success)
        for operation in all_operations:
            cases_of = st.one_of(
                operation.as_strategy(mode)
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
            )

            @settings(
                max_examples=max(1, cases // len(all_operations)),
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=cases_of)
            def throw(case: Any) -> None:
                nonlocal count
                count += 1
                arguments = case.as_transport_kwargs(base_url="http://localhost")
                fields = ("method", "url", "params", "json", "data", "files", "headers", "cookies")
                request = Request(**{name: arguments.get(name) for name in fields}).prepare()
                answer = client.request(
                    str(request.method),
                    str(request.url),
                    content=request.body,
                    headers=dict(request.headers) | key,
                )
                answer.request.read()  # a multipart body is looked at again
                case.validate_response(
                    answer, checks=[status_code_conformance, response_schema_conformance]
                )
                # Some forecasts have no model in this folder, and their answers say so.
                is_not_yet = answer.status_code == 503 and '"type":"not_yet"' in answer.text
                assert answer.status_code < 500 or is_not_yet, answer.text

            throw()
    return count


def test_random_requests_get_only_documented_answers(scored_folder: Path) -> None:
    assert throw_cases(scored_folder, 200) > 100


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_ten_thousand_random_requests_get_only_documented_answers(scored_folder: Path) -> None:
    count = throw_cases(scored_folder, 15_000)  # operations without parameters have few cases
    print(f"{count:,} cases")
    assert count >= 10_000
