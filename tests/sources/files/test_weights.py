"""Weights of a universe from files."""

from datetime import UTC, date, datetime
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.core.calendar import utc
from pipelines.core.errors import SourceError
from pipelines.sources.base import WEIGHTS
from pipelines.sources.files import Files, limits
from pipelines.sources.files import weights as weights_module
from pipelines.sources.files.mapping import WeightFiles
from pipelines.sources.files.read import open_table
from pipelines.sources.files.weights import weights_in
from tests.sources.files.fund_files import INVESCO, ISHARES

NAMES = {"csv": {"names": ["symbol", "id", "effective", "weight", "shares", "value"]}}
LATE = utc("2027-01-01")


def weights(tmp_path, body, as_of=LATE, **entry):
    (tmp_path / "w.csv").write_text(body)
    weight_files = {"files": "w.csv", "universe": "nasdaq100", **entry}
    (tmp_path / "bars.yaml").write_text(yaml.safe_dump({"weights": [weight_files]}))
    files = Files(tmp_path)
    assert list(files.fetch_weights("other", as_of)) == []
    (answer,) = files.fetch_weights("nasdaq100", as_of)
    return files.parse_weights(answer)


def test_a_file_without_header_is_known_from_the_day_after(tmp_path):
    body = "AAPL,AAPL X1,20110330,0.6,14313809,\nADBE,ADBE X1,20110330,0.4,5524570,\n"
    table = weights(tmp_path, body, **NAMES)
    assert table.schema == WEIGHTS
    assert table.to_pylist()[0] == {
        "symbol": "AAPL",
        "name": None,
        "weight": 0.6,
        "effective": date(2011, 3, 30),
        "known_at": datetime(2011, 3, 31, tzinfo=UTC),
        "partial": False,
    }
    assert weights(tmp_path, body, utc("2011-03-30T23:59+00:00"), **NAMES).num_rows == 0


def test_percent_a_date_of_the_mapping_and_missing_members(tmp_path):
    table = weights(tmp_path, "Ticker,Weight\nAAPL,60\nADBE,30\n", unit="percent",
                   effective=date(2026, 9, 1))  # fmt: skip
    assert table["weight"].to_pylist() == [0.6, 0.3]
    assert table["partial"].to_pylist() == [True, True]
    assert set(table["effective"].to_pylist()) == {date(2026, 9, 1)}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("symbol,effective,weight\nA,2020-01-01,much\n", "line 2: the weight 'much'"),
        ("symbol,effective,weight\nA,2020-01-01,0.5\n,2020-01-01,0.5\n", "line 3 has no symbol"),
        ("symbol,effective,weight\nA,2020-01-01\n", "line 2: 2 cells"),
        ("symbol,effective,weight\nA,yesterday,1\n", "line 2: 'yesterday' is no date"),
        ("symbol,effective,weight\nAAPL,,1\n", "line 2: AAPL has no date"),
        ("symbol,effective,weight\nAAPL,2020-01-01,-\n", "line 2: AAPL has no weight"),
        ("symbol,effective,weight\nAAPL,2020-01-01,-3\n", "line 2: AAPL weighs -3"),
        ("symbol,effective,weight\nAAPL,2020-01-01,0.3\nAAPL,2020-01-01,0.2\n", "lines 2 and 3"),
        ("symbol,effective,weight\nA,2020-01-01,0.9\nB,2020-01-01,0.4\n", "add up to 1.3"),
        ("symbol,effective,weight\nA,2020-01-01,6000\nB,2020-01-01,3800\n", "is 9,800 %"),
        ("symbol,weight\nA,1\n", "no column for effective"),
    ],
)
def test_one_bad_line_refuses_the_whole_file(tmp_path, body, says):
    with pytest.raises(SourceError, match=r"w\.csv") as caught:
        weights(tmp_path, body)
    assert says in caught.value.message
    assert caught.value.hint


