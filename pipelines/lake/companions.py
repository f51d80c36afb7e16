"""Read companions: the rows of other symbols and datasets that features read beside their bars.

Whatever computes features reads them here: the refresh of the feature table, and the API for bars
that a caller sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa

from pipelines.core.instants import from_numpy
from pipelines.features.companions import Companion, Companions
from pipelines.features.inputs import NEWS, Dataset, Reference
from pipelines.lake.transaction import View
from pipelines.sources import news_source


def align_companions(
    view: View, references: Sequence[Reference], source: str, interval: str, closes: np.ndarray
) -> dict[str, np.ndarray]:
    """Read the references, with a value for each of the closes of a forecast's own bars."""
    if not references or not len(closes):
        return {reference.name: np.zeros(0) for reference in references}
    ends = (from_numpy(closes.min()), from_numpy(closes.max()))
    return read_companions(view, references, source, interval, *ends).align(references, closes)


def read_companions(
    view: View,
    references: Sequence[Reference],
    source: str,
    interval: str,
    first: datetime,
    last: datetime,
) -> Companions:
    """Read the rows behind the references that are known by the closes from `first` to `last`."""
    by_subject: dict[tuple[str, str], Companion] = {}
    for dataset, of_dataset in group_by_dataset(references):
        oldest = max(reference.oldest for reference in of_dataset)
        where, parameters = condition_of(dataset, source, interval)
        table = _read_rows(view, dataset, of_dataset, where, parameters, first - oldest, last)
        for subject, rows in _split_by_subject(table):
            by_subject[dataset.name, subject] = Companion(
                rows["about"].to_numpy().astype("datetime64[us]"),
                rows["known_at"].to_numpy().astype("datetime64[us]"),
                {
                    name: rows[name].to_numpy().astype(np.float64, copy=False)
                    for name in rows.schema.names[3:]
                },
            )
    return Companions(by_subject)


def group_by_dataset(
    references: Sequence[Reference],
) -> Iterator[tuple[Dataset, list[Reference]]]:
    """Yield each dataset with the references to it."""
    for dataset in dict.fromkeys(reference.dataset for reference in references):
        yield dataset, [r for r in references if r.dataset == dataset]


def condition_of(dataset: Dataset, source: str, interval: str) -> tuple[str, list[object]]:
    """Return the SQL that selects a dataset's rows for bars of a source, and its values."""
    if dataset.has_intervals:
        return 'source = ? AND "interval" = ?', [source, interval]
    if dataset.name == NEWS.name:
        return "source = ?", [news_source(source) or source]
    return "source = ?", [source]


def _read_rows(
    view: View,
    dataset: Dataset,
    references: Sequence[Reference],
    where: str,
    parameters: list[object],
    since: datetime,
    last: datetime,
) -> pa.Table:
    """Read the rows that are about `since` or later, and were known by `last`."""
    columns = dict.fromkeys(r.stored_column for r in references if r.stored_column)
    return view.sql(
        f"""SELECT {dataset.subject} AS subject, {dataset.about} AS about,
                   {dataset.known_at} AS known_at
                   {"".join(f', "{name}"' for name in columns)}
            FROM {dataset.table}
            WHERE {where} AND {dataset.subject} IN (SELECT unnest(?))
            AND {dataset.about} >= ? AND {dataset.known_at} <= ?
            ORDER BY subject, known_at, about""",
        [*parameters, sorted({r.subject for r in references}), since, last],
    )


def _split_by_subject(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    subjects = table["subject"].combine_chunks().dictionary_encode()
    codes = subjects.indices.to_numpy(zero_copy_only=False)
    edges = [*np.flatnonzero(np.diff(codes, prepend=-1)).tolist(), len(codes)]
    for start, end in pairwise(edges):
        yield subjects[start].as_py(), table.slice(start, end - start)
