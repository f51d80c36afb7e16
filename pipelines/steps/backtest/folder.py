"""A backtest on a folder of constituents' files, in a lake of its own that is gone afterwards.

A folder of some weeks is too short to train on. It is scored by the models that served at the
time, from the user's lake, where there were any; else a model is made of its first two thirds,
and that is said.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pipelines.backtest.market import Asked, Market
from pipelines.backtest.policy import Policy
from pipelines.backtest.run import WALKED, Backtest, combination_of, finish
from pipelines.backtest.walk import (
    Progress,
    Scorer,
    Window,
    chosen,
    known,
    lacking,
    score,
    walk,
    windows,
)
from pipelines.core.errors import BullionError, InvalidRequest, SourceError
from pipelines.core.settings import Settings
from pipelines.core.universes import universe
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake
from pipelines.modeling.required import Fewest
from pipelines.modeling.scorer import OnnxScorer
from pipelines.quality import checks
from pipelines.registry.decisions import ServingModel, read_decisions, serving_model_at
from pipelines.registry.mlflow import Registry, model_name
from pipelines.sources import source as source_named
from pipelines.sources.files import Files
from pipelines.sources.files.mapping import NAME
from pipelines.steps.backtest.walk import inside, market_of, needed
from pipelines.steps.data.features import refresh_features
from pipelines.steps.data.ingest import ingest, ingest_weights

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".pq")
SYMBOL = r"^(?P<symbol>[A-Za-z0-9]+)"  # a name begins with its symbol: aapl.csv, AAPL_1h.csv
ALONE = 60  # sessions before the first window, from which on a folder is trained on by itself
SHOWN = 5  # files that could not be read
LITTLE = Fewest(rows=200, held_out=20, sessions=5)  # for the first two thirds of a short folder


@dataclass(frozen=True)
class Folder:
    """Where the files lie, and how they are read when no mapping lies beside them."""

    path: Path
    timezone: str = ""  # of times that carry no offset
    grid: str = "session"


@dataclass(frozen=True)
class Taken:
    """What became of a folder's rows."""

    told: tuple[str, ...]


def backtest_folder(
    folder: Folder,
    forecast: TargetForecast,
    asked: Asked,
    trained_on: str,
    registry: Registry,
    policy: Policy | None,
    progress: Progress,
) -> tuple[Backtest, Taken]:
    """Score a folder's bars. `trained_on` is the source whose models serve, in the user's lake."""
    combination_of(forecast, asked.universe)
    with _lake(folder, forecast, asked.universe) as (lake, taken):
        progress("features", 0, 1)
        refresh_features(lake, forecast.forecast, Files.name)
        with lake.view() as view:
            market = market_of(view, forecast, Files.name, replace(asked, start=None))
    forecast = chosen(forecast, asked.candidates)
    scorers, how, asked = _scorers(forecast, market, asked, trained_on, registry, progress)
    progress("measure", 1, 1)
    scored = score(forecast, market, scorers)
    return finish(forecast, Files.name, market, scorers, scored, asked, policy, how), taken


@contextmanager
def _lake(folder: Folder, forecast: TargetForecast, of: str) -> Iterator[tuple[Lake, Taken]]:
    """A lake that holds the folder and nothing else."""
    with tempfile.TemporaryDirectory(prefix="bullion-backtest-") as name:
        source = Files(_mapped(folder, forecast, of, Path(name) / "files"))
        place = Path(name) / "lake"
        config = Settings(
            lake_catalog=f"sqlite:{place / 'catalog.sqlite'}", lake_data=str(place / "files")
        )
        with Lake(config) as lake:
            report = ingest(lake, source, (), forecast.bar, None, datetime.now(UTC), about="folder")
            told = [*_ignored(folder, source), *report.summary().splitlines()]
            told += [f"not read: {one.splitlines()[0]}" for one in report.failures[:SHOWN]]
            if len(report.failures) > SHOWN:
                told.append(f"not read: {len(report.failures) - SHOWN} more files")
            if not report.counts["accepted"]:
                raise SourceError(
                    f"no bar of {folder.path} could be used:\n  " + "\n  ".join(told), _hint(told)
                )
            checks.enforce(report.landed.verdicts)
            try:
                ingest_weights(lake, source, of)
            except SourceError:
                told.append("no weights came with the files: all members weigh the same")
            yield lake, Taken(tuple(told))


def _ignored(folder: Folder, source: Files) -> list[str]:
    """The files that are named after no member, where no mapping says what they are."""
    if source.folder is None or source.folder == folder.path:
        return []
    names = sorted(p.name for p in folder.path.iterdir() if p.name.lower().endswith(SUFFIXES))
    lost = [name for name in names if not (source.folder / name).exists()]
    return [f"not looked at, as they name no member: {', '.join(lost[:20])}"] if lost else []


def _hint(told: Sequence[str]) -> str:
    if any("carry no time zone" in one for one in told):
        return "say which clock the times show: --timezone America/New_York (or UTC)"
    return f"mend the files, or describe them in a {NAME} beside them, as include/sample/{NAME}"


