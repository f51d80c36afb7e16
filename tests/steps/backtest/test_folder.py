"""A folder of some weeks is scored by the models of that time, or by one trained on it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.csv as csv
import pytest

from pipelines.backtest.market import BacktestRequest
from pipelines.backtest.run import WALKED, Backtest
from pipelines.core.calendar import interval_of, utc
from pipelines.core.errors import BullionError, InvalidRequest, SourceError
from pipelines.core.universes import universe
from pipelines.forecasts import NASDAQ100_HOURLY
from pipelines.lake import Lake
from pipelines.modeling.candidates import Logistic
from pipelines.registry.mlflow import Registry
from pipelines.sources.sample import Sample
from pipelines.steps import ingest
from pipelines.steps.backtest.folder import Folder, FolderReport, backtest_folder
from tests import models
from tests.steps.markets import bars_of
from tests.steps.served import fresh_registry

QUICK = NASDAQ100_HOURLY.target_forecast().replace(candidates=(Logistic(),))
SYMBOLS = universe("qqq").symbols
START, END = utc("2026-08-01"), utc("2026-09-01")
REQUEST = BacktestRequest("qqq", None, END)


def write_folder(
    folder: Path, start: str, *, offset: bool = True, symbols: tuple[str, ...] = SYMBOLS
) -> Path:
    """Write a file for each constituent, as a user has them."""
    folder.mkdir()
    bars = bars_of(Sample(), symbols, QUICK.forecast, utc(start), END).to_pandas()
    for symbol, rows in bars.groupby("symbol"):
        local = rows.ts.dt.tz_convert("America/New_York")
        times = local.astype(str) if offset else local.dt.strftime("%Y-%m-%d %H:%M:%S")
        columns = rows[["open", "high", "low", "close", "volume"]].assign(Datetime=times)
        columns.to_csv(folder / f"{str(symbol).lower()}_1h.csv", index=False)
    return folder


def run(
    folder: Folder, registry: Path, request: BacktestRequest = REQUEST
) -> tuple[Backtest, FolderReport]:
    model_registry = Registry(uri=f"sqlite:///{registry / 'mlflow.db'}", folder=registry)
    return backtest_folder(folder, QUICK, request, "sample", model_registry, None, lambda *_: None)


def test_a_short_folder_is_scored_by_the_models_of_its_time_in_its_own_lake(
    tmp_path: Path, lake: Lake
) -> None:
    ingest(lake, Sample(), SYMBOLS, interval_of("1h"), utc("2026-06-01"), START)
    place = tmp_path / "mlflow"
    registry = fresh_registry(place)
    models.decide(
        lake, QUICK, "sample", models.store_verified(registry, QUICK, models.body(QUICK), 1), START
    )
    before = lake.snapshot
    result, folder_report = run(Folder(write_folder(tmp_path / "bars", "2026-08-03")), place)
    assert result.about["how"] == (
        "scored by the model trained on sample, a made-up market, which has not seen these bars"
    )
    assert [w["model_version"] for w in result.windows] == [1]
    assert set(result.predictions["model_version"].to_pylist()) == {1}
    assert result.about["source"] == "files"
    assert result.predictions.num_rows == 21 * 70 - 20 * 10  # but for the look-back
    assert "1,470 accepted" in folder_report.lines[0]
    assert lake.snapshot == before
    # a model that was trained after the first bars scores only what came after
    late = models.store_verified(registry, QUICK, models.body(QUICK, 1), 2)
    models.decide(lake, QUICK, "sample", late, utc("2026-07-30"))
    result, _ = run(Folder(write_folder(tmp_path / "earlier", "2026-07-27")), place)
    assert min(result.predictions["closes_at"].to_pylist()) > utc("2026-07-30")
    by_time = [w["model_version"] for w in result.windows]
    assert by_time[0] == 2


def test_without_a_model_its_own_first_two_thirds_are_trained_on(tmp_path: Path) -> None:
    result, folder_report = run(Folder(write_folder(tmp_path / "bars", "2026-08-03")), tmp_path)
    how = result.about["how"]
    assert "trained on the first two thirds of 21 sessions of the folder alone" in how
    assert "there is no lake" in result.about["how"]
    assert result.about["sessions"] == 7
    assert not result.windows[0]["proven"]
    assert result.figures["rank_ic"].low is None
    assert "no weights came with the files: all members weigh the same" in folder_report.lines
    assert not (tmp_path / "lake").exists()


def test_too_short_says_how_many_sessions_are_needed(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="6 sessions in the folder are too few") as error:
        run(Folder(write_folder(tmp_path / "bars", "2026-08-24")), tmp_path)
    assert "bring about 1" in error.value.hint
    assert "bullion train nasdaq100_hourly --source sample --as-of 2026-08-24" in error.value.hint


def test_a_long_folder_is_walked_through(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "bars", "2026-05-26", symbols=SYMBOLS[:5])
    result, _ = run(Folder(folder), tmp_path)
    assert result.about["how"] == WALKED
    assert result.about["sessions"] == 8
    # five of ten members are under the share that a signal asks for
    assert set(result.signals["signal"].to_pylist()) == {"HOLD"}
    assert any(note.startswith("Not scored at all: ") for note in result.notes)


def test_times_without_a_time_zone_are_refused_until_one_is_named(tmp_path: Path) -> None:
    place = write_folder(tmp_path / "bars", "2026-08-03", offset=False)
    with pytest.raises(SourceError, match="carry no time zone") as error:
        run(Folder(place), tmp_path)
    assert "--timezone America/New_York" in error.value.hint
    result, _ = run(Folder(place, "America/New_York"), tmp_path)
    assert result.predictions.num_rows == 490


def test_rejected_rows_and_ignored_files_are_reported(tmp_path: Path) -> None:
    place = write_folder(tmp_path / "bars", "2026-08-03")
    file = place / "aapl_1h.csv"
    head, first, *rest = file.read_text().splitlines()
    file.write_text("\n".join([head, "oops" + first[first.index(",") :], *rest]) + "\n")
    (place / "notes.csv").write_text("hello\n")
    _, folder_report = run(Folder(place), tmp_path)
    lines = "\n".join(folder_report.lines)
    assert "not looked at, as they name no member: notes.csv" in lines
    assert "1,469 accepted" in lines
    assert "1 unparsable" in lines
    assert sorted(p.name for p in place.iterdir() if "yaml" in p.name) == []


def test_a_mapping_beside_the_files_is_followed_weights_too(tmp_path: Path) -> None:
    place = write_folder(tmp_path / "bars", "2026-08-03")
    table = csv.read_csv(place / "aapl_1h.csv")
    assert table.num_rows == 147
    lines = [f"{symbol},0.0{9 - n // 2}" for n, symbol in enumerate(SYMBOLS)]
    (place / "weights.csv").write_text("symbol,weight\n" + "\n".join(lines) + "\n")
    (place / "bars.yaml").write_text(
        """
series:
  - { files: "*_1h.csv", symbol: { file: '^(?P<symbol>[a-z]+)_' }, interval: 1h }
weights:
  - { files: weights.csv, universe: nasdaq100, effective: 2026-07-01 }
"""
    )
    result, folder_report = run(Folder(place), tmp_path)
    assert result.signals["weights_known"].to_pylist() == [True] * 49
    assert not any("no weights" in line for line in folder_report.lines)


@pytest.mark.parametrize("name", ["none", "empty"])
def test_a_missing_or_empty_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BullionError, match=r"there is no folder|no file named after a member"):
        run(Folder(tmp_path / name), tmp_path)
