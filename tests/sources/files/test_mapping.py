"""A mapping is checked when it is read: each fault names the entry and the key."""

import json

import pytest
import yaml

from pipelines.core.errors import InvalidRequest
from pipelines.sources.files.mapping import load, series_of

LEAST = {"files": "*.csv", "symbol": "SPY", "interval": "1h"}


@pytest.mark.parametrize(
    ("change", "says", "hint"),
    [
        ({"timezon": "UTC"}, "unknown key in", "did you mean timezone"),
        ({"grid": "clok"}, "unknown grid of", "did you mean clock?"),
        ({"label": "closed"}, "unknown label of", "close"),
        ({"timezone": "America/NewYork"}, "is not known", "America/New_York"),
        ({"columns": {"opens": "Open"}}, "unknown key in columns of", "did you mean open?"),
        ({"columns": {"open": 3}}, "columns.open of", "quotes"),
        ({"csv": {"delimeter": ";"}}, "unknown key in csv of", "did you mean delimiter"),
        ({"csv": {"delimiter": "||"}}, "longer than one sign", "tabs"),
        ({"symbol": {"file": "[a-z"}}, "is no regex", ""),
        ({"symbol": {"file": "[a-z]+"}}, "no group (?P<symbol>", "(?P<symbol>"),
        ({"symbol": {"column": "A", "file": "(?P<symbol>a)"}}, "is not one of", "exactly one"),
        ({"symbol": None}, "has no symbol", "add"),
        ({"interval": None}, "names no interval", "interval: 1h"),
        ({"calendar": {False: "XNYS"}}, "key False in calendar", "quotes"),
        ({"splits": [{"symbol": "A", "date": "2020-02-30", "ratio": 2}]}, "split 1 of", "YYYY"),
        ({"splits": [{"symbol": "A", "date": "2020-02-20"}]}, "has no ratio", "ratio"),
        ({"split_adjusted": "maybe"}, "not true or false", ""),
        ({"missing_bars": "ignore"}, "unknown missing_bars of", "fail, pass, warn"),
        ({"missing_bars": {"SPY": True}}, "unknown missing_bars of", "fail, pass, warn"),
    ],
)
def test_a_fault_names_its_key_and_the_way_out(tmp_path, change, says, hint):
    entry = {k: v for k, v in {**LEAST, **change}.items() if v is not None}
    (tmp_path / "bars.yaml").write_text(yaml.safe_dump({"series": [LEAST, entry]}))
    with pytest.raises(InvalidRequest) as caught:
        load(tmp_path)
    assert says in caught.value.message
    assert "series 2 of" in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("change", "says", "hint"),
    [
        ({"unit": "permille"}, "unknown unit of", "percent"),
        ({"known_at": "soon"}, "known_at of weights 1", "write 2026-09-01"),
        ({"known_at": "2026-09-01T10:00"}, "has no time zone", "+00:00"),
        ({"known_after_days": -1}, "known_after_days of weights 1", "write 0 to 366"),
        ({"known_after_days": True}, "known_after_days of weights 1", "write 0 to 366"),
        ({"date_format": 3}, "date_format of weights 1", "quotes"),
    ],
)
def test_a_fault_of_weights_names_its_key(tmp_path, change, says, hint):
    entry = {"files": "w.csv", "universe": "nasdaq100", **change}
    (tmp_path / "bars.yaml").write_text(yaml.safe_dump({"weights": [entry]}))
    with pytest.raises(InvalidRequest) as caught:
        load(tmp_path)
    assert says in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("text", ["series: [", "series: {a: 1}", "- 1", "serie: []", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
    (tmp_path / "bars.yaml").write_text(text)
    with pytest.raises(InvalidRequest, match=r"bars\.yaml"):
        load(tmp_path)


def test_an_entry_survives_the_way_through_json():
    entry = LEAST | {
        "columns": {"ts": ["Date", "Time"]},
        "calendar": {"L": "XLON"},
        "csv": {"names": ["a", "b"], "null_values": ["-9"]},
        "splits": [{"symbol": "SPY", "date": "2020-02-20", "ratio": 2}],
        "missing_bars": {"SPY": "warn"},
    }
    series = series_of(entry, "here")
    assert series_of(json.loads(json.dumps(series.to_dict())), "there") == series


@pytest.mark.parametrize(
    ("spelled", "name"), [("1wk", "1w"), ("60m", "1h"), ("daily", "1d"), ("5MIN", "5m")]
)
def test_usual_spellings_of_intervals(spelled, name):
    assert series_of(LEAST | {"interval": spelled}, "x").of_file("a.csv")[1].name == name


def test_an_unknown_interval_names_the_file():
    with pytest.raises(InvalidRequest, match=r"interval of a\.csv"):
        series_of(LEAST | {"interval": "7m"}, "x").of_file("a.csv")


def test_a_suffix_without_calendar_is_refused():
    series = series_of(LEAST | {"calendar": {"L": "XLON"}}, "x")
    assert series.calendar_of("AV.L", "a.csv") == "XLON"
    with pytest.raises(InvalidRequest, match=r"a\.csv: no calendar for AV\.PA"):
        series.calendar_of("AV.PA", "a.csv")
