"""Answers that are computed of the lake once for each snapshot, however many ask for them."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Annotated

import pyarrow as pa
from fastapi import Depends, Request
from fastapi.responses import Response

from pipelines.forecasts import Forecast
from pipelines.lake import View
from serving.http.dependencies import CurrentCache, ForecastInPath, newest_of
from serving.http.formats import preferred_format
from serving.http.page_response import page_response
from serving.state.computed import ComputedTable, ComputedTables
from serving.state.reader import Reader

Page = tuple[pa.Table, str | None]  # rows, and the cursor of the next page


def whole_table(rows: pa.Table) -> Page:
    """Return all rows as one page."""
    return rows, None


@dataclass(frozen=True)
class ComputedQuery:
    """Computes tables about one forecast, and sends them."""

    request: Request
    state: CurrentCache
    name: ForecastInPath

    @property
    def forecast(self) -> Forecast:
        return newest_of(self.state, self.name).forecast

    async def answer(
        self,
        key: Hashable,
        compute: Callable[[View], ComputedTable],
        choose_page: Callable[[pa.Table], Page] = whole_table,
    ) -> Response:
        """Send what is computed of a view, in the form that the caller accepts.

        What was computed of the newest snapshot for the same key is sent without a turn at the
        lake.
        """
        preferred_format(self.request.headers.get("accept"))  # before the lake is read for nobody
        app = self.request.app.state
        computed: ComputedTables = app.computed
        key = (self.request.scope["route"].name, self.name, key)
        table_in_memory = computed.get(key, (app.reader.catalog_file, self.state.snapshot))
        if table_in_memory is not None:
            return await to_thread(self._send, table_in_memory, self.state.snapshot, choose_page)
        app.unread.check()
        async with app.queries.turn():
            table, snapshot = await to_thread(self._compute, key, compute)
        return await to_thread(self._send, table, snapshot, choose_page)

    def _compute(
        self, key: Hashable, compute: Callable[[View], ComputedTable]
    ) -> tuple[ComputedTable, int]:
        reader: Reader = self.request.app.state.reader
        computed: ComputedTables = self.request.app.state.computed
        with reader.view() as view:
            version = (reader.catalog_file, view.snapshot)
            table = computed.compute(key, version, lambda: compute(view))
            return table, view.snapshot

    def _send(
        self, table: ComputedTable, snapshot: int, choose_page: Callable[[pa.Table], Page]
    ) -> Response:
        rows, next_cursor = choose_page(table.rows)
        marks = self.state.marks | {"snapshot": snapshot} | table.about
        marks["notices"] = [*self.state.marks["notices"], *table.about.get("notices", ())]
        return page_response(self.request, rows, marks, next_cursor)


def read_once(
    request: Request, view: View, name: str, read: Callable[[View], pa.Table]
) -> pa.Table:
    """Return the rows of a query that needs no parameter; it runs once for a snapshot."""
    computed: ComputedTables = request.app.state.computed
    version = (request.app.state.reader.catalog_file, view.snapshot)
    return computed.compute(name, version, lambda: ComputedTable(read(view), {})).rows


Computed = Annotated[ComputedQuery, Depends(ComputedQuery)]
