"""The file of a request: its body, or a field of a form."""

from __future__ import annotations

from python_multipart.multipart import parse_options_header

from pipelines.requests.csv_file import HEAD, file_error

FIELDS = 10  # of a form that are looked at


def extract_file(content: bytes, kind: str) -> bytes:
    """Return the file of a request: the body itself, or the field `file` of a form."""
    if not kind.lower().startswith("multipart/"):
        return content
    _, options = parse_options_header(kind)
    border = b"\r\n--" + options.get(b"boundary", b"")
    for part in (b"\r\n" + content).split(border, FIELDS)[1:]:
        head, _, value = part.partition(b"\r\n\r\n")
        if _field_name(head) == b"file":
            return value.split(border, 1)[0]
    raise file_error("the form has no file", "send it as the field `file`")


def _field_name(head: bytes) -> bytes:
    """Return the name that the headers of a form's field give it."""
    for line in head[:HEAD].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            return parse_options_header(value)[1].get(b"name", b"")
    return b""
