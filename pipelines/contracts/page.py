"""The tables as a page for analysts: `python -m pipelines.contracts.page` brings it in step."""

from __future__ import annotations

from pathlib import Path

from pipelines.contracts.tables import TABLES, Table

PAGE = Path(__file__).resolve().parents[2] / "data_lake" / "README.md"
BEGIN = "<!-- tables: made by python -m pipelines.contracts.page -->"
END = "<!-- end of tables -->"


def page() -> str:
    """The part of the page that the declarations make."""
    return "\n".join([BEGIN, "", *(_section(table) for table in TABLES), END])


def _section(table: Table) -> str:
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
    text = PAGE.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) + len(END) :]
    PAGE.write_text(before + page() + after)


if __name__ == "__main__":
    main()
