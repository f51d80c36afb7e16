"""Every source has what the interface asks for, and the schemas fit the tables of bronze."""

from __future__ import annotations

import inspect

import pyarrow as pa
import pytest

from pipelines.contracts.bronze import BRONZE_ACTIONS, BRONZE_BARS, BRONZE_WEIGHTS
from pipelines.contracts.tables import Table
from pipelines.core.intervals import interval_of
from pipelines.sources import SOURCES, source_class
from pipelines.sources.base import ACTIONS, BARS, REJECTS, WEIGHTS, Parsed, Source
from pipelines.sources.news import NewsSource

TYPES = {
    pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.int64(): "BIGINT", pa.date32(): "DATE",
    pa.bool_(): "BOOLEAN", pa.timestamp("us", "UTC"): "TIMESTAMPTZ",
}  # fmt: skip


OF_BARS = [n for n in SOURCES if "bars" in getattr(source_class(n), "datasets", ("bars",))]
OF_NEWS = [n for n in SOURCES if "news" in getattr(source_class(n), "datasets", ("bars",))]


@pytest.mark.parametrize("name", OF_BARS)
def test_every_source_has_a_name_and_a_page(name: str) -> None:
    kind = source_class(name)
    assert (kind.__doc__ or "").strip()
    assert isinstance(kind.is_sample, bool)
    assert isinstance(kind.resumes, bool)


@pytest.mark.parametrize("name", OF_BARS)
def test_every_source_has_the_methods_of_the_interface(name: str) -> None:
    methods = [method for method in vars(Source) if inspect.isfunction(vars(Source)[method])]
    for method in (m for m in methods if not m.startswith("_")):
        declared = inspect.signature(getattr(Source, method)).parameters
        assert list(inspect.signature(getattr(source_class(name), method)).parameters) == list(
            declared
        )


@pytest.mark.parametrize("name", OF_NEWS)
def test_every_source_of_news_has_a_page_and_the_methods_of_its_interface(name: str) -> None:
    kind = source_class(name)
    assert (kind.__doc__ or "").strip()
    assert isinstance(kind.is_sample, bool)
    assert isinstance(kind.resumes_news, bool)  # type: ignore[attr-defined]
    for method in ("news_pieces", "fetch_news", "parse_news"):
        declared = inspect.signature(getattr(NewsSource, method)).parameters
        assert list(inspect.signature(getattr(kind, method)).parameters) == list(declared)


@pytest.mark.parametrize(
    ("schema", "table"),
    [(BARS, BRONZE_BARS), (ACTIONS, BRONZE_ACTIONS), (WEIGHTS, BRONZE_WEIGHTS)],
    ids=["bars", "actions", "weights"],
)
def test_a_parsed_column_has_the_type_of_its_column_in_bronze(
    schema: pa.Schema, table: Table
) -> None:
    for field in schema:
        assert table.column(field.name).type == TYPES[field.type], field.name


def test_bars_alone_make_an_answer_without_actions_and_rejects() -> None:
    parsed = Parsed(interval_of("1h"), BARS.empty_table())
    assert (parsed.actions.schema, parsed.rejects.schema) == (ACTIONS, REJECTS)
    assert len(parsed.actions) == len(parsed.rejects) == 0
    assert (parsed.calendar, parsed.grid, parsed.split_adjusted) == ("XNYS", "session", True)
