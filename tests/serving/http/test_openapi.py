"""The whole OpenAPI: every documented example runs, and nothing undocumented is ever answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from requests import Request
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    response_schema_conformance,
    status_code_conformance,
)

from serving.http.docs import operations
from serving.http.formats import ARROW, JSON
from tests.serving.documented import examples
from tests.serving.served import api_at, wait_until

AGAIN = "write the examples anew: python -m tests.serving.documented"


def test_every_documented_answer_is_one_that_the_api_gives(
    api: TestClient, scored_folder: Path, tmp_path: Path
) -> None:
    given = examples(scored_folder, tmp_path)
    for method, path, told in operations(api.get("/openapi.json").json()):
        for status, documented in told["responses"].items():
            if status == "304":
                continue
            mine = given[f"{method.upper()} {path}"].get(status) or given["*"][status]
            assert set(documented["content"]) <= {*mine, ARROW}
            for form, answer in mine.items():
                example = documented["content"][form]["example"]
                assert shape(example) == shape(answer), f"{method} {path} {status}: {AGAIN}"


def shape(value: Any) -> Any:
    """What an answer is made of, whatever it says."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return type(value)


def test_the_documented_answers_are_of_their_models(api: TestClient) -> None:
    schema, checked = api.get("/openapi.json").json(), 0
    models = {route.path: route for route in api.app.routes if isinstance(route, APIRoute)}  # type: ignore[attr-defined]
    for _, path, told in operations(schema):
        for status, documented in told["responses"].items():
            example = documented.get("content", {}).get(JSON, {}).get("example")
            if example is not None:
                other = models[path].responses.get(int(status), {}).get("model")
                TypeAdapter(other or models[path].response_model).validate_python(example)
                checked += 1
    assert checked > 100


def test_every_answer_and_field_is_described(api: TestClient) -> None:
    for method, path, told in operations(api.get("/openapi.json").json()):
        assert told["description"], (method, path)
        for one in told.get("parameters", ()):
            assert one.get("description"), (method, path, one["name"])
        for status, answer in told["responses"].items():
            if status[0] in "45" and (path, status) != ("/health", "503"):
                shape = answer["content"][JSON]["schema"]["$ref"]
                assert shape.endswith("/ErrorBody"), (path, status)


def texts(node: Any, name: str) -> Iterator[str]:
    """Every text of that name in the schema, at any depth."""
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
    found = list(texts(schema, "description"))
    assert len(found) > 200
    for text in found:
        first = text.splitlines()[0]  # what a list of routes shows
        assert first.endswith((".", "?")), text
        assert first[0].isupper() or first[0] in "`*1", text


def test_the_summary_of_a_route_is_the_first_sentence_of_its_description(api: TestClient) -> None:
    for method, path, operation in operations(api.get("/openapi.json").json()):
        assert operation["description"].startswith(operation["summary"] + "."), (method, path)


def thrown(folder: Path, cases: int) -> int:
    """Throw cases at every operation: each answer is documented, and none is a failure of ours."""
    count, key = 0, {"X-API-Key": "secret"}
    with api_at(folder, keys="secret", requests_per_minute="10000000") as client:
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json", headers=key).json())
        every = [found.ok() for found in schema.get_all_operations()]
        wait_until(lambda: client.get("/model-info", headers=key).is_success)
        for operation in every:
            cases_of = st.one_of(
                operation.as_strategy(mode)
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
            )

            @settings(
                max_examples=max(1, cases // len(every)),
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
                assert answer.status_code < 500, answer.text

            throw()
    return count


def test_no_case_is_answered_by_what_is_not_documented(scored_folder: Path) -> None:
    assert thrown(scored_folder, 200) > 100


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_ten_thousand_cases_are_answered_by_what_is_documented(scored_folder: Path) -> None:
    count = thrown(scored_folder, 15_000)  # of operations that take nothing there are few
    print(f"{count:,} cases")
    assert count >= 10_000
