"""The matrix of features and outcomes, read from a forecast's feature table.

Training, scoring, monitoring and backtest assemble it here, so that all four see the same numbers.
The table has a row for every bar; what is read is the rows of those who were members at the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import MemberCount, count_members, universe
from pipelines.forecasts import TargetForecast
from pipelines.lake import View
from pipelines.modeling.dataset import Rows

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
    table = view.sql(
        f"""SELECT symbol, ts, closes_at, {forecast.target.known_at} AS known_at, session, place,
                   {forecast.target.outcome} AS outcome, {feature_columns(forecast.feature_names)}
            FROM {forecast.table.full_name}
            WHERE source = ? AND {condition}
            ORDER BY closes_at, symbol""",
        [source, *parameters],
    )
    return select_members(table, forecast.universe)


def select_members(table: pa.Table, universe_name: str) -> pa.Table:
    """Select the rows of symbols that were members on the date of the bar's session."""
    session = table["session"].to_numpy().astype("datetime64[D]")
    is_member = universe(universe_name).mark_members(table["symbol"].to_pylist(), session)
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
    table = read_feature_table(view, forecast, source, condition, [as_of, since])
    if table.num_rows == 0:
        raise InvalidRequest(
            f"{source} has no bars of {forecast.name} with an outcome known at {as_of}",
            f"bullion ingest --source {source} --universe {forecast.universe} "
            f"--interval {forecast.interval}"
            + "; members count by their dates"
            * universe(forecast.universe).is_dated,
        )
    return build_rows(forecast, table)


def build_rows(forecast: TargetForecast, table: pa.Table, *, unknown_symbols: bool = False) -> Rows:
    """Assemble rows from a table with the columns of `read_feature_table`.

    The last column of the features is the symbol's code: its place in the forecast's symbols.
    With `unknown_symbols`, one that the forecast does not list has the code -1.
    """
    codes = {symbol: code for code, symbol in enumerate(forecast.symbols)}
    names = table["symbol"].to_pylist()
    if unknown_symbols:
        codes |= dict.fromkeys(set(names) - set(codes), UNKNOWN_SYMBOL)
    symbol = np.array([codes[name] for name in names], dtype=np.int64)
    return Rows(
        features=np.column_stack(
            [feature_matrix(forecast.feature_names, table), symbol.astype(np.float32)]
        ),
        outcome=table["outcome"].to_numpy(),
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
    for column, name in enumerate(feature_names):
        matrix[:, column] = table[name].to_numpy()
    return matrix


def instants(table: pa.Table, name: str) -> np.ndarray:
    """A column of instants as datetime64[us] in UTC; null is NaT."""
    values: np.ndarray[Any, Any] = table[name].to_numpy().astype("datetime64[us]")
    return values
