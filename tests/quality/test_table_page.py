"""The analysts' page lists the tables as they are declared."""

from __future__ import annotations

from pipelines.forecasts.tables import ALL_TABLES
from pipelines.quality.table_page import BEGIN, END, PAGE, build_page


def test_the_page_lists_the_tables_as_they_are() -> None:
    text = PAGE.read_text()
    between = text[text.index(BEGIN) : text.index(END) + len(END)]
    assert between == build_page(), "run: python -m pipelines.quality.table_page"
    for table in ALL_TABLES:
        assert f"### {table.full_name}\n" in between
