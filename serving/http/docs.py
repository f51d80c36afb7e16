"""GET /openapi.json, and two pages that show it: /docs (Swagger UI) and /redoc (ReDoc).

The scripts and styles of both pages come from this API, so they work without a network. All three
can be read without a key: they hold no data, and /docs is where a person enters the key.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic.json_schema import models_json_schema

from serving.schemas.errors import NotFound
from serving.schemas.scoring import BatchRequest, ScoreRequest

router = APIRouter(include_in_schema=False)
EXAMPLES = Path(__file__).with_name("examples.json")
PAGES = Path(__file__).with_name("pages")
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {
    path.name: path
    for folder in (PAGES, Path(str(files("fastapi_offline"))) / "static")
    for path in folder.iterdir()
    if path.suffix in MEDIA_TYPES
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # both pages write styles while they are shown
    "img-src": "'self' data:",  # icons that stand in the style sheet
    "connect-src": "'self'",  # openapi.json, and what is tried out
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
DOCS_POLICY = "; ".join(f"{name} {sources}" for name, sources in POLICY.items())
REDOC_POLICY = f"{DOCS_POLICY}; worker-src blob:"  # its search runs in a worker

SUMMARY = "The newest signals of Bullion, each with its age and what it is worth."
ABOUT = (
    "Signals, predictions and their history, and scoring of bars that you send.\n\n"
    "**Times** are date-times with their zone, such as `2026-08-28T14:30:00Z`. A number or a day "
    "alone is refused.\n\n"
    "**HEAD** is answered wherever GET is: with the same status and headers, and without a body."
    "\n\n"
    "**Keys**: reading needs a key once the API has keys; changing what is served always needs "
    "one. On the page `/docs`, the button *Authorize* takes it.\n\n"
    "**WebSocket**: `/ws/market-stream?universe=qqq` sends the newest state at once, then each "
    "new signal when it is published, and a heartbeat every 5 seconds. With "
    "`kind=prices&symbol=...` it sends live prices, at most four a second.\n\n"
    "**Lineage**: each published number can be derived again from the raw answers, to the same "
    "bits, where the lake is: `bullion reproduce --signal qqq@2026-08-28T14:30Z`, or "
    "`--prediction` or `--outcome FORECAST/TARGET/SYMBOL@TS` with the row's `ts`. "
    "`/operations/audits` has what the weekly audit found.\n\n"
    "**Terms** such as live, proven, WSS and coverage are explained in include/glossary.md, in the "
    "repository.\n\n"
    "The same reference is shown at `/docs`, where requests can be tried out, and at `/redoc`, "
    "for reading."
)
TAGS = {
    "newest": "The newest signals and predictions, for polling.",
    "history": "Past signals, predictions and decisions on models, page by page.",
    "performance": "What the published signals earned, and how well predictions came true.",
    "models": "What is known about each version of a model.",
    "scoring": "Predictions of bars or indicators that you send, and the models that make them.",
    "bars": "Bars as the lake has them.",
    "operations": "What ran, failed or is late, what was rejected, and what the lake holds.",
    "health": "Whether the API can answer, and its metrics.",
}
SECURITY_SCHEMES: dict[str, Any] = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key of the API, sent as the header `X-API-Key`.",
    },
    "BearerKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "The same key, sent as the header `Authorization: Bearer ...`.",
    },
}
NEEDS_KEY: dict[str, Any] = {"security": [{name: []} for name in SECURITY_SCHEMES]}
"""For `openapi_extra` of a route that always needs a key."""


def complete_schema(app: FastAPI) -> None:
    """Complete the schema that FastAPI builds."""
    build_schema = app.openapi

    def build_complete_schema() -> dict[str, Any]:
        if app.openapi_schema is None:
            _add_to_schema(build_schema())
        return build_schema()

    app.openapi = build_complete_schema  # type: ignore[method-assign]


def _add_to_schema(schema: dict[str, Any]) -> None:
    """Add what FastAPI does not know: keys, bodies that routes read by themselves, examples."""
    _, bodies = models_json_schema(
        [(ScoreRequest, "validation"), (BatchRequest, "validation")],
        ref_template="#/components/schemas/{model}",
    )
    schema["components"]["schemas"] |= bodies["$defs"]
    schema["components"]["securitySchemes"] = SECURITY_SCHEMES
    schema["info"] |= {"summary": SUMMARY, "description": ABOUT}
    schema["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    schema["security"] = [{}, *NEEDS_KEY["security"]]
    _finish_sentences(schema)
    for method, path, operation in operations(schema):
        operation["summary"] = operation["description"].splitlines()[0].removesuffix(".")
        _add_examples(operation["responses"], f"{method.upper()} {path}")


def _finish_sentences(node: Any) -> None:
    """Begin every description below a node with a capital, and end it with a full stop."""
    if isinstance(node, list):
        for item in node:
            _finish_sentences(item)
    elif isinstance(node, dict):
        text = node.get("description")
        if isinstance(text, str) and text:
            end = "" if text.endswith((".", "?")) else "."
            node["description"] = text[0].upper() + text[1:] + end
        for name, item in node.items():
            if name not in ("example", "examples", "enum", "default"):
                _finish_sentences(item)


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and description of each route."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _add_examples(responses: dict[str, Any], operation: str) -> None:
    """Give each documented answer the example that the API once gave."""
    examples = _examples()
    for status, response in responses.items():
        by_media_type = examples.get(operation, {}).get(status) or examples["*"].get(status, {})
        for media_type, example in by_media_type.items():
            response.setdefault("content", {}).setdefault(media_type, {})["example"] = example


@cache
def _examples() -> dict[str, dict[str, dict[str, Any]]]:
    """Return answers by operation (* for all), status and form, as a scored lake gave them."""
    examples: dict[str, dict[str, dict[str, Any]]] = orjson.loads(EXAMPLES.read_bytes())
    return examples


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """Describe the API for programs, as OpenAPI."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
def docs() -> HTMLResponse:
    """Show the API in Swagger UI, where requests can be tried out."""
    return _page("docs.html", DOCS_POLICY)


@router.get("/redoc")
def redoc() -> HTMLResponse:
    """Show the API in ReDoc, for reading."""
    return _page("redoc.html", REDOC_POLICY)


@router.get("/docs/files/{name}")
def page_file(name: str) -> Response:
    """Send a script, a style or a picture of the two pages."""
    # Not Starlette's StaticFiles: it answers a malformed Range in a shape of its own.
    path = FILES.get(name)
    if path is None:
        raise NotFound(f"the documentation has no file {name[:64]!r}", "see /docs")
    headers = {"cache-control": "public, max-age=3600"}
    return Response(path.read_bytes(), media_type=MEDIA_TYPES[path.suffix], headers=headers)


def _page(name: str, policy: str) -> HTMLResponse:
    return HTMLResponse(
        (PAGES / name).read_text(encoding="utf-8"), headers={"content-security-policy": policy}
    )
