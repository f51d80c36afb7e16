"""What the lake holds and rejected, as the page of health shows it and the API answers it."""

from __future__ import annotations

import httpx
import pytest

from tests.dashboard.screens import open_page, texts


@pytest.mark.parametrize("part", ["Checks", "Audit", "Quarantine", "Gaps", "Lake"])
def test_each_part_is_drawn(dashboard: None, part: str) -> None:
    screen = open_page("health", part=part)
    assert not screen.exception
    assert "could not be drawn" not in texts(screen)


def test_the_tables_of_the_lake_are_those_of_the_api(dashboard: None, api_address: str) -> None:
    names = {row["table"] for row in httpx.get(f"{api_address}/operations/lake").json()["rows"]}
    frames = [frame.value for frame in open_page("health", part="Lake").dataframe]
    assert any(names == set(frame.iloc[:, 0]) for frame in frames)
