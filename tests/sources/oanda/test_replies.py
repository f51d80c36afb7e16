"""OANDA's replies that are no candles."""

from __future__ import annotations

import pytest

from pipelines.core.errors import AccessRefused, SourceError, UnknownSymbol
from pipelines.sources.oanda.replies import TooManyCandles, check_reply
from pipelines.sources.transport.http_client import Reply
from pipelines.sources.transport.retries import Busy

TOO_MANY = b'{"errorMessage":"Maximum value for \'count\' exceeded"}'
NO_INSTRUMENT = b'{"errorMessage":"Invalid value specified for \'instrument\'"}'


def check(status: int, body: bytes) -> None:
    check_reply(Reply(status, {}, body), "EUR_USD", "1m bars of EUR_USD")


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, b'{"errorMessage":"Insufficient authorization"}', AccessRefused, "Insufficient auth"),
        (403, b"", AccessRefused, "HTTP 403"),
        (400, TOO_MANY, TooManyCandles, "count"),
        (400, NO_INSTRUMENT, UnknownSymbol,
         "no instrument 'EUR_USD'"),
        (400, b'{"errorMessage":"Invalid value\\n specified"}', SourceError,
         "'Invalid value specified'"),
        (404, b'{"errorMessage":"Endpoint not found"}', SourceError, "no candles at this address"),
        (405, b"no JSON", SourceError, "HTTP 405, 'no JSON'"),
        (418, b"[1, 2]", SourceError, r"HTTP 418, '\[1, 2\]'"),
        (200, b"<html>log in</html>", Busy, "a web page"),
        (401, b"<!DOCTYPE html>", Busy, "a web page"),
    ],
)  # fmt: skip
def test_a_reply_that_is_no_candles_is_said_in_its_own_words(
    status: int, body: bytes, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        check(status, body)
    assert type(caught.value) is error


def test_candles_pass() -> None:
    check(200, b'{"candles": []}')
