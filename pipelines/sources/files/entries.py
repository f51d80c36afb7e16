"""Checks of what a mapping says: each names the key that is wrong, and what to write instead."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.text import is_readable


def list_entries(parent: Mapping[str, Any], key: str, where: str) -> Iterator[tuple[int, Any]]:
    entries = parent.get(key) or []
    if not isinstance(entries, (list, tuple)):
        raise InvalidRequest(f"{key} of {where} is not a list", "begin each entry with '- '")
    return enumerate(entries, 1)


def check_keys(entry: Any, allowed: tuple[str, ...] | None, where: str) -> None:
    if not isinstance(entry, Mapping):
        raise InvalidRequest(f"{where} is not 'key: value' lines but {abbreviate(entry)}")
    for key in entry:
        if not isinstance(key, str):
            raise InvalidRequest(f"key {key!r} in {where} is not text", "put it in quotes")
        if allowed is not None and key not in allowed:
            raise unknown(f"key in {where}:", key, allowed)


def read_values(kind: type[Any], entry: Any, where: str) -> dict[str, Any]:
    declared = {f.name: f for f in fields(kind)}
    check_keys(entry, tuple(declared), where)
    for name, declaration in declared.items():
        needed = declaration.default is MISSING and declaration.default_factory is MISSING
        if needed and entry.get(name) is None:
            raise InvalidRequest(f"{where} has no {name}", f"add '{name}:' to it")
    return {k: v for k, v in entry.items() if v is not None}


def check_choice(key: str, value: Any, allowed: tuple[str, ...], where: str) -> None:
    if value not in allowed:
        raise unknown(f"{key} of {where}:", str(value), allowed)


def check_zone(name: str, where: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidRequest(
            f"timezone {name!r} of {where} is not known", "for example America/New_York or UTC"
        ) from None


def check_text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"{where} is not text but {abbreviate(value)}", "put it in quotes")
    return value


def check_readable(symbol: str, where: str) -> str:
    if not is_readable(symbol):
        raise InvalidRequest(
            f"{where} is {symbol!r}, which has signs that cannot be seen", "write it without them"
        )
    return symbol


def abbreviate(value: Any) -> str:
    """Shorten a value for a message: a few YAML aliases may stand for billions of items."""
    short = reprlib.Repr()
    short.maxlevel = 2
    return short.repr(value)


def check_texts(value: Any, where: str) -> tuple[str, ...]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return tuple(check_text(v, where) for v in values)
