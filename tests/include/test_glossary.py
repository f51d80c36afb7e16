"""The glossary says where its terms are met: every column and API field that it names exists."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from pipelines.contracts.tables import TABLES
from pipelines.core.settings import ROOT
from serving.app import create_app

PAGE = ROOT / "include" / "glossary.md"
REQUIRED = {
    "action", "as_of", "bar", "challenger", "champion", "closes_at", "coverage", "expected score",
    "fingerprint", "known_at", "live", "news signal", "proven", "score", "sentiment", "share",
    "snapshot", "stale", "story", "topic", "weight", "window", "WSS",
}  # fmt: skip
COLUMNS = {f"{table.full_name}.{name}" for table in TABLES for name in table.column_names}
OPENAPI = create_app().openapi()
FIELDS = {
    field
    for schema in OPENAPI["components"]["schemas"].values()
    for field in schema.get("properties", {})
}


class Entry(NamedTuple):
    """One line of the glossary."""

    term: str
    meaning: str
    columns: list[str]
    fields: list[str]

    @property
    def name(self) -> str:
        """The term as a column or a field would spell it."""
        return self.term.lower().replace(" ", "_")


def entries() -> list[Entry]:
    rows = [line.strip("|").split("|") for line in PAGE.read_text().splitlines() if line[:1] == "|"]
    return [
        Entry(term.strip(), meaning.strip(), *(re.findall("`([^`]+)`", cell) for cell in cells))
        for term, meaning, *cells in rows[2:]
    ]


ENTRIES = pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.term)


def test_the_terms_that_answers_need_are_there_in_the_order_of_the_alphabet() -> None:
    terms = [entry.term for entry in entries()]
    assert set(terms) >= REQUIRED
    assert terms == sorted(terms, key=str.lower)
    assert len(set(terms)) == len(terms)


@ENTRIES
def test_a_term_is_explained_where_it_is_met(entry: Entry) -> None:
    assert entry.meaning.endswith(".")
    assert set(entry.columns) <= COLUMNS
    assert set(entry.fields) <= FIELDS


@ENTRIES
def test_a_term_that_is_a_column_or_a_field_says_so(entry: Entry) -> None:
    if any(column.rpartition(".")[2] == entry.name for column in COLUMNS):
        assert any(column.rpartition(".")[2] == entry.name for column in entry.columns)
    if entry.name in FIELDS and entry.name != "source":
        assert entry.name in entry.fields


def test_the_readme_and_the_api_point_to_it() -> None:
    assert "](include/glossary.md)" in (ROOT / "README.md").read_text()
    assert "include/glossary.md" in OPENAPI["info"]["description"]
