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
from tests.serving.examples import collect_examples
from tests.serving.scored_api import api_at, wait_until

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
                assert answer.status_code < 500, answer.text

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
