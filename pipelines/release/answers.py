"""Whether two processes give the same answer to the same request.

Blue is asked, then green, then blue again: what blue itself answers otherwise a moment later, an
age or a new signal, is not compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import orjson

CLOSE = 1e-6  # relative; processors round the last digits of a float32 differently
LONGEST = 80  # characters of a value in an example


@dataclass(frozen=True)
class Reading:
    """An answer to a read; status 0 where none came."""

    status: int
    seconds: float
    body: bytes = b""
    trouble: str = ""
    was_late: bool = False  # none came in time

    @property
    def is_failure(self) -> bool:
        return self.status == 0 or self.status >= 500


def find_difference(before: Reading, other: Reading, after: Reading) -> str | None:
    """Return where an answer differs from the two around it; empty where it does not.

    None where that cannot be said: blue answered something else meanwhile.
    """
    if before.status != after.status:
        return None
    if other.status != before.status:
        return f"status {other.status} instead of {before.status}"
    first, second, third = _parse(before.body), _parse(other.body), _parse(after.body)
    if first is None or third is None:
        if before.body != after.body:
            return None
        return "" if other.body == before.body else "another text"
    if second is None:
        return "no JSON"
    return _compare(first, second, third, "")


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _compare(before: Any, other: Any, after: Any, place: str) -> str:
    """Return the first difference of a value that stayed the same; empty where there is none."""
    if isinstance(before, dict) and isinstance(after, dict):
        if before.keys() != after.keys():
            return ""
        if not isinstance(other, dict) or other.keys() != before.keys():
            return f"{place or 'the answer'} has other fields"
        parts = [(before[name], other[name], after[name], f"{place}.{name}") for name in before]
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            return ""
        if not isinstance(other, list) or len(other) != len(before):
            return f"{place or 'the answer'} has another length"
        triples = zip(before, other, after, strict=True)
        parts = [(*triple, f"{place}[{number}]") for number, triple in enumerate(triples)]
    else:
        if before != after or _is_same(before, other):
            return ""
        return f"{place.lstrip('.')} is {str(other)[:LONGEST]} instead of {str(before)[:LONGEST]}"
    return next(filter(None, (_compare(*part) for part in parts)), "")


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE * CLOSE)
    return bool(one == other)
