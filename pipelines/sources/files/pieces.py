"""Cut the text of a file into pieces of whole lines, so that no file is ever held as a whole.

The file is read twice: once to find its end, without the empty lines there, and once to cut it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO

import numpy as np

from pipelines.core.errors import SourceError
from pipelines.sources.files.limits import MOST_LINE, unpack_pieces

PIECE_BYTES = 16 << 20  # of text that is turned into rows at a time
START = 200  # bytes that show what a file is
EXCERPT_BYTES = 1000  # of a line that is too long
COUNTED_BYTES = 1 << 20  # at a time, so that what is compared stays in the processor's cache
BLANK_END = b"\r\n\x1a"
PAGE = re.compile(rb"<(!doctype|!--|html|head|body|\?xml|svg|error|message)", re.IGNORECASE)


@dataclass(frozen=True)
class Piece:
    """Whole lines of a file, without the last line's end."""

    body: bytes
    first_line: int  # its number, from 1


@dataclass(frozen=True)
class LongLine:
    """A line that is longer than any line may be, and so was not kept."""

    number: int
    length: int  # bytes, without its end
    start: bytes


class TextFile:
    """The text of a file as UTF-8 without BOM, with LF line ends and no empty lines at the end."""

    def __init__(
        self,
        path: str,
        file: IO[bytes],
        piece_bytes: int = PIECE_BYTES,
        *,
        is_json: bool = False,  # it may be; else that is refused
    ) -> None:
        self.path = path
        self._file = file
        self._piece_bytes = piece_bytes
        self._size = 0  # up to the empty lines at the end
        self._lone_returns = False  # lines end in CR alone
        self.lines = 0
        self.start = self._measure().lstrip()
        _check_start(path, self.start, is_json=is_json)

    @property
    def is_single(self) -> bool:
        """Whether the text is one piece."""
        return self._size <= self._piece_bytes

    def pieces(self) -> Iterator[Piece | LongLine]:
        """Cut the text into pieces."""
        number = 1
        for item in cut_lines(self.blocks(), self._piece_bytes):
            if isinstance(item, bytes):
                yield Piece(item, number)
                number += count_sign(item, b"\n") + 1
            else:
                yield LongLine(number, *item)
                number += 1

    def blocks(self) -> Iterator[bytes]:
        """Read the text from its start to its end."""
        left, carried = self._size, b""
        for block in self._decoded():
            text = carried + block[:left]
            left -= min(left, len(block))
            carried = b""
            if self._lone_returns:
                text = text.replace(b"\r", b"\n")
            elif b"\r" in text:
                if left and text.endswith(b"\r"):  # its LF may be the next sign
                    text, carried = text[:-1], b"\r"
                text = text.replace(b"\r\n", b"\n")
            yield text
            if not left:
                return

    def _measure(self) -> bytes:
        """Find the end of the text, and how its lines end; return its start."""
        size = newlines = returns = ended_newlines = ended_returns = 0
        start = b""
        for block in self._decoded():
            if len(start) < START:
                start += block[:START]
            text = block.rstrip(BLANK_END)
            text_newlines, text_returns = (count_sign(text, sign) for sign in (b"\n", b"\r"))
            if text:
                self._size = size + len(text)
                ended_newlines, ended_returns = newlines + text_newlines, returns + text_returns
            blank_end = block[len(text) :]
            size += len(block)
            newlines += text_newlines + blank_end.count(b"\n")
            returns += text_returns + blank_end.count(b"\r")
        self._lone_returns = returns > 0 and newlines == 0
        self.lines = 1 + (ended_returns if self._lone_returns else ended_newlines)
        return start[: min(START, self._size)]

    def _decoded(self) -> Iterator[bytes]:
        """Read the file from its start, as UTF-8 without BOM."""
        blocks = unpack_pieces(self.path, self._file)
        first = next(blocks, b"")
        texts: Iterator[bytes] = chain([first], blocks)
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            decoder = codecs.getincrementaldecoder("utf-16")("replace")
            marked = chain(((block, False) for block in texts), [(b"", True)])
            texts = (decoder.decode(block, final).encode() for block, final in marked)
        yield next(texts, b"").removeprefix(codecs.BOM_UTF8)
        yield from texts


def cut_lines(blocks: Iterable[bytes], size: int) -> Iterator[bytes | tuple[int, bytes]]:
    """Cut blocks of text at line ends into pieces of about a size.

    Of a line that is too long for a piece, and for any line, only its length and start are
    returned.
    """
    parts: list[bytes] = []
    byte_count, long, start = 0, 0, b""
    for block in blocks:
        rest = block
        if long:
            end = rest.find(b"\n")
            if end < 0:
                long += len(rest)
                continue
            yield long + end, start
            long, rest = 0, rest[end + 1 :]
        parts.append(rest)
        byte_count += len(rest)
        if byte_count < size:
            continue
        text = b"".join(parts)
        end = text.rfind(b"\n")
        if end >= 0:
            yield text[:end]
            text = text[end + 1 :]
        elif byte_count > MOST_LINE:
            long, start, text = byte_count, text[:EXCERPT_BYTES], b""
        parts, byte_count = [text], len(text)
    if long:
        yield long, start
    else:
        yield b"".join(parts)


def count_sign(text: bytes, sign: bytes) -> int:
    """Count a sign of one byte: four times as fast as bytes.count where there are many."""
    signs = np.frombuffer(text, np.uint8)
    return sum(
        int(np.count_nonzero(signs[start : start + COUNTED_BYTES] == ord(sign)))
        for start in range(0, len(signs), COUNTED_BYTES)
    )


def _check_start(path: str, start: bytes, *, is_json: bool) -> None:
    """Refuse what is no text, or no table, by its first bytes."""
    if not start:
        raise SourceError(f"{path} is empty", "take it away or write it again")
    if PAGE.match(start):
        raise SourceError(
            f"{path} is a web page or XML, not a table: it begins with "
            f"{start[:60].decode('utf-8', 'replace')!r}",
            "download the file again: a login or error page was saved in its place",
        )
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise SourceError(f"{path} is a zip or Excel file", "save it as CSV or Parquet")
    if not is_json and start.startswith((b"{", b"[")):
        raise SourceError(f"{path} is JSON, not a table", "save it as CSV or Parquet")
    if b"\0" in re.split(rb"[\r\n]", start)[0]:
        raise SourceError(f"{path} is not text", "save it as CSV, CSV.gz or Parquet")