def _mapped(folder: Folder, forecast: TargetForecast, of: str, beside: Path) -> Path:
    """The folder itself where it has a mapping; else one with links to its files, and a mapping."""
    import yaml

    if not folder.path.is_dir():
        raise InvalidRequest(
            f"there is no folder {folder.path}", "name a folder with a file for each constituent"
        )
    if (folder.path / NAME).is_file():
        return folder.path
    wanted = {*forecast.symbols, universe(of).index}
    files = sorted(p for p in folder.path.iterdir() if p.name.lower().endswith(SUFFIXES))
    named = [(p, re.match(SYMBOL, p.name)) for p in files]
    kept = [p for p, found in named if found and found["symbol"].upper() in wanted]
    if not kept:
        raise InvalidRequest(
            f"{folder.path} has no file named after a member of {forecast.universe}",
            f"name them AAPL.csv, msft_1h.csv.gz, ...; or describe them in a {NAME} beside them",
        )
    beside.mkdir()
    for path in kept:
        (beside / path.name).symlink_to(path.resolve())
    entry = {
        "files": [f"*{one}" for one in SUFFIXES],
        "symbol": {"file": SYMBOL},
        "interval": forecast.interval,
        "grid": folder.grid,
        **({"timezone": folder.timezone} if folder.timezone else {}),
    }
    (beside / NAME).write_text(yaml.safe_dump({"series": [entry]}), encoding="utf-8")
    return beside


def _scorers(
    forecast: TargetForecast,
    market: Market,
    asked: Asked,
    trained_on: str,
    registry: Registry,
    progress: Progress,
) -> tuple[list[Scorer], str, Asked]:
    """By which models the folder is scored, and how that is told."""
    sessions = np.unique(market.rows.session[market.ts < _end(asked)])
    alone = asked if asked.start else _from(market, sessions, ALONE, asked)
    cut = _cut(market, alone)
    if cut and not lacking(forecast, known(market.rows, cut[0].as_of, alone.history), Fewest()):
        made = list(walk(forecast, market, cut, alone, Fewest(), progress))
        return made, WALKED, alone
    served, why = _served(forecast, market, asked, trained_on, registry)
    if served:
        told = (
            f"{trained_on}, a made-up market,"
            if source_named(trained_on).is_sample
            else f"{trained_on},"
        )
        how = f"scored by the model trained on {told} which has not seen these bars"
        return served, how, asked
    part = asked if asked.start else _from(market, sessions, 2 * len(sessions) // 3, asked)
    cut = _cut(market, replace(part, retrain=max(1, len(sessions))))
    before = (
        known(market.rows, cut[0].as_of, part.history)
        if cut
        else market.rows.take(np.zeros(0, int))
    )
    lacks = lacking(forecast, before, LITTLE)
    if lacks:
        raise InvalidRequest(
            f"{len(sessions)} sessions in the folder are too few to train on ({lacks}), and no "
            f"model can score them: {why}",
            f"bring about {needed(forecast, market, Fewest())} sessions before the first day that "
            f"is to be scored; or train on another source before these bars: bullion train "
            f"{forecast.name} --source {trained_on} --as-of {sessions[0] if len(sessions) else ''}",
        )
    made = list(walk(forecast, market, cut, part, LITTLE, progress))
    first = "what came before it" if asked.start else f"the first two thirds of {len(sessions)}"
    how = (
        f"scored by a model trained on {first} sessions of the folder alone, far fewer than a "
        f"training asks for, because no other can score them: {why}"
    )
    return made, how, part


def _end(asked: Asked) -> np.datetime64:
    return np.datetime64(asked.end.replace(tzinfo=None), "us")


def _from(market: Market, sessions: np.ndarray, count: int, asked: Asked) -> Asked:
    """The span from the session that has so many before it; all after the end where none has."""
    if count >= len(sessions):
        return asked
    opens = market.ts[market.rows.session == sessions[count]].min()
    return replace(asked, start=opens.item().replace(tzinfo=UTC))


def _cut(market: Market, asked: Asked) -> list[Window]:
    if asked.start is None:
        return []
    at = inside(market, asked)
    return windows(market.rows.take(at), market.ts[at], asked)


def _served(
    forecast: TargetForecast, market: Market, asked: Asked, trained_on: str, registry: Registry
) -> tuple[list[Scorer], str]:
    """The models that served, a window for each stretch of bars of one; or why there is none."""
    try:
        with Lake(read_only=True) as lake, lake.view() as view:
            rows = read_decisions(view, forecast, trained_on)
    except BullionError as error:
        return [], error.message
    at = inside(market, asked)
    closes, first = np.unique(market.rows.closes_at[at], return_index=True)
    sessions = market.rows.session[at][first]
    who = [serving_model_at(rows, one.item().replace(tzinfo=UTC)) for one in closes]
    stretches: list[tuple[ServingModel, int, int]] = []
    for place, one in enumerate(who):
        if one is None or one.decision.definition != forecast.model_fingerprint:
            continue
        if stretches and stretches[-1][0] == one and stretches[-1][2] == place - 1:
            stretches[-1] = (one, stretches[-1][1], place)
        else:
            stretches.append((one, place, place))
    if not stretches:
        when = f"{str(closes[0])[:16]}Z" if len(closes) else "them"
        return [], f"no model of {forecast.name} had been trained on {trained_on} before {when}"
    made = []
    try:
        for number, (one, low, high) in enumerate(stretches, 1):
            told = one.decision
            body = registry.read_model(model_name(forecast), told.model_version, told.sha256)
            onnx = OnnxScorer(body, told.sha256)
            if onnx.description.symbols != forecast.symbols:
                return [], f"version {told.model_version} knows another list of symbols"
            after = closes[low - 1] if low else closes[0] - np.timedelta64(1, "us")
            as_of = np.datetime64(told.as_of.astimezone(UTC).replace(tzinfo=None), "us")
            window = Window(number, sessions[low], sessions[high], as_of, after, closes[high])
            reason = one.unproven_reason or told.reason
            made.append(
                Scorer(window, onnx, told.candidate, None, one.proven, reason, told.model_version)
            )
    except BullionError as error:
        return [], error.message
    return made, ""
