"""Every kind of target has all that a kind needs, and every label is of a known kind."""

from __future__ import annotations

import inspect

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import LABELS
from pipelines.modeling.answers import ANSWERS
from pipelines.modeling.kinds import KINDS, Kind, kind_named, kind_of

MEMBERS = {name for name in vars(Kind) if not name.startswith("_")}


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_kind_has_every_member_with_the_arguments_of_the_protocol(kind: Kind) -> None:
    assert {"name", "fit_name", "fit", "calibrate", "measure", "finish_graph"} <= MEMBERS
    for name in MEMBERS:
        declared = inspect.getattr_static(Kind, name)
        if isinstance(declared, property):
            assert isinstance(getattr(kind, name), str)
            continue
        arguments = inspect.signature(getattr(kind, name)).parameters
        assert list(arguments) == list(inspect.signature(declared).parameters)[1:], name


def test_every_label_is_of_a_kind_that_is_known() -> None:
    assert set(ANSWERS) == set(KINDS)
    assert {label.kind for label in LABELS} <= set(KINDS)
    for label in LABELS:
        assert kind_of(label) is KINDS[label.kind]
    with pytest.raises(InvalidRequest, match="unknown kind of target 'clases'"):
        kind_named("clases")
