"""GET /openapi.json and GET /docs, a page of our own that asks nothing of the network."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic.json_schema import models_json_schema

from serving.http.keys import reading
from serving.schemas.scoring import Batch, Sent

router = APIRouter(dependencies=[reading], include_in_schema=False)
EXAMPLES = Path(__file__).with_name("examples.json")
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
code,pre{background:#f2f2f2;padding:.1em .3em}pre{padding:.7em;overflow:auto}
td,th{text-align:left;vertical-align:top;padding:.15em 1em .15em 0}summary{cursor:pointer}"""
CONVENTIONS = (
    "Times are date-times with their zone, such as 2026-08-28T14:30:00Z; a number, or a day "
    "alone, is refused. Every GET can be asked by HEAD too: the same status and headers, and no "
    "body. Terms such as live, proven, WSS and coverage are explained in include/glossary.md, in "
    "the repository."
)
KEY = "Sent as X-API-Key; needed once the API has keys, and always by what changes it."


def complete(app: FastAPI) -> None:
    """Tell the schema of what routes take without FastAPI's own ways: the key, bodies of JSON."""
    plain = app.openapi

    def told() -> dict[str, Any]:
        schema = plain()
        _, sent = models_json_schema(
            [(Sent, "validation"), (Batch, "validation")],
            ref_template="#/components/schemas/{model}",
        )
        schema["components"]["schemas"] |= sent["$defs"]
        schemes = schema.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["key"] = {
            "type": "apiKey", "in": "header", "name": "X-API-Key", "description": KEY,
        }  # fmt: skip
        schema["info"]["description"] = CONVENTIONS
        schema["security"] = [{}, {"key": []}]
        for method, path, operation in operations(schema):
            _exemplify(operation["responses"], f"{method.upper()} {path}")
        return schema

    app.openapi = told  # type: ignore[method-assign]


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each route."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _exemplify(responses: dict[str, Any], operation: str) -> None:
    """Give every answer the example that was once answered."""
    known = _examples()
    for status, response in responses.items():
        told = known.get(operation, {}).get(status) or known["*"].get(status, {})
        for form, example in told.items():
            response.setdefault("content", {}).setdefault(form, {})["example"] = example


@cache
def _examples() -> dict[str, dict[str, dict[str, Any]]]:
    """Answers by operation (* for all), status and form, as a lake that was scored gave them."""
    found: dict[str, dict[str, dict[str, Any]]] = orjson.loads(EXAMPLES.read_bytes())
    return found


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """What can be asked, for machines."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """What can be asked, for people."""
    schema = request.app.openapi()
    parts = [_route(method, path, told, schema) for method, path, told in operations(schema)]
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Bullion API</title>"
        f"<style>{STYLE}</style><h1>Bullion API</h1><p>{escape(schema['info']['summary'])}.</p>"
        f"<p>{escape(KEY)} For machines: <a href=openapi.json>openapi.json</a>.</p>"
        f"<p>{escape(CONVENTIONS)}</p>"
        f"<p><code>WS /ws/market-stream?universe=qqq</code> sends the newest state, then each new "
        f"signal as it is published, and a heartbeat every 5 s.</p>{''.join(parts)}</html>"
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return HTMLResponse(page, headers={"content-security-policy": policy})


def _route(method: str, path: str, told: dict[str, Any], schema: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code>{'*' if p.get('required') else ''}"
        f"<td>{escape(p.get('description', ''))}</tr>"
        for p in told.get("parameters", ())
    )
    link = ""
    if method == "get":
        address = example(path, told)
        link = f"<p><a href='{escape(address.lstrip('/'))}'>{escape(address)}</a></p>"
    answer = told["responses"].get("200", {}).get("content", {}).get("application/json", {})
    fields = _fields(answer.get("schema", {}), schema)
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
        f"{escape(told.get('description', '').splitlines()[0] if told.get('description') else '')}"
        f"</summary><p>{escape(told.get('description', ''))}</p>{link}<table>{rows}</table>"
        f"<h4>Answers</h4><table>{fields}</table></details>"
    )


def _fields(given: dict[str, Any], schema: dict[str, Any]) -> str:
    name = given.get("$ref", "").rpartition("/")[2]
    properties = schema["components"]["schemas"].get(name, {}).get("properties", {})
    return "".join(
        f"<tr><td><code>{escape(field)}</code><td>{escape(about.get('description', ''))}</tr>"
        for field, about in properties.items()
    )


def example(path: str, told: dict[str, Any]) -> str:
    """The address that the examples of a route's parameters make."""
    query = {}
    for one in told.get("parameters", ()):
        given = one.get("example") or next(iter(one.get("schema", {}).get("examples", ())), None)
        if given is None:
            continue
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(given))
        elif one["in"] == "query":
            query[one["name"]] = given
    return f"{path}?{urlencode(query)}" if query else path