def test_fractions_that_are_percent_are_refused_where_the_mapping_says_fraction(tmp_path):
    body = "symbol,effective,weight\nA,2020-01-01,60\nB,2020-01-01,40\n"
    with pytest.raises(
        SourceError, match=r"lines 2 to 3: .* add up to 100, which is 10,000 %"
    ) as e:
        weights(tmp_path, body, unit="fraction")
    assert "unit: percent" in e.value.hint
    assert weights(tmp_path, body)["weight"].to_pylist() == [0.6, 0.4]


@pytest.mark.parametrize(
    ("text", "expected", "partial"),
    [
        ("ticker,weight\nA,0.6\nB,0.4\n", [0.6, 0.4], False),
        ("Ticker,Weight\nA,60\nB,40\n", [0.6, 0.4], False),
        ("Ticker,Weight (%)\nA,0.6\nB,0.4\n", [0.006, 0.004], True),
        ("Symbol,Weight\nA,0.6%\nB,0.4%\n", [0.006, 0.004], True),
        ("Symbol,Weight\nA,30\nB,20\n", [0.3, 0.2], True),
        ("Symbol,Weight\nA,0.3\nB,0.2\n", [0.3, 0.2], True),
        ("\ufeffSymbol,Weight\nA,0.5\nB,0.48\n", [0.5, 0.48], False),
    ],
)
def test_percent_and_fractions_are_told_apart(tmp_path, text, expected, partial):
    table = weights(tmp_path, text, effective=date(2026, 9, 1))
    assert table["weight"].to_pylist() == pytest.approx(expected)
    assert set(table["partial"].to_pylist()) == {partial}


@pytest.mark.parametrize("text", [INVESCO, ISHARES])
def test_a_fund_company_s_file_is_read_as_it_was_downloaded(tmp_path, text):
    rows = weights(tmp_path, text).to_pylist()
    assert [r["symbol"] for r in rows[:2]] == ["AAPL", "NVDA"]
    assert sum(r["weight"] for r in rows) == pytest.approx(1.0)
    assert min(r["weight"] for r in rows[2:]) < 0  # cash may be owed
    assert {(r["effective"], r["known_at"]) for r in rows} == {
        (date(2024, 12, 26), datetime(2024, 12, 27, tzinfo=UTC))
    }
    assert not any(r["partial"] for r in rows)


def test_a_mapping_names_columns_with_a_blank_and_a_format_of_dates(tmp_path):
    table = weights(
        tmp_path,
        INVESCO.replace("12/26/2024", "26/12/2024"),
        columns={"symbol": "Holding Ticker ", "weight": "weight", "effective": "Date"},
        date_format="%d/%m/%Y",
        unit="percent",
    )
    assert table["effective"].to_pylist()[0] == date(2024, 12, 26)


@pytest.mark.parametrize(
    ("entry", "known_at"),
    [
        ({}, "2024-12-27T00:00+00:00"),
        ({"known_after_days": 0}, "2024-12-26T00:00+00:00"),
        ({"known_after_days": 3}, "2024-12-29T00:00+00:00"),
        ({"known_at": "2025-01-02T09:30-05:00"}, "2025-01-02T14:30+00:00"),
    ],
)
def test_the_mapping_says_from_when_weights_were_known(tmp_path, entry, known_at):
    assert set(weights(tmp_path, INVESCO, **entry)["known_at"].to_pylist()) == {utc(known_at)}


def test_a_column_says_it_for_each_row(tmp_path):
    body = "symbol,effective,weight,known_at\nAAPL,2020-01-01,1,2020-02-01T14:30+00:00\n"
    assert weights(tmp_path, body, known_after_days=5)["known_at"].to_pylist() == [
        utc("2020-02-01T14:30+00:00")
    ]


