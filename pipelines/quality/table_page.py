"""The tables as a page for analysts: `python -m pipelines.quality.table_page` updates it."""

from __future__ import annotations

from pipelines.contracts.tables import Table
from pipelines.core.settings import ROOT
from pipelines.forecasts.tables import ALL_TABLES

PAGE = ROOT / "data_lake" / "README.md"
BEGIN = "<!-- tables: made by python -m pipelines.quality.table_page -->"
END = "<!-- end of tables -->"


def build_page() -> str:
    """Return the part of the page that follows from the declarations."""
    return "\n".join([BEGIN, "", *(_build_section(table) for table in ALL_TABLES), END])


def _build_section(table: Table) -> str:
    lines = [f"### {table.full_name}", "", f"{table.meaning}.", ""]
    lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
    for c in table.columns:
        name = f"**{c.name}**" if c.name in table.key else c.name
        meaning = c.meaning + (" (may be null)" if c.nullable else "")
        if c.among:
            meaning += f": {', '.join(c.among)}"
        lines.append(f"| {name} | {c.type} | {c.unit} | {meaning} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Replace that part of data_lake/README.md."""
    text = PAGE.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) + len(END) :]
    PAGE.write_text(before + build_page() + after)


if __name__ == "__main__":
    main()
