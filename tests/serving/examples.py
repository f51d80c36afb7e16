"""Examples for the API's documentation: answers of the API itself over a scored lake.

python -m tests.serving.examples    # writes serving/http/examples.json anew
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from serving.http.docs import EXAMPLES, operations
from serving.http.formats import CSV, JSON
from serving.http.protocol import late_answer, long_headers_answer
from serving.settings import settings
from tests.serving.daily import DAILY, SYMBOL
from tests.serving.scored_api import api_at, build_folder

Examples = dict[str, dict[str, dict[str, Any]]]  # by operation (* for all), status and media type
KEY, POOR = {"X-API-Key": "secret"}, {"X-API-Key": "poor"}
MAIN, MISSPELT = "nasdaq100_hourly", "nasdaq_hourly"
TWO_ROWS = "limit=2"  # rows of a history
NOT_FOUND = {
    "/signal/index": "/signal/index?universe=aapl",
    "/signals/history": "/signals/history?universe=aapl",
    "/predict/component": "/predict/component?symbol=NVDIA",
    "/bars/newest": "/bars/newest?symbol=NVDIA",
    "/bars/history": "/bars/history?symbol=NVDIA",
    "/prices/newest": "/prices/newest?symbol=NQ",
    "/news/signals/newest": "/news/signals/newest?topic=chips",
    **{
        path: f"{path}?universe=aapl"
        for path in ("/performance", "/performance/curve", "/performance/hits")
    },
    "/backtests/{name}": "/backtests/daily",
    "/backtests/{name}/curve": "/backtests/daily/curve",
}
NO_UNIVERSE, NO_SYMBOL, NO_TOPIC = "universe=qqqq", "symbol=", "topic=sp5000"
NO_ZONE = "start=2026-08-28T00:00:00"
OF_A_VERSION = ("gates", "evidence", "rankings", "drift")
INVALID = {
    "/signal/index": NO_UNIVERSE,
    "/forecasts/{name}/signal": NO_UNIVERSE,
    "/predict/component": NO_SYMBOL,
    "/forecasts/{name}/component": NO_SYMBOL,
    "/bars/newest": NO_SYMBOL,
    "/bars/history": NO_SYMBOL,
    "/prices/newest": NO_SYMBOL,
    "/operations/checks": "passed=maybe",
    "/news/signals/newest": NO_TOPIC,
    "/news/signals": NO_TOPIC,
    "/model-info": f"forecast={MISSPELT}",
    "/reload-model": f"forecast={MISSPELT}",
    "/forecasts/{name}/latest": "",
    "/forecasts/{name}/features": "",
    **{f"/forecasts/{{name}}/{rest}": "model_version=0" for rest in OF_A_VERSION},
    "/backtests/{name}": "",
}
# Where the forecast with several targets shows more.
OF_SEVERAL_TARGETS = (
    "/forecasts/{name}/latest",
    "/forecasts/{name}/history",
    "/forecasts/{name}/features",
)


def collect_examples(folder: Path, empty: Path) -> Examples:
    """Collect an answer for every status that an operation documents."""
    answers: Examples = {"*": {}}
    # A machine under load makes no other answers.
    limits = {"requests_per_minute": "300", "body_bytes": "20000", "slow_ms": "60000"}
    with api_at(empty) as bare, api_at(folder, keys="secret,poor", **limits) as client:
        for status, answer in general_errors(client, bare):
            answers["*"][status] = check_documented(answer, status)
        for method, path, operation in operations(schema_of(client)):
            by_status = answers[f"{method.upper()} {path}"] = {}
            for status, answer in operation_answers(client, bare, method, path, operation):
                by_status.setdefault(status, {}).update(check_documented(answer, status))
    return answers


def schema_of(client: TestClient) -> dict[str, Any]:
    schema: dict[str, Any] = client.get("/openapi.json", headers=KEY).json()
    return schema


def check_documented(answer: Response, status: str) -> dict[str, Any]:
    assert answer.status_code == int(status), (answer.url, status, answer.text)
    media_type = answer.headers["content-type"].partition(";")[0]
    return {media_type: answer.json() if media_type == JSON else answer.text}


def general_errors(client: TestClient, bare: TestClient) -> Iterator[tuple[str, Response]]:
    """Yield the errors that any operation may answer."""
    yield "400", client.get("/signal/index", headers=KEY | {"Host": "example.org"})
    yield "401", client.get("/signal/index")
    yield "408", parse_answer(late_answer(settings()))
    yield "413", client.post("/predict", content=b" " * 30_000, headers=KEY)
    while (answer := client.get("/signal/index", headers=POOR)).is_success:
        continue
    yield "429", answer
    yield "431", parse_answer(long_headers_answer(settings()))
    yield "503", bare.get("/signal/index")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serving.routes.bars.COLUMNS", "no_such_column")
        yield "500", client.get("/bars/newest?symbol=NVDA", headers=KEY)


def parse_answer(sent_bytes: bytes) -> Response:
    """Read an answer that is written to the connection itself."""
    head, _, content = sent_bytes.partition(b"\r\n\r\n")
    status_line, *headers = head.decode().split("\r\n")
    pairs = [(name, value) for name, _, value in (line.partition(": ") for line in headers)]
    return Response(int(status_line.split()[1]), headers=pairs, content=content)


def operation_answers(
    client: TestClient, bare: TestClient, method: str, path: str, operation: dict[str, Any]
) -> Iterator[tuple[str, Response]]:
    """Yield the answers of one operation: its example, and its own errors."""
    good, statuses = example_address(path, operation), operation["responses"]
    if path in OF_SEVERAL_TARGETS:
        good = good.replace(MAIN, DAILY.name).replace("NVDA", SYMBOL)
    bodies = bodies_of(operation, schema_of(client))
    kind, body = next(iter(bodies.items()), ("", b""))
    main_path = path.replace("{name}", MAIN)

    def ask(address: str, content: bytes = body, accept: str = "*/*") -> Response:
        content_headers = {"Accept": accept} | ({"Content-Type": kind} if kind else {})
        return client.request(method, address, content=content, headers=KEY | content_headers)

    media_types = statuses["200"]["content"]
    for media_type in (JSON, CSV) if CSV in media_types else ("*/*",):
        separator = "&" if "?" in good else "?"
        has_limit = any(
            parameter["name"] == "limit" for parameter in operation.get("parameters", ())
        )
        yield "200", ask(f"{good}{separator}{TWO_ROWS}" if has_limit else good, accept=media_type)
    if "403" in statuses:
        headers = {} if "requestBody" not in operation else {"Origin": "https://example.org"}
        yield "403", bare.request(method, good, headers=headers)
    if "404" in statuses:
        yield (
            "404",
            ask(NOT_FOUND.get(path) or good.replace(MAIN, MISSPELT).replace(DAILY.name, MISSPELT)),
        )
    if "406" in statuses:
        yield "406", ask(good, accept="image/png")
    if "422" in statuses and body:
        yield "422", ask(main_path, content=b"[]")
    elif "422" in statuses:
        long_path = path.replace("{name}", "a" * 65)
        query = INVALID.get(path, NO_ZONE)
        yield "422", ask(f"{main_path}?{query}" if query else long_path)
    if "503" in statuses and path == "/health":
        yield "503", bare.get("/health")


def bodies_of(operation: dict[str, Any], schema: dict[str, Any]) -> dict[str, bytes]:
    """Return the documented examples of request bodies, by media type."""
    bodies = {}
    for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
        name = media["schema"].get("$ref", "").rpartition("/")[2]
        for example in schema["components"]["schemas"].get(name, {}).get("examples", ()):
            bodies.setdefault(media_type, orjson.dumps(example))
        if "example" in media:
            bodies[media_type] = media["example"].encode()
    return bodies


def example_address(path: str, operation: dict[str, Any]) -> str:
    """Return the address of a route with the examples of its parameters."""
    query = {}
    for parameter in operation.get("parameters", ()):
        values = parameter.get("schema", {}).get("examples", ())
        value = parameter.get("example") or next(iter(values), None)
        if value is None:
            continue
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(value))
        elif parameter["in"] == "query":
            query[parameter["name"]] = value
    return f"{path}?{urlencode(query)}" if query else path


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        answers = collect_examples(build_folder(Path(folder)), Path("/srv/bullion"))
    # One line for each answer, so that a diff can be read.
    parts = []
    for operation, statuses in answers.items():
        lines = [
            f"  {convert_value(status)}: {convert_value(by_media_type)}"
            for status, by_media_type in sorted(statuses.items())
        ]
        parts.append(f"{convert_value(operation)}: {{\n" + ",\n".join(lines) + "\n}")
    EXAMPLES.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def convert_value(value: Any) -> str:
    return orjson.dumps(value).decode()


if __name__ == "__main__":
    main()
