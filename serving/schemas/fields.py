"""Fields of answers whose descriptions come from the contracts of the tables."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipelines.contracts.schema import Column, Table


def column_field(column: Column, **more: Any) -> Any:
    """Return a field that is described as a column."""
    unit = f" [{column.unit}]" if column.unit else ""
    return Field(description=column.meaning + unit, **more)


def table_field(table: Table, name: str, **more: Any) -> Any:
    """Return a field that is described as a column of a table."""
    return column_field(table.column(name), **more)


MODEL_ACTION = Field(
    description="the action of the model, where `min_confidence` replaced it by hold"
)
SPANS_NIGHT = Field(
    description="true: the market closes between closes_at and timestamp_next, as it does after "
    "a session's last bar: the return that is forecast runs over the night, from this close to "
    "the close of the next session's first bar"
)
KIND = Field(
    description="`classes`: one of several classes is predicted; `value`: a number and its interval"
)
RISK = Field(
    description="hints from the probabilities; null where the classes have no two opposite sides"
)
UNIT = Field(description="unit of the value")
VALUE_COVERAGE = Field(
    description="share of outcomes that should lie between `value_low` and `value_high` [0 to 1]"
)
VALUE_WORDS = Field(description="`value_coverage` in words")
