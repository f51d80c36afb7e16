"""Backtest a folder of constituents' files, in a lake of its own that is deleted afterwards.

A folder of some weeks is too short to train on. It is scored by the models that served at the
time, from the user's lake, where there were any; else by a model trained on its first two
thirds, and the report says so.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pipelines.backtest.market import BacktestRequest, Market, micros
from pipelines.backtest.policy import Policy
from pipelines.backtest.run import WALKED, Backtest, build_backtest
from pipelines.backtest.traded import check_policy, find_combination
from pipelines.backtest.walk import (
    Progress,
    Scorer,
    Window,
    find_shortage,
    score_windows,
    select_known,
    walk,
    windows,
    with_candidates,
)
from pipelines.core.errors import BullionError, InvalidRequest, SourceError
from pipelines.core.settings import Settings
from pipelines.core.universes import universe
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake
from pipelines.modeling.required import Minimums
from pipelines.modeling.scorer import OnnxScorer
from pipelines.quality import checks
from pipelines.registry.decisions import ServingModel, read_decisions, serving_model_at
from pipelines.registry.mlflow import Registry, model_name
from pipelines.sources import source as source_named
from pipelines.sources.files import Files
from pipelines.sources.files.mapping import NAME, load
from pipelines.steps.backtest.walk import count_needed_sessions, read_market, rows_in_span
from pipelines.steps.data.features import refresh_features
from pipelines.steps.data.ingest import ingest
from pipelines.steps.data.weights import ingest_weights
from pipelines.steps.lake import open_lake

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".pq")
SYMBOL = r"^(?P<symbol>[A-Za-z0-9]+)"  # a name begins with its symbol: aapl.csv, AAPL_1h.csv
WALK_SESSIONS = 60  # before the first window: enough for a folder to be walked forward alone
NAMED_FAILURES = 5  # files that could not be read
# For the first two thirds of a short folder.
SHORT_FOLDER_MINIMUMS = Minimums(rows=200, held_out=20, sessions=5)


@dataclass(frozen=True)
class Folder:
    """Where the files are, and how to read them where no mapping is beside them."""

    path: Path
    timezone: str = ""  # of times that carry no offset
    grid: str = "session"


@dataclass(frozen=True)
class FolderReport:
    """What became of the rows of a folder."""

    lines: tuple[str, ...]


def backtest_folder(
    folder: Folder,
    forecast: TargetForecast,
    request: BacktestRequest,
    trained_on: str,
    registry: Registry,
    policy: Policy | None,
    progress: Progress,
) -> tuple[Backtest, FolderReport]:
    """Score a folder's bars. `trained_on` is the source whose models serve, in the user's lake."""
    find_combination(forecast, request.universe)
    check_policy(forecast, policy)
    with _lake(folder, forecast, request.universe) as (lake, folder_report):
        progress("features", 0, 1)
        refresh_features(lake, forecast.forecast, Files.name)
        with lake.view() as view:
            market = read_market(view, forecast, Files.name, replace(request, start=None))
    forecast = with_candidates(forecast, request.candidates)
    scorers, how, request = _scorers(forecast, market, request, trained_on, registry, progress)
    progress("measure", 1, 1)
    scored = score_windows(forecast, market, scorers)
    return build_backtest(
        forecast, Files.name, market, scorers, scored, request, policy, how
    ), folder_report


@contextmanager
def _lake(
    folder: Folder, forecast: TargetForecast, universe_name: str
) -> Iterator[tuple[Lake, FolderReport]]:
    """Open a lake that holds the folder and nothing else."""
    with tempfile.TemporaryDirectory(prefix="bullion-backtest-") as name:
        source = Files(_map_files(folder, forecast, universe_name, Path(name) / "files"))
        place = Path(name) / "lake"
        config = Settings(
            lake_catalog=f"sqlite:{place / 'catalog.sqlite'}", lake_data=str(place / "files")
        )
        with open_lake(config) as lake:
            report = ingest(lake, source, (), forecast.bar, None, datetime.now(UTC), about="folder")
            lines = [*_list_ignored(folder, source), *report.summary().splitlines()]
            lines += [
                f"not read: {failure.splitlines()[0]}"
                for failure in report.failures[:NAMED_FAILURES]
            ]
            if len(report.failures) > NAMED_FAILURES:
                lines.append(f"not read: {len(report.failures) - NAMED_FAILURES} more files")
            if not report.counts["accepted"]:
                raise SourceError(
                    f"no bar of {folder.path} could be used:\n  " + "\n  ".join(lines), _hint(lines)
                )
            checks.enforce(report.landed.verdicts)
            if not universe(universe_name).stands_alone:
                lines += _bring_weights(lake, source, universe_name)
            yield lake, FolderReport(tuple(lines))


def _bring_weights(lake: Lake, source: Files, universe_name: str) -> list[str]:
    """Bring the weights that came with the files, if any; return what is to be said of them."""
    try:
        return list(ingest_weights(lake, source, universe_name, use_holdings=False).notes)
    except SourceError as error:
        lines = ["no weights came with the files: all members weigh the same"]
        if source.folder and load(source.folder).weights:
            lines.append(f"not read: {error.message}")
        return lines


def _list_ignored(folder: Folder, source: Files) -> list[str]:
    """Name the files that are named after no member, where no mapping describes them."""
    if source.folder is None or source.folder == folder.path:
        return []
    names = sorted(p.name for p in folder.path.iterdir() if p.name.lower().endswith(SUFFIXES))
    ignored = [name for name in names if not (source.folder / name).exists()]
    return [f"not looked at, as they name no member: {', '.join(ignored[:20])}"] if ignored else []


def _hint(lines: Sequence[str]) -> str:
    if any("carry no time zone" in line for line in lines):
        return "say which clock the times show: --timezone America/New_York (or UTC)"
    return f"correct the files, or describe them in a {NAME} beside them, as include/sample/{NAME}"


def _link_file(path: Path, place: Path) -> None:
    """Put the same file in another folder, so that the `files` source accepts it as its own."""
    if not path.is_file():
        place.symlink_to(path.resolve())  # a pipe or device: the source refuses it by name
        return
    try:
        place.hardlink_to(path.resolve())
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(path, place)


def _map_files(folder: Folder, forecast: TargetForecast, universe_name: str, place: Path) -> Path:
    """Return the folder where it has a mapping; else one with copies of its files and a mapping."""
    import yaml

    if not folder.path.is_dir():
        raise InvalidRequest(
            f"there is no folder {folder.path}", "name a folder with a file for each constituent"
        )
    if (folder.path / NAME).is_file():
        return folder.path
    symbols = {*forecast.symbols, universe(universe_name).fund}
    files = sorted(p for p in folder.path.iterdir() if p.name.lower().endswith(SUFFIXES))
    matches = [(p, re.match(SYMBOL, p.name)) for p in files]
    usable = [p for p, match in matches if match and match["symbol"].upper() in symbols]
    if not usable:
        raise InvalidRequest(
            f"{folder.path} has no file named after a member of {forecast.universe}",
            f"name them AAPL.csv, msft_1h.csv.gz, ...; or describe them in a {NAME} beside them",
        )
    place.mkdir()
    for path in usable:
        _link_file(path, place / path.name)
    entry = {
        "files": [f"*{suffix}" for suffix in SUFFIXES],
        "symbol": {"file": SYMBOL},
        "interval": forecast.interval,
        "grid": folder.grid,
        **({"timezone": folder.timezone} if folder.timezone else {}),
    }
    (place / NAME).write_text(yaml.safe_dump({"series": [entry]}), encoding="utf-8")
    return place


def _scorers(
    forecast: TargetForecast,
    market: Market,
    request: BacktestRequest,
    trained_on: str,
    registry: Registry,
    progress: Progress,
) -> tuple[list[Scorer], str, BacktestRequest]:
    """Choose the models that score the folder, and describe the choice."""
    sessions = np.unique(market.rows.session[market.ts < micros(request.end)])
    walk_request = (
        request if request.start else _start_after(market, sessions, WALK_SESSIONS, request)
    )
    cut = _cut(market, walk_request)
    if cut and not find_shortage(
        forecast, select_known(market.rows, cut[0].as_of, walk_request.history), Minimums()
    ):
        scorers = list(walk(forecast, market, cut, walk_request, Minimums(), progress))
        return scorers, WALKED, walk_request
    served, no_model = _find_served_models(forecast, market, request, trained_on, registry)
    if served:
        training_source = (
            f"{trained_on}, a made-up market,"
            if source_named(trained_on).is_sample
            else f"{trained_on},"
        )
        how = f"scored by the model trained on {training_source} which has not seen these bars"
        return served, how, request
    part_request = (
        request
        if request.start
        else _start_after(market, sessions, 2 * len(sessions) // 3, request)
    )
    cut = _cut(market, replace(part_request, retrain=max(1, len(sessions))))
    before = (
        select_known(market.rows, cut[0].as_of, part_request.history)
        if cut
        else market.rows.take(np.zeros(0, int))
    )
    shortage = find_shortage(forecast, before, SHORT_FOLDER_MINIMUMS)
    if shortage:
        needed = count_needed_sessions(forecast, market, Minimums())
        raise InvalidRequest(
            f"{len(sessions)} sessions in the folder are too few to train on ({shortage}), and no "
            f"model can score them: {no_model}",
            f"bring about {needed} sessions before the "
            "first day that is to be scored; or train on another source before these bars: "
            f"bullion train {forecast.name} --source {trained_on} "
            f"--as-of {sessions[0] if len(sessions) else ''}",
        )
    scorers = list(walk(forecast, market, cut, part_request, SHORT_FOLDER_MINIMUMS, progress))
    first = "what came before it" if request.start else f"the first two thirds of {len(sessions)}"
    how = (
        f"scored by a model trained on {first} sessions of the folder alone, far fewer than a "
        f"training asks for, because no other can score them: {no_model}"
    )
    return scorers, how, part_request


def _start_after(
    market: Market, sessions: np.ndarray, count: int, request: BacktestRequest
) -> BacktestRequest:
    """Start the span at the session that has so many before it; change nothing where none has."""
    if count >= len(sessions):
        return request
    opens = market.ts[market.rows.session == sessions[count]].min()
    return replace(request, start=opens.item().replace(tzinfo=UTC))


def _cut(market: Market, request: BacktestRequest) -> list[Window]:
    if request.start is None:
        return []
    in_span = rows_in_span(market, request)
    return windows(market.rows.take(in_span), market.ts[in_span], request)


def _find_served_models(
    forecast: TargetForecast,
    market: Market,
    request: BacktestRequest,
    trained_on: str,
    registry: Registry,
) -> tuple[list[Scorer], str]:
    """Find the models that served, a window for each run of bars; or say why there are none."""
    try:
        with open_lake(read_only=True) as lake, lake.view() as view:
            rows = read_decisions(view, forecast, trained_on)
    except BullionError as error:
        return [], error.message
    in_span = rows_in_span(market, request)
    closes, first = np.unique(market.rows.closes_at[in_span], return_index=True)
    sessions = market.rows.session[in_span][first]
    serving_at = [serving_model_at(rows, at.item().replace(tzinfo=UTC)) for at in closes]
    stretches: list[tuple[ServingModel, int, int]] = []
    for place, model in enumerate(serving_at):
        if model is None or model.decision.definition != forecast.model_fingerprint:
            continue
        if stretches and stretches[-1][0] == model and stretches[-1][2] == place - 1:
            stretches[-1] = (model, stretches[-1][1], place)
        else:
            stretches.append((model, place, place))
    if not stretches:
        when = f"{str(closes[0])[:16]}Z" if len(closes) else "them"
        return [], f"no model of {forecast.name} had been trained on {trained_on} before {when}"
    scorers = []
    try:
        for number, (model, low, high) in enumerate(stretches, 1):
            decision = model.decision
            body = registry.read_model(
                model_name(forecast), decision.model_version, decision.sha256
            )
            onnx = OnnxScorer(body, decision.sha256)
            if onnx.description.symbols != forecast.symbols:
                return [], f"version {decision.model_version} knows another list of symbols"
            after = closes[low - 1] if low else closes[0] - np.timedelta64(1, "us")
            as_of = np.datetime64(decision.as_of.astimezone(UTC).replace(tzinfo=None), "us")
            window = Window(number, sessions[low], sessions[high], as_of, after, closes[high])
            reason = model.unproven_reason or decision.reason
            scorers.append(
                Scorer(
                    window,
                    onnx,
                    decision.candidate,
                    None,
                    model.proven,
                    reason,
                    decision.model_version,
                )
            )
    except BullionError as error:
        return [], error.message
    return scorers, ""
