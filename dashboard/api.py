"""The API as the dashboard reads it: one request for all sessions, and the last good answer."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import httpx

from dashboard.settings import Settings

Json = Any
AGES = ("age_seconds",)
"""Fields that change with the clock alone: they make no new version of an answer."""

PROBE_SECONDS = 1.0
"""For which an API that was silent is asked whether it is there again."""


@dataclass(frozen=True)
class Problem:
    """Why there is no answer, or none that is new, in words for the page."""

    message: str
    hint: str = ""
    status: int = 0  # of HTTP; 0 where nothing was answered
    kind: str = ""  # the API's own name of the error

    @property
    def is_denial(self) -> bool:
        """Whether the API says that there is nothing of this kind: then nothing old is shown."""
        return self.kind == "not_yet" or self.status in (404, 406, 422)


@dataclass(frozen=True)
class Answer:
    """What the API said to one request, and when."""

    data: Json = None
    problem: Problem | None = None
    read_at: datetime | None = None  # when `data` was answered, or was confirmed by a 304
    next_cursor: str = ""
    version: str = ""  # changes with what is shown, and not with its age alone

    @property
    def is_old(self) -> bool:
        """Whether the data are of an earlier request, as the newest one failed."""
        return self.problem is not None and self.data is not None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of a listing; none where there is no answer."""
        return list(self.data["rows"]) if self.data else []


@dataclass
class _Entry:
    answer: Answer = field(default_factory=Answer)
    etag: str = ""
    asked_at: float = float("-inf")
    bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Api:
    """Reads the API for all sessions of one dashboard.

    Sessions that want the same within `fresh_seconds` share one request, and a request says which
    version it has, so that an unchanged answer is a 304.
    """

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
        key = settings.key.get_secret_value()
        self._client = httpx.Client(
            base_url=settings.api,
            headers={"X-API-Key": key} if key else {},
            timeout=settings.timeout_seconds,
            trust_env=False,
            transport=transport,
        )
        self._settings = settings
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._silence: Problem | None = None  # since a request was not answered in time

    def get(self, path: str, **parameters: object) -> Answer:
        """Return the answer to a request; parameters that are None are left out."""
        url = str(httpx.URL(path, params=_sendable(parameters)))
        entry = self._entry(url)
        with entry.lock:
            if time.monotonic() - entry.asked_at >= self._settings.fresh_seconds:
                entry.answer = self._ask(url, entry)
                entry.asked_at = time.monotonic()
            answer = entry.answer
        self._trim()
        return answer

    def csv(self, path: str, **parameters: object) -> bytes:
        """Return the rows of a listing as CSV, as the API writes it; raise where it refuses."""
        response = self._client.get(
            path, params=_sendable(parameters), headers={"Accept": "text/csv"}
        )
        response.raise_for_status()
        return response.content

    def _answers(self) -> bool:
        """Return whether the API says anything: a page need not wait for each of its requests."""
        try:
            self._client.get("/health", timeout=min(PROBE_SECONDS, self._settings.timeout_seconds))
        except httpx.HTTPError:
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _entry(self, url: str) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault(url, _Entry())
            self._entries.move_to_end(url)
            return entry

    def _trim(self) -> None:
        """Forget what was read longest ago, while all of it is too much."""
        with self._lock:
            total_bytes = sum(entry.bytes for entry in self._entries.values())
            while total_bytes > self._settings.cache_bytes and len(self._entries) > 1:
                _, entry = self._entries.popitem(last=False)
                total_bytes -= entry.bytes

    def _ask(self, url: str, entry: _Entry) -> Answer:
        headers = {"If-None-Match": entry.etag} if entry.etag else {}
        if self._silence and not self._answers():
            return _with_problem(entry.answer, self._silence)
        try:
            response = self._client.get(url, headers=headers)
        except httpx.HTTPError as error:
            problem = _unreachable(error, self._settings)
            self._silence = problem if isinstance(error, httpx.TimeoutException) else None
            return _with_problem(entry.answer, problem)
        self._silence = None
        if response.status_code == httpx.codes.NOT_MODIFIED:
            now = datetime.now(UTC)
            return replace(entry.answer, problem=None, read_at=now, version=entry.etag)
        if not response.is_success:
            answer = _with_problem(entry.answer, _problem_of(response))
            if answer.data is None:
                entry.etag = ""
            return answer
        try:
            data = response.json()
        except ValueError:
            problem = Problem("the API answered something that is no JSON", "is it the right port?")
            return _with_problem(entry.answer, problem)
        entry.etag = response.headers.get("etag", "")
        entry.bytes = len(response.content)
        return Answer(
            data,
            read_at=datetime.now(UTC),
            next_cursor=response.headers.get("x-next-cursor", ""),
            version=entry.etag or _digest(data),
        )


def _sendable(parameters: Mapping[str, object]) -> dict[str, str]:
    """Return the parameters as texts: times with their zone, truths as the API reads them."""
    texts: dict[str, str] = {}
    for name, value in parameters.items():
        if value is None:
            continue
        if isinstance(value, bool):
            texts[name] = str(value).lower()
        elif isinstance(value, datetime):
            texts[name] = value.isoformat()
        elif isinstance(value, list | tuple):
            texts[name] = ",".join(map(str, value))
        else:
            texts[name] = str(value)
    return texts


def _with_problem(answer: Answer, problem: Problem) -> Answer:
    """Return the problem, with the last good answer where that may still be shown."""
    if problem.is_denial:
        return Answer(problem=problem, version=f"none: {problem.message}")
    version = answer.version.removeprefix("old ")
    return replace(answer, problem=problem, version=f"old {version}")


def _unreachable(error: httpx.HTTPError, settings: Settings) -> Problem:
    if isinstance(error, httpx.TimeoutException):
        return Problem(
            f"The API has not answered within {settings.timeout_seconds:g} s.",
            "It is overloaded or hangs: see `make status` and `make logs`.",
        )
    return Problem(
        f"The API at {settings.api} cannot be reached.",
        "Start it with `make api` or `make up`; `make status` says what runs.",
    )


def _problem_of(response: httpx.Response) -> Problem:
    """Return what an error of the API says; of something that is no API, its status."""
    status = response.status_code
    if status == httpx.codes.UNAUTHORIZED:
        return Problem(
            "The API does not know the dashboard's key, or wants one.",
            "Set BULLION_DASHBOARD_KEY to one of BULLION_API_KEYS, and start the dashboard again.",
            status,
        )
    try:
        error = response.json()["error"]
        message, hint = str(error["message"]), str(error.get("hint") or "")
        kind = str(error.get("type") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return Problem(f"The API answered with status {status}.", "See `make logs`.", status)
    return Problem(f"{message}.", f"{hint}." if hint else "", status, kind)


def _digest(data: Json) -> str:
    """Return a version of an answer that has no ETag: of all but its ages."""

    def without_ages(value: Json) -> Json:
        if isinstance(value, dict):
            return {k: without_ages(v) for k, v in value.items() if k not in AGES}
        return [without_ages(item) for item in value] if isinstance(value, list) else value

    return blake2b(repr(without_ages(data)).encode(), digest_size=12).hexdigest()
