"""The whole OpenAPI: every documented example runs, and nothing undocumented is ever answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests import Request
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    response_schema_conformance,
    status_code_conformance,
)

from serving.docs import example
from tests.serving.served import served


def test_every_documented_example_runs(api: TestClient) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    asked = [path for path, told in paths.items() if "get" in told]
    assert len(asked) > 12
    for path in asked:
        answer = api.get(example(path, paths[path]["get"]))
        known = {200, 503} if path == "/model-info" else {200}  # it needs a model
        if path != "/bars/newest":  # its default source has these bars too
            assert answer.status_code in known, (path, answer.text)


def test_every_answer_and_field_is_described(api: TestClient) -> None:
    schema = api.get("/openapi.json").json()
    for path, methods in schema["paths"].items():
        for method, told in methods.items():
            assert told["description"], (method, path)
            for one in told.get("parameters", ()):
                assert one.get("description"), (method, path, one["name"])
            for status, answer in told["responses"].items():
                if status[0] in "45" and (path, status) != ("/health", "503"):
                    shape = answer["content"]["application/json"]["schema"]["$ref"]
                    assert shape.endswith("/ErrorBody"), (path, status)


def test_the_page_of_docs_asks_nothing_of_the_network(api: TestClient) -> None:
    page = api.get("/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("HTTP", "")
    for path in api.get("/openapi.json").json()["paths"]:
        assert path in page.text


def thrown(folder: Path, cases: int) -> int:
    """Throw cases at every operation: each answer is documented, and none is a failure of ours."""
    count, key = 0, {"X-API-Key": "secret"}
    with served(folder, keys="secret", requests_per_minute="10000000") as client:
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json", headers=key).json())
        operations = [found.ok() for found in schema.get_all_operations()]
        for operation in operations:
            cases_of = st.one_of(
                operation.as_strategy(mode)
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
            )

            @settings(
                max_examples=max(1, cases // len(operations)),
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=cases_of)
            def throw(case: Any) -> None:
                nonlocal count
                count += 1
                sent = case.as_transport_kwargs(base_url="http://localhost")
                known = ("method", "url", "params", "json", "data", "files", "headers", "cookies")
                made = Request(**{name: sent.get(name) for name in known}).prepare()
                answer = client.request(
                    str(made.method),
                    str(made.url),
                    content=made.body,
                    headers=dict(made.headers) | key,
                )
                answer.request.read()  # a multipart body is looked at again
                case.validate_response(
                    answer, checks=[status_code_conformance, response_schema_conformance]
                )
                assert answer.status_code in (503, *range(500)), answer.text

            throw()
    return count


def test_no_case_is_answered_by_what_is_not_documented(scored_folder: Path) -> None:
    assert thrown(scored_folder, 200) > 100


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_ten_thousand_cases_are_answered_by_what_is_documented(scored_folder: Path) -> None:
    assert thrown(scored_folder, 12_000) >= 10_000
