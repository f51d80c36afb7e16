"""Weights of a universe from files."""

from datetime import UTC, date, datetime

import pytest
import yaml

from pipelines.core.calendar import utc
from pipelines.core.errors import SourceError
from pipelines.sources.base import WEIGHTS
from pipelines.sources.files import Files

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
        ("symbol,effective,weight\nA,2020-01-01,60\nB,2020-01-01,40\n", "add up to 100"),
        ("symbol,effective,weight\nA,2020-01-01,much\n", "line 2: could not convert"),
        ("symbol,effective,weight\nA,2020-01-01,0.5\n,2020-01-01,0.5\n", "line 3 has no symbol"),
        ("symbol,effective,weight\nA,2020-01-01\n", "line 2: 2 cells"),
        ("symbol,effective,weight\nA,yesterday,1\n", "line 2: Invalid isoformat"),
        ("symbol,weight\nA,1\n", "no column for effective"),
    ],
)
def test_one_bad_line_refuses_the_whole_file(tmp_path, body, says):
    with pytest.raises(SourceError, match=r"w\.csv") as caught:
        weights(tmp_path, body)
    assert says in caught.value.message
