"""Pieces of SQL that several rooms write."""

from __future__ import annotations


def text_literal(value: str) -> str:
    """Return a text as SQL writes it, in quotes."""
    return "'" + value.replace("'", "''") + "'"


def previous_value(name: str, in_order: bool) -> str:
    """Return SQL for what a column holds in the row before of the same symbol.

    `in_order` says that the rows lie by symbol and time; then nothing is sorted.
    """
    if not in_order:
        return f"lag({name}) OVER (PARTITION BY symbol ORDER BY ts)"
    return f"CASE WHEN lag(symbol) OVER () = symbol THEN lag({name}) OVER () END"
