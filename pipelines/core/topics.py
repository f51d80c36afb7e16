"""Topics: what news is about, one YAML file each.

They lie in include/topics and in the folder that BULLION_TOPICS names, where a file takes the
place of a shipped one of the same name. No code knows a topic. A file is read once by a process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from pipelines.core.errors import InvalidRequest, SourceError, unknown
from pipelines.core.input_files import read_file
from pipelines.core.named_files import NamedFiles

SETTING = "BULLION_TOPICS"
FOLDER = Path(__file__).resolve().parents[2] / "include" / "topics"
FILES = NamedFiles("topics", FOLDER, SETTING, ".yaml")
PAGE = "include/topics/README.md"
MOST_BYTES = 1 << 20
LONGEST_PHRASE = 200  # characters
FIELDS = ("meaning", "terms", "symbols", "feeds", "gdelt", "alphavantage", "finnhub")


@dataclass(frozen=True)
class Topic:
    """What stories are about: phrases that their texts have, and how each provider is asked."""

    name: str
    meaning: str
    terms: tuple[str, ...]
    symbols: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the phrases of each
    queries: Mapping[str, Any] = field(default_factory=dict)  # by source, as the file says it

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return _phrases_pattern((*self.terms, *(p for ps in self.symbols.values() for p in ps)))

    @cached_property
    def _symbol_patterns(self) -> dict[str, re.Pattern[str]]:
        return {symbol: _phrases_pattern(phrases) for symbol, phrases in self.symbols.items()}

    def matches(self, text: str) -> bool:
        """Whether a text has one of the topic's phrases."""
        return self._pattern.search(text) is not None

    def symbols_in(self, text: str) -> tuple[str, ...]:
        """Return the symbols of the topic that a text speaks of."""
        return tuple(s for s, pattern in self._symbol_patterns.items() if pattern.search(text))


def topic_names() -> tuple[str, ...]:
    """Return the name of every topic, without reading their files."""
    return tuple(sorted(FILES.list_files(FILES.folder)))


def topic(name: str) -> Topic:
    """Return the topic of that name."""
    return _topic(name, FILES.folder)


@cache
def _topic(name: str, folder: str) -> Topic:
    files = FILES.list_files(folder)
    if name not in files:
        error = unknown("topic", name, files)
        raise InvalidRequest(
            error.message,
            f"{error.hint}; or write {FILES.place_for(name, folder)}, see {PAGE}",
        )
    return _read_topic(name, files[name])


def _read_topic(name: str, path: Path) -> Topic:
    """Read a topic's file. Raises InvalidRequest with what cannot be used in it."""
    try:
        content = yaml.safe_load(read_file(path, path.parent, MOST_BYTES))
    except (yaml.YAMLError, SourceError, ValueError) as reason:
        raise InvalidRequest(f"{path} cannot be read: {reason}", f"see {PAGE}") from None
    if not isinstance(content, dict):
        raise InvalidRequest(f"{path} is no mapping of fields", f"see {PAGE}")
    for key in content:
        if key not in FIELDS:
            error = unknown(f"field of {path}", str(key), FIELDS)
            raise InvalidRequest(error.message, f"{error.hint}; see {PAGE}")
    symbols = content.get("symbols") or {}
    if not isinstance(symbols, dict):
        raise InvalidRequest(
            f"{path}: symbols is no mapping", f"write a symbol and its phrases a line, see {PAGE}"
        )
    terms = _phrases(path, "terms", content.get("terms") or [])
    by_symbol = {str(s): _phrases(path, f"symbols.{s}", phrases) for s, phrases in symbols.items()}
    if not terms and not by_symbol:
        raise InvalidRequest(
            f"{path} has neither terms nor symbols", f"add a phrase to look for, see {PAGE}"
        )
    queries = {key: content[key] for key in FIELDS[3:] if content.get(key)}
    return Topic(name, str(content.get("meaning", name)), terms, by_symbol, queries)


def _phrases(path: Path, place: str, values: Any) -> tuple[str, ...]:
    """Return a list of phrases from a file, each as text."""
    if not isinstance(values, list):
        raise InvalidRequest(f"{path}: {place} is no list", f"write [Apple, iPhone], see {PAGE}")
    phrases = tuple(str(value).strip() for value in values)
    for phrase in phrases:
        if not phrase or len(phrase) > LONGEST_PHRASE:
            raise InvalidRequest(
                f"{path}: {place} has a phrase of {len(phrase):,} characters",
                f"a phrase has 1 to {LONGEST_PHRASE}",
            )
    return phrases


def _phrases_pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of any of these phrases, as whole words, in any case."""
    longest_first = sorted(set(phrases), key=len, reverse=True)
    words = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in longest_first)
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
