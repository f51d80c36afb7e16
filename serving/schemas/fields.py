"""Fields of answers that mean what the tables' contracts say."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipelines.contracts.schema import Column, Table


def column_field(column: Column, **more: Any) -> Any:
    """A field that means what a column means."""
    unit = f" [{column.unit}]" if column.unit else ""
    return Field(description=column.meaning + unit, **more)


def table_field(table: Table, name: str, **more: Any) -> Any:
    """A field that means what a table's column means."""
    return column_field(table.column(name), **more)


SAID = Field(description="the model's action, where min_confidence made it hold")
SPANS_NIGHT = Field(
    description="true: the market closes between closes_at and timestamp_next, as it does after "
    "a session's last bar: the return that is forecast runs over the night, from this close to "
    "the close of the next session's first bar"
)
KIND = Field(description="classes: one of some is said; value: a number with its interval")
RISK = Field(
    description="hints from the probabilities; null where the classes are not two opposite sides"
)
UNIT = Field(description="of the value")
VALUE_COVERAGE = Field(
    description="share of the outcomes that is to lie from value_low to value_high [0 to 1]"
)
VALUE_WORDS = Field(description="the same in words")