def test_several_dated_files_are_a_history(tmp_path):
    for day, share in (("2024-11-29", 60), ("2024-12-31", 70)):
        body = f"Ticker,Weight\nAAPL,{share}\nNVDA,{100 - share}\n"
        (tmp_path / f"QQQ_{day}.csv").write_text(body)
    entry = {"files": "QQQ_*.csv", "universe": "nasdaq100"}
    (tmp_path / "bars.yaml").write_text(yaml.safe_dump({"weights": [entry]}))
    files = Files(tmp_path)
    tables = [files.parse_weights(a) for a in files.fetch_weights("nasdaq100", LATE)]
    assert [(t["effective"][0].as_py(), t["weight"][0].as_py()) for t in tables] == [
        (date(2024, 11, 29), 0.6),
        (date(2024, 12, 31), 0.7),
    ]


def test_one_share_class_may_be_spelled_in_several_ways(tmp_path):
    body = "Ticker,Weight\naapl ,60\nNV.DA,40\n"
    table = weights(tmp_path, body, effective=date(2026, 9, 1))
    assert table["symbol"].to_pylist() == ["AAPL", "NVDA"]


def test_cash_without_a_ticker_goes_by_its_name_and_may_stand_twice(tmp_path):
    body = "Ticker,Name,Weight,Date\nAAPL,Apple,99,2026-09-01\n-,Cash,1,\n,Cash,-0.5,-\n"
    rows = weights(tmp_path, body).to_pylist()
    assert [(r["symbol"], r["effective"]) for r in rows] == [
        ("AAPL", date(2026, 9, 1)),
        ("Cash", None),
        ("Cash", None),
    ]


def test_a_decimal_comma_is_read(tmp_path):
    table = weights(
        tmp_path,
        "Ticker;Weight\nAAPL;60,5\nNVDA;39,5\n",
        effective=date(2026, 9, 1),
        csv={"decimal": ","},
    )
    assert table["weight"].to_pylist() == pytest.approx([0.605, 0.395])


def in_pieces(monkeypatch, size):
    """Read files in pieces of so many bytes, and two lines at a time."""
    monkeypatch.setattr(limits, "PIECE", size)
    monkeypatch.setattr(weights_module, "open_table", partial(open_table, piece_bytes=size))
    monkeypatch.setattr(weights_module, "LINES", 2)


@pytest.mark.parametrize("text", [INVESCO, ISHARES, ISHARES.replace("\n", "\r\n")])
def test_a_file_in_pieces_gives_the_same(tmp_path, monkeypatch, text):
    whole = weights(tmp_path, text)
    for size in (40, 100, 300):
        in_pieces(monkeypatch, size)
        assert weights(tmp_path, text).equals(whole)


def test_a_member_that_stands_in_two_pieces_of_a_file_is_found(tmp_path, monkeypatch):
    rows = [f"AAPL,2020-01-{day:02},0.3\nNVDA,2020-01-{day:02},0.3\n" for day in (1, 2, 3, 4, 5)]
    body = "symbol,effective,weight\n" + "".join(rows) + "NVDA,2020-01-02,0.2\nAAPL,2020-01-01,0\n"
    in_pieces(monkeypatch, 50)
    with pytest.raises(SourceError, match="AAPL on 2020-01-01: in the lines 2 and 13"):
        weights(tmp_path, body)


def test_every_row_group_of_a_parquet_file_is_read(tmp_path):
    members = ["AAPL", "ADBE", "AMZN", "NVDA"]
    table = pa.table({"symbol": members, "weight": [0.25] * 4, "effective": ["2020-01-02"] * 4})
    pq.write_table(table, tmp_path / "w.parquet", row_group_size=1)
    entry = WeightFiles(("w.parquet",), "nasdaq100")
    rows = weights_in("w.parquet", (tmp_path / "w.parquet").read_bytes(), entry, LATE)
    assert rows["symbol"].to_pylist() == members
    assert rows["partial"].to_pylist() == [False] * 4


def test_more_weights_than_are_read_are_refused(tmp_path, monkeypatch):
    body = "symbol,effective,weight\n" + "AAPL,2020-01-01,0.1\nNVDA,2020-01-01,0.1\n" * 2
    monkeypatch.setattr(weights_module, "MOST_WEIGHTS", 3)
    with pytest.raises(SourceError, match=r"w\.csv has more than the 3 weights that are read"):
        weights(tmp_path, body)
