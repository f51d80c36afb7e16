"""The files of a backtest: the same figures in JSON, Markdown, CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json

import pyarrow.parquet as pq

from pipelines.backtest import report
from tests.backtest.small_backtest import POLICY, small_backtest

RESULT = small_backtest(tune=True, policy=POLICY)
FILES = report.build_files(RESULT, b"a picture")


def test_every_file_can_be_read_and_has_the_rows_of_the_backtest() -> None:
    assert set(FILES) == {
        "report.json", "report.md", "predictions.parquet", "signals.parquet", "symbols.csv",
        "equity.png",
    }  # fmt: skip
    assert FILES["equity.png"] == b"a picture"
    assert pq.read_table(io.BytesIO(FILES["predictions.parquet"])).equals(RESULT.predictions)
    assert pq.read_table(io.BytesIO(FILES["signals.parquet"])).equals(RESULT.signals)
    symbols = list(csv.DictReader(io.StringIO(FILES["symbols.csv"].decode())))
    assert [row["symbol"] for row in symbols] == [row["symbol"] for row in RESULT.symbols]


def test_the_document_has_every_part_and_no_number_that_json_cannot_hold() -> None:
    document = json.loads(FILES["report.json"], parse_constant=lambda name: [name])
    assert set(document) == {
        "about", "figures", "shares", "returns", "windows", "symbols", "notes",
    }  # fmt: skip
    assert document == json.loads(json.dumps(report.build_document(RESULT)))
    for name, figure in RESULT.figures.items():
        assert document["figures"][name]["value"] == round(figure.value, 10)
    assert document["returns"]["policy"].keys() >= {"exits", "net", "beyond_always_long"}


def test_the_markdown_has_a_table_for_each_part() -> None:
    text = FILES["report.md"].decode()
    for title in ("Predictions", "Returns", "Windows", "Thresholds", "Symbols"):
        assert f"\n## {title}\n" in text
    assert "|  | signal | tuned | policy | always long |" in text
    assert "Policy: at most 1 notional, 1 a signal, stop at 0.50%." in text
    assert "- window 1: refused; skill_direction: no skill" in text
    for note in RESULT.notes:
        assert f"\n- {note}\n" in text
    for line in text.splitlines():
        if line.startswith("| "):
            assert line.endswith(" |"), line


def test_the_returns_of_always_long_are_not_compared_with_themselves() -> None:
    columns = report.return_columns(RESULT)
    rows = {row[0]: dict(zip(columns, row, strict=True)) for row in report.return_rows(RESULT)}
    assert rows["net beyond always long"]["always long"] == ""
    assert rows["net beyond always long"]["signal"] != ""
    net = RESULT.returns["signal"]["net"]["value"]
    assert rows["net"]["signal"] == f"{net:+.2%}"


def test_windows_name_their_models_and_verdicts() -> None:
    first, second = report.window_rows(RESULT)
    assert (first[0], first[2], first[-1]) == (1, "mlp", "refused")
    assert (second[0], second[2], second[-1]) == (2, "mlp", "proven")
    assert [len(row) for row in report.short_rows(RESULT)] == [len(report.SHORT_COLUMNS)] * 2
    assert [len(row) for row in report.window_rows(RESULT)] == [
        len(report.window_columns(RESULT))
    ] * 2
    assert [len(row) for row in report.symbol_rows(RESULT)] == [
        len(report.symbol_columns(RESULT))
    ] * len(RESULT.symbols)
    assert [len(row) for row in report.threshold_rows(RESULT)] == [
        len(report.threshold_columns(RESULT))
    ] * 2
    assert report.threshold_rows(small_backtest()) == [], "nothing was tuned"
