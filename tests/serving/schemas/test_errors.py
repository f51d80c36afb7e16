"""Which messages of errors the caller may see."""

from __future__ import annotations

import pytest

from pipelines.core.errors import BullionError, InvalidField, InvalidRequest, LakeError
from serving.schemas.errors import SEE_LOG, NotYet, as_validation, public_message

SECRET = "/srv/secret/catalog.sqlite"


@pytest.mark.parametrize(
    "error", [InvalidRequest("no symbol X", "name one"), NotYet("no symbol X", "name one", 5)]
)
def test_an_error_about_the_request_is_answered_unchanged(error: BullionError) -> None:
    assert public_message(error) == ("no symbol X", "name one")


def test_an_error_of_this_machine_shows_its_kind_or_summary() -> None:
    assert public_message(LakeError(SECRET, SECRET)) == ("the lake cannot be read", SEE_LOG)
    assert public_message(BullionError(SECRET, SECRET)) == ("the request failed", SEE_LOG)
    assert public_message(LakeError(SECRET, "see", "it is lost")) == ("it is lost", "see")


def test_a_refusal_names_the_field_at_fault() -> None:
    (error,) = as_validation(
        InvalidField("bar 3: the close is 0", "correct it", "bars.3.close"), "body"
    ).errors()
    assert (error["loc"], error["ctx"]) == (("body", "bars.3.close"), {"hint": "correct it"})
