"""The file of a request is its body, or the field `file` of a form."""

from __future__ import annotations

import pytest

from pipelines.core.errors import InvalidField
from serving.predict.form import extract_file

FORM = "multipart/form-data; boundary=x"


def part(name: str, value: str) -> bytes:
    return f"--x\r\ncontent-disposition: form-data; name={name}\r\n\r\n{value}\r\n".encode()


def test_a_body_that_is_no_form_is_the_file() -> None:
    assert extract_file(b"open,high", "text/csv") == b"open,high"


def test_of_a_form_the_field_file_is_the_file() -> None:
    body = part("note", "--x") + part('"file"', "a,b\r\n1,2") + b"--x--\r\n"
    assert extract_file(body, FORM) == b"a,b\r\n1,2"


def test_a_form_without_a_file_is_refused() -> None:
    with pytest.raises(InvalidField, match="the form has no file"):
        extract_file(part("other", "a") + b"--x--\r\n", FORM)
