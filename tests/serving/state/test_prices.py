"""What the API holds of a stream: as fresh as its file, and it says when that is old."""

from __future__ import annotations

from datetime import timedelta

from pipelines.stream.newest_prices import prices_file
from serving.state.prices import LOST, MADE_UP, NO_STREAM, SILENT, StreamPrices
from tests.serving.live_prices import AT, write_price


def test_without_a_stream_there_is_none() -> None:
    prices = StreamPrices("sample")
    assert prices.look() is None
    assert prices.price_row("ES", 0.0) is None
    assert prices.describe(0.0) == {
        "data_source": "sample", "sample": True, "notices": [MADE_UP, NO_STREAM], "stream": None,
    }  # fmt: skip


def test_each_new_file_is_read_once_and_a_damaged_one_changes_nothing() -> None:
    prices = StreamPrices("sample")
    state = write_price()
    assert prices.look() == state
    assert prices.look() is prices.look()
    write_price(3011.0)
    row = prices.look() and prices.price_row("ES", AT.timestamp())
    assert row
    assert (row["mid"], row["age_seconds"], row["stale"]) == (3011.0, 2.0, False)
    prices_file("sample").write_text("{")
    assert prices.look() is not None
    prices_file("sample").unlink()  # the stream's folder was cleaned
    assert prices.look() is not None
    write_price(3012.0)
    assert prices.look()
    assert prices.prices["ES"].mid == 3012.0


def test_it_is_live_while_it_writes_hears_and_is_connected() -> None:
    prices, now = StreamPrices("sample"), AT.timestamp()
    write_price()
    prices.look()
    assert prices.is_live(now)
    assert not prices.is_live(now + SILENT)
    assert prices.describe(now)["notices"] == [MADE_UP]
    assert prices.describe(now + SILENT)["notices"] == [MADE_UP, LOST]
    write_price(connected=False, trouble="lost")
    prices.look()
    assert not prices.is_live(now)
    assert prices.describe(now)["stream"]["trouble"] == "lost"
    write_price(heard_at=AT - timedelta(seconds=SILENT))
    prices.look()
    assert not prices.is_live(now)
    assert [file.name for file in prices_file("sample").parent.iterdir()] == ["sample.json"]
