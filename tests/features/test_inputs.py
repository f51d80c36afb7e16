"""What a feature can read is checked where it is declared."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipelines.contracts.tables import find_table
from pipelines.core.errors import InvalidRequest
from pipelines.features import inputs
from pipelines.features.inputs import BARS, Dataset, Reference, Subject, bars, input_name

NEWS = Dataset("news", "gold.news", "topic", "window_end", "known_at", ("sentiment",))


def test_a_column_of_a_subject_is_a_reference_with_a_name_of_its_own() -> None:
    assert bars("QQQ").close == Reference(BARS, "QQQ", "close")
    assert [input_name(i) for i in ("close", bars("QQQ").close)] == ["close", "QQQ.close"]
    assert Subject(NEWS, "sp500").sentiment.name == "news(sp500).sentiment"
    assert bars("VIX", timedelta(days=2)).age.oldest == timedelta(days=2)


def test_what_is_derived_names_the_column_it_is_made_of() -> None:
    qqq = bars("QQQ")
    assert [r.stored_column for r in (qqq.bid, qqq.log_close, qqq.age)] == ["bid", "close", ""]
    assert Subject(NEWS, "sp500").age.stored_column == ""


@pytest.mark.parametrize(
    ("subject", "column", "message"),
    [
        (bars("QQQ"), "clsoe", "close"),
        (Subject(NEWS, "sp500"), "log_close", "sentiment"),
        (bars(""), "close", "name a symbol"),
        (bars("QQQ", timedelta(0)), "close", "above 0"),
    ],
)
def test_a_reference_to_nothing_is_refused(subject: Subject, column: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        getattr(subject, column)
    assert message in str(caught.value)


def test_columns_that_every_row_has_are_there_together() -> None:
    qqq = bars("QQQ")
    assert qqq.close.whole_row == qqq.log_close.whole_row == qqq.age
    assert qqq.bid.whole_row == qqq.bid, "a bar may have none"
    assert bars("QQQ", timedelta(days=1)).close.whole_row != qqq.age
    for dataset in (BARS, inputs.NEWS):
        table = find_table(dataset.table)
        nullable = {name for name in dataset.columns if table.column(name).nullable}
        assert nullable == set(dataset.optional)
