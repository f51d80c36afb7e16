"""A combination that cannot work is refused when it is declared."""

from __future__ import annotations

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts.combination import ComponentWeighted


@pytest.mark.parametrize("wrong", [{"buy_at": -0.5}, {"least_scored": 0.0}, {"scores": (1.0,)}])
def test_a_declaration_that_cannot_work_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        ComponentWeighted("qqq", **wrong)  # type: ignore[arg-type]
