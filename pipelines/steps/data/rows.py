"""The matrix of features and outcomes, read from a forecast's feature table.

Training, scoring, monitoring and backtest assemble it here, so that all four see the same numbers.
The table has a row for every bar; what is read is the rows of those who were members at the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import MemberCount, count_members, universe
from pipelines.forecasts import TargetForecast
from pipelines.lake import View
from pipelines.modeling.dataset import Rows

BLOCK_ROWS = 1024  # written to a matrix at a time
UNKNOWN_SYMBOL = -1  # the code of a symbol that the forecast does not list any more


def read_feature_table(
    view: View,
    forecast: TargetForecast,
    source: str,
    condition: str,
    parameters: Sequence[object],
) -> pa.Table:
    """Read the members' bars with their features and outcome, in order of close and symbol.

    `condition` is SQL that narrows the rows, `parameters` are its values. An outcome that is not
    known yet is null.
    """
    query = f"{_row_query(forecast, condition)} ORDER BY closes_at, symbol"
    return select_members(view.sql(query, [source, *parameters]), forecast.universe)


def _row_query(forecast: TargetForecast, condition: str) -> str:
    return f"""SELECT symbol, ts, closes_at, {forecast.target.known_at} AS known_at, session, place,
                   {forecast.target.outcome} AS outcome, {feature_columns(forecast.feature_names)}
            FROM {forecast.table.full_name}
            WHERE source = ? AND {condition}"""


def select_members(table: pa.Table, universe_name: str) -> pa.Table:
    """Select the rows of symbols that were members on the date of the bar's session."""
    members = universe(universe_name)
    if not members.is_dated and set(pc.unique(table["symbol"]).to_pylist()) <= {*members.symbols}:
        return table
    session = table["session"].to_numpy().astype("datetime64[D]")
    is_member = members.mark_members(table["symbol"].to_pylist(), session)
    return table if is_member.all() else table.filter(pa.array(is_member))


def count_row_members(forecast: TargetForecast, rows: Rows) -> MemberCount:
    """Count the members that have rows, of those there were from the first row to the last."""
    symbols = [forecast.symbols[code] for code in np.unique(rows.symbol).tolist()]
    return count_members(universe(forecast.universe), symbols, rows.session)


def read_training_rows(
    view: View,
    forecast: TargetForecast,
    source: str,
    as_of: datetime,
    history: timedelta | None = None,
) -> Rows:
    """Read what was known at `as_of`: bars closed by then, with outcomes known by then.

    No further back than `history`, or else the history of the forecast's schedule.
    """
    since = as_of - (history or forecast.schedule.history)
    condition = f"{forecast.target.known_at} <= ? AND closes_at > ?"
    rows = _read_rows(view, forecast, source, condition, [as_of, since])
    if not len(rows):
        raise InvalidRequest(
            f"{source} has no bars of {forecast.name} with an outcome known at {as_of}",
            f"bullion ingest --source {source} --universe {forecast.universe} "
            f"--interval {forecast.interval}"
            + "; members count by their dates"
            * universe(forecast.universe).is_dated,
        )
    return rows


def _read_rows(
    view: View,
    forecast: TargetForecast,
    source: str,
    condition: str,
    parameters: Sequence[object],
) -> Rows:
    """Read the rows of `read_feature_table`, batch by batch into one matrix.

    Five years of minutes are 1.7 million rows of 114 features. A table of them and its copies take
    several times the memory of the matrix, and to sort them as long as to read them. They are
    stored in the order of time, but for what was computed again: that is put in its place here.
    """
    values = [source, *parameters]
    counting = f"SELECT count(*) FROM {forecast.table.full_name} WHERE source = ? AND {condition}"
    matrix = np.empty((view.one(counting, values), len(forecast.feature_names) + 1), np.float32)
    parts, filled = [], 0
    for batch in view.batches(_row_query(forecast, condition), values):
        table = select_members(pa.table(batch), forecast.universe)
        block = matrix[filled : filled + table.num_rows]
        parts.append(build_rows(forecast, table, block))
        filled += table.num_rows
    if not parts:
        return Rows(matrix, *(np.empty(0) for _ in fields(Rows)[1:]))
    names = [field.name for field in fields(Rows)][1:]
    keys = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    rows = Rows(matrix[:filled], **keys)
    if (rows.closes_at[1:] > rows.closes_at[:-1]).all():
        return rows
    # Where closes are the same the symbols' names decide, as they do in SQL.
    ranks = np.argsort(np.argsort(np.array(forecast.symbols)))[rows.symbol]
    return rows.take(np.lexsort((ranks, rows.closes_at)))


def build_rows(
    forecast: TargetForecast,
    table: pa.Table,
    matrix: np.ndarray | None = None,
    *,
    unknown_symbols: bool = False,
) -> Rows:
    """Assemble rows from a table with the columns of `read_feature_table`.

    The last column of the features is the symbol's code: its place in the forecast's symbols.
    With `unknown_symbols`, one that the forecast does not list has the code -1. The features are
    written to `matrix`, where one is given.
    """
    codes = {symbol: code for code, symbol in enumerate(forecast.symbols)}
    column = table["symbol"].combine_chunks().dictionary_encode()
    names = column.dictionary.to_pylist()
    if unknown_symbols:
        codes |= dict.fromkeys(set(names) - set(codes), UNKNOWN_SYMBOL)
    code_of_place = np.array([codes[name] for name in names], dtype=np.int64)
    symbol = code_of_place[column.indices.to_numpy()]
    if matrix is None:
        matrix = np.empty((table.num_rows, len(forecast.feature_names) + 1), np.float32)
    fill_features(matrix, forecast.feature_names, table)
    matrix[:, -1] = symbol
    return Rows(
        features=matrix,
        # A copy: a view of one column would hold the memory of all of them.
        outcome=np.array(table["outcome"].to_numpy()),
        symbol=symbol,
        closes_at=instants(table, "closes_at"),
        known_at=instants(table, "known_at"),
        session=table["session"].to_numpy().astype("datetime64[D]"),
        place=table["place"].to_numpy().astype(np.int64),
    )


def feature_columns(feature_names: Sequence[str], alias: str = "") -> str:
    """The features as a list of SQL columns, of the table with that alias if there is one."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f'{prefix}"{name}"' for name in feature_names)


def feature_matrix(feature_names: Sequence[str], table: pa.Table) -> np.ndarray:
    """The features of a table as float32, a row a bar and a column a feature; null is NaN."""
    matrix = np.empty((table.num_rows, len(feature_names)), np.float32)
    fill_features(matrix, feature_names, table)
    return matrix


def fill_features(matrix: np.ndarray, feature_names: Sequence[str], table: pa.Table) -> None:
    """Write the features of a table to the first columns of a matrix; null becomes NaN.

    Some rows of all columns at a time, so that these rows stay in the processor's cache.
    """
    arrays = [table[name].to_numpy() for name in feature_names]
    for first in range(0, len(matrix), BLOCK_ROWS):
        rows = slice(first, first + BLOCK_ROWS)
        for column, values in enumerate(arrays):
            matrix[rows, column] = values[rows]


def instants(table: pa.Table, name: str) -> np.ndarray:
    """A column of instants as datetime64[us] in UTC; null is NaT."""
    values: np.ndarray[Any, Any] = table[name].to_numpy().astype("datetime64[us]")
    return values
