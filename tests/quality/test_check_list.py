"""Every check that can fail is described, on the analysts' page and in the troubleshooting page."""

from __future__ import annotations

import pytest

from pipelines.contracts.tables import TABLES
from pipelines.core.settings import ROOT
from pipelines.quality import checks
from pipelines.quality.check_list import CHECKS, PAGE, CheckDescription, describe_check

SECTIONS = {
    "data_lake/README.md": "## What blocks and what warns",
    "include/troubleshooting.md": "### `these checks failed:`",
}
OF_A_RUN = ("not_empty", "some_stand", "unique_key", *checks.COMPLETENESS.values(),
            "returns_within_5_deviations", "columns", "types")  # fmt: skip
NAMES = sorted(
    {rule.check for table in TABLES for rule in checks.violations(table.columns, table.rules)}
    | set(OF_A_RUN)
)


@pytest.mark.parametrize(("page", "section"), SECTIONS.items())
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_each_check_is_in_the_table_with_what_to_do(
    page: str, section: str, check: CheckDescription
) -> None:
    _, heading, text = (ROOT / page).read_text().partition(section)
    assert heading
    row = next((row for row in text.splitlines() if row.startswith(f"| `{check.name}` |")), "")
    assert row, f"{page} does not name {check.name}"
    assert check.remedy in row
    if page == "data_lake/README.md":
        assert row.split("|")[2].strip() == ("stops the run" if check.blocks else "warns")
        assert check.meaning in row


@pytest.mark.parametrize("name", NAMES)
def test_each_check_that_a_run_may_make_is_described(name: str) -> None:
    for check in (name, f"{name}_gx"):
        assert describe_check(check).meaning, f"{check} is not in CHECKS"


def test_the_page_that_an_error_names_has_that_section() -> None:
    path, _, section = PAGE.partition(", ")
    assert f"## {section.strip(chr(39))}" in (ROOT / path).read_text()


def test_a_check_by_its_own_name_comes_before_one_of_columns() -> None:
    assert describe_check("not_empty").name == "not_empty"
    assert describe_check("close_not_positive_gx").name == "<column>_not_positive"
    assert describe_check("no_such_check").meaning == ""
