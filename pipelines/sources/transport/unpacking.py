"""Unpack gzip in pieces, and no more of it than is bearable: a bomb is stopped, not inflated."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import chain

PIECE = 1 << 20  # bytes unpacked at a time
SLICE = 1 << 16  # bytes of the body taken at a time
MOST_MEMBERS = 1000  # gzip may be many one after the other, each of which may be empty
EITHER = zlib.MAX_WBITS | 32  # gzip or zlib, whichever it is


class CannotUnpack(ValueError):
    """The bytes are no gzip, are cut off, or unpack to too much."""


class TooLarge(CannotUnpack):
    """More bytes than are taken."""


def unpack_pieces(body: bytes, most_bytes: int) -> Iterator[bytes]:
    """Yield what a gzip body unpacks to, a MiB at a time. Raises CannotUnpack."""
    unpacker, members, total = zlib.decompressobj(EITHER), 1, 0
    slices = (body[start : start + SLICE] for start in range(0, len(body), SLICE))
    try:
        for part in chain(slices, [b""]):
            rest, is_end = part, not part
            while rest or not unpacker.eof:
                if unpacker.eof:
                    rest = rest.lstrip(b"\0")  # padding
                    if not rest:
                        break
                    unpacker, members = zlib.decompressobj(EITHER), members + 1
                piece = unpacker.decompress(rest, PIECE)
                rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                total += len(piece)
                if total > most_bytes or members > MOST_MEMBERS:
                    raise TooLarge(f"gzip that unpacks to more than {most_bytes:,} bytes")
                if piece:
                    yield piece
                elif not rest and not unpacker.eof:
                    if is_end:
                        raise CannotUnpack("gzip that is cut off")
                    break  # it needs more of the body
    except zlib.error as error:
        raise CannotUnpack(f"no gzip that can be unpacked ({error})") from None


def unpack(body: bytes, most_bytes: int) -> bytes:
    """Return what a gzip body unpacks to."""
    return b"".join(unpack_pieces(body, most_bytes))


def unpack_lines(body: bytes, most_bytes: int, longest: int) -> Iterator[bytes | None]:
    """Yield the lines of a gzip body, without their ends; None for one that is longer."""
    start, is_long = b"", False
    for piece in unpack_pieces(body, most_bytes):
        first, *others = piece.split(b"\n")
        start = b"" if is_long else start + first
        is_long = is_long or len(start) > longest
        for line in others:
            yield None if is_long else start
            start, is_long = line, len(line) > longest
    if is_long or start:
        yield None if is_long else start
