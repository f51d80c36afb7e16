"""A description survives its way through a file's metadata."""

from __future__ import annotations

import pytest

from pipelines.modeling.description import (
    PREFIX,
    Description,
    UnreadableModel,
    read_description,
)

DESCRIPTION = Description(
    classes=("sell", "buy"),
    features=("a", "b"),
    symbols=("AAPL", "MSFT"),
    thresholds=(0.1,),
    shares=(0.4, 0.6),
    untrained=("MSFT",),
    scores=(-1.0, 1.0),
    medians=(0.25, -3.0),
    more={"forecast": "daily"},
)


def test_what_was_written_is_read() -> None:
    metadata = DESCRIPTION.metadata()
    assert all(key.startswith(PREFIX) for key in metadata)
    assert read_description(metadata | {"producer": "another"}) == DESCRIPTION
    assert DESCRIPTION.columns == 3


def test_older_files_without_a_kind_are_of_classes() -> None:
    metadata = DESCRIPTION.metadata()
    for name in ("kind", "scores", "medians"):
        del metadata[f"{PREFIX}{name}"]
    older = read_description(metadata)
    assert (older.kind, older.scores, older.medians) == ("classes", (), ())


def test_a_file_without_an_entry_is_refused() -> None:
    metadata = DESCRIPTION.metadata()
    del metadata[f"{PREFIX}shares"]
    with pytest.raises(UnreadableModel, match="does not say its shares"):
        read_description(metadata)
    with pytest.raises(UnreadableModel, match="cannot be read"):
        read_description(metadata | {f"{PREFIX}shares": "["})
