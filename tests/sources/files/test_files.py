"""The files source: its folder, its answers and the shipped example."""

import json
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.sources.base import ACTIONS, BARS, REJECTS
from pipelines.sources.files import Files
from tests.sources.files.folder import folder, read, request

EXAMPLE = Path(__file__).resolve().parents[3] / "include" / "sample"
HEAD = "ts,open,high,low,close,volume\n"
GOOD = "2020-01-02 14:30,1,2,1,1,10\n"
SERIES = {"files": "*.csv*", "symbol": "AAPL", "interval": "1h", "timezone": "UTC"}
ALWAYS = request()


def test_tables_have_their_schemas_and_answers_can_be_kept_as_json(tmp_path):
    body = HEAD + "2020-01-02 14:30,1,2,1,1,0\n2020-01-02 15:30,x,2,1,1,0\n"
    files = folder(tmp_path, {"a.csv": body}, {"files": "*", "symbol": "A", "interval": "1h",
                                               "timezone": "UTC"})  # fmt: skip
    (answer,) = files.fetch(request())  # the mapping is no file of bars
    parsed = files.parse(answer)
    assert (parsed.bars.schema, parsed.actions.schema, parsed.rejects.schema) == (
        BARS,
        ACTIONS,
        REJECTS,
    )
    stored = type(answer)(**{**answer.__dict__, "query": json.loads(json.dumps(answer.query))})
    reread = Files(tmp_path / "gone").parse(stored)
    assert reread.bars.equals(parsed.bars)
    assert reread.rejects.equals(parsed.rejects)


def test_without_a_folder_it_says_which_setting_names_one(monkeypatch):
    monkeypatch.delenv("BULLION_FILES", raising=False)
    with pytest.raises(InvalidRequest, match="BULLION_FILES is not set"):
        Files().symbols()


def test_the_shipped_example_reads_without_a_reject(monkeypatch):
    monkeypatch.setenv("BULLION_FILES", str(EXAMPLE))
    for interval, symbol in (("5m", "AAPL"), ("1h", "QQQ")):
        (parsed,) = read(Files(), request(interval))
        assert parsed.rejects.num_rows == 0
        assert parsed.bars.num_rows > 1000
        assert set(parsed.bars["symbol"].to_pylist()) == {symbol}
    assert Files().symbols() == ("AAPL", "QQQ")
    assert all(path.stat().st_size < 300_000 for path in EXAMPLE.glob("*.csv"))


def test_an_unreadable_file_does_not_stop_the_good_ones(tmp_path):
    files = folder(tmp_path, {"a.csv": HEAD + GOOD, "c.csv": HEAD + GOOD}, SERIES)
    (tmp_path / "b.csv").symlink_to(tmp_path / "vanished.csv")
    answers = files.fetch(ALWAYS)
    assert [next(answers).query["path"], next(answers).query["path"]] == ["a.csv", "c.csv"]
    with pytest.raises(SourceError, match=r"1 file of .*b\.csv: No such file"):
        next(answers)


def test_a_name_that_does_not_fit_is_told_after_the_good_ones(tmp_path):
    series = {**SERIES, "symbol": {"file": r"^(?P<symbol>[a-z]+)\.csv"}}
    files = folder(tmp_path, {"a.csv": HEAD + GOOD, "Z9.csv": HEAD + GOOD}, series)
    answers = files.fetch(ALWAYS)
    assert next(answers).query["path"] == "a.csv"
    with pytest.raises(SourceError, match=r"Z9\.csv: its name does not fit"):
        next(answers)


def test_nothing_to_read_names_the_folder_and_the_setting(tmp_path):
    with pytest.raises(InvalidRequest, match="there is no folder") as caught:
        read(Files(tmp_path / "nowhere"), ALWAYS)
    assert "BULLION_FILES" in caught.value.hint
    with pytest.raises(InvalidRequest, match=r"has no bars\.yaml"):
        read(Files(tmp_path), ALWAYS)
    files = folder(tmp_path, {}, SERIES)
    with pytest.raises(InvalidRequest, match="fits the globs"):
        read(files, ALWAYS)
    (tmp_path / "a.csv").write_text(HEAD + GOOD)
    with pytest.raises(InvalidRequest, match=r"no file .* has bars of 5m") as caught:
        read(files, request("5m"))
    assert "its files have 1h" in caught.value.hint
    with pytest.raises(InvalidRequest, match="has 1h bars of AAPLE") as caught:
        read(files, request(symbols=("AAPLE",)))
    assert "AAPL" in caught.value.hint
