"""Pieces of SQL that several packages use."""

from __future__ import annotations


def text_literal(value: str) -> str:
    """Return a text as SQL writes it, in quotes."""
    return "'" + value.replace("'", "''") + "'"


def previous_value(name: str, in_order: bool) -> str:
    """Return SQL for a column's value in the previous row of the same symbol.

    `in_order` says that the rows are ordered by symbol and time already; then nothing is sorted.
    """
    if not in_order:
        return f"lag({name}) OVER (PARTITION BY symbol ORDER BY ts)"
    return f"CASE WHEN lag(symbol) OVER () = symbol THEN lag({name}) OVER () END"
