"""The models that serve, one for each target of a forecast: followed, verified, and swapped as
a whole.

A request takes its models once and answers from these alone. What is decided in the lake is
seen within a second; a model that cannot be verified never replaces one that was.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Event, Lock, Thread

from pipelines.core.errors import BullionError
from pipelines.forecasts import FORECASTS, Forecast, TargetForecast
from pipelines.lake import View
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.decisions import ServingModel, serving_model_at
from pipelines.registry.mlflow import RegistryError, UnsoundModel, model_name
from serving.http.errors import NotYet, public
from serving.http.latency import Recent
from serving.settings import settings
from serving.state import model as models
from serving.state.model import Model, Models, Told
from serving.state.model_files import Files
from serving.state.pinned_model import Pin
from serving.state.reader import BROKEN, Reader, broken, made_up

POLL = 1.0  # seconds between looks at the lake, when nobody tells of a change
RETRY = 5.0  # seconds until a model that could not be loaded is tried again
EVERY = tuple(one for forecast in FORECASTS for one in forecast.per_target())
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reloaded:
    """What a reload found."""

    model: Model
    before: int | None
    changed: bool


class State:
    """The models of one API, kept in step with its lake by a thread of its own."""

    def __init__(self, reader: Reader) -> None:
        api = settings()
        self.source, self._slow = api.data_source, api.slow_ms
        self._files, self._pin = Files(), Pin()
        self._reader = reader
        self._models: Mapping[str, Model] = {}
        self._told: dict[str, Told] = {}
        self._trouble: dict[str, str] = {}
        self._lake_trouble = ""
        self._tried: dict[str, tuple[object, float]] = {}
        self.recent = Recent()  # requests for one prediction
        self._turn = Lock()
        self._wake, self._stop, self.looked = Event(), Event(), Event()
        self._thread = Thread(target=self._follow, name="models", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def changed(self) -> None:
        self._wake.set()

    # -- what requests ask for

    def model(self, forecast: TargetForecast) -> Model:
        """The model that serves the target now."""
        found = self._models.get(model_name(forecast))
        if found is None:
            raise self._none(forecast.name, self._why(forecast))
        return found

    def models(self, forecast: Forecast) -> Models:
        """Those that serve all its targets now; an error if none of them is served."""
        held, every = self._models, {one.target.name: one for one in forecast.per_target()}
        found = {name: held.get(model_name(one)) for name, one in every.items()}
        made = {name: model for name, model in found.items() if model is not None}
        lacking = {name: self._why(every[name]) for name in every if name not in made}
        if not made:
            raise self._none(forecast.name, next(iter(lacking.values())))
        return Models(forecast, made, lacking)

    def _why(self, forecast: TargetForecast) -> str:
        known = self._trouble.get(model_name(forecast))
        return known or self._lake_trouble or "it is being loaded"

    def _none(self, name: str, why: str) -> NotYet:
        return NotYet(
            f"no model of {name} serves: {why}",
            f"`bullion train {name}` makes one; GET /health tells more",
            5,
        )

    @contextmanager
    def view(self) -> Iterator[View]:
        """The newest snapshot of the lake; it refuses files that are not what was committed."""
        with self._reader.view(checked=True) as view:
            yield view

    def reload(self, forecast: TargetForecast) -> Reloaded:
        """Take what is decided now; on failure the old one stays and the error says why."""
        name = model_name(forecast)
        before = self._models.get(name)
        with self._turn:
            self._tried.pop(name, None)
            self._told.pop(name, None)
            self._refresh(forced=name)
            trouble = self._trouble.get(name) or self._lake_trouble or self._pin.trouble
            now = self._models.get(name)
        if trouble or now is None:
            kept = f"; version {now.version} serves on" if now else ""
            raise NotYet(f"{trouble or 'there is no model'}{kept}", "GET /health tells more", 5)
        changed = before is None or (before.version, before.sha256) != (now.version, now.sha256)
        return Reloaded(now, before.version if before else None, changed)

    def reasons(self) -> list[str]:
        """What makes the scoring side degraded; empty when all is well."""
        if not self.looked.is_set():
            return ["models are being loaded"]
        found = [f"{name}: {why}" for name, why in sorted(self._trouble.items())]
        found += [
            f"{name}: no model serves"
            for name in map(model_name, EVERY)
            if not self._serves_or_told(name)
        ]
        if self._pin.trouble:
            found.append(self._pin.trouble)
        if self._lake_trouble:
            found.append(f"models cannot be followed: {self._lake_trouble}")
        if not self._thread.is_alive() and not self._stop.is_set():
            found.append("models are followed no longer: restart the API")
        p99 = self.recent.p99()
        if p99 is not None and p99 > self._slow:
            found.append(f"POST /predict takes {p99:.0f} ms at the 99th percentile")
        return found

    def _serves_or_told(self, name: str) -> bool:
        return name in self._models or name in self._trouble

    def loaded(self) -> list[Model]:
        """What serves."""
        return [one for _, one in sorted(self._models.items())]

    # -- following the lake

    def _follow(self) -> None:
        while not self._stop.is_set():
            with self._turn:
                try:
                    self._refresh()
                finally:
                    self.looked.set()
            self._wake.wait(POLL)
            self._wake.clear()

    def _refresh(self, forced: str = "") -> None:
        try:
            with self.view() as view:
                told = {
                    name: models.read(view, one, self.source, self._told.get(name))
                    for name, one in zip(map(model_name, EVERY), EVERY, strict=True)
                }
            self._told, self._lake_trouble = told, ""
        except BullionError as error:
            self._lake_trouble, _ = public(error)
        except BROKEN as error:
            LOG.exception("what the lake says of models could not be read")
            self._lake_trouble, _ = public(broken(error))
        self._pin.read(anew=bool(forced))
        for forecast in EVERY:
            told_now = self._told.get(model_name(forecast))
            if told_now is None and not self._pin.of(forecast):
                continue
            self._take(
                forecast,
                told_now or Told(self.source, made_up(self.source)),
                model_name(forecast) == forced,
            )

    def _take(self, forecast: TargetForecast, told: Told, forced: bool) -> None:
        """Serve what is decided, if it is sound; else keep what serves, or what served before."""
        name, pin = model_name(forecast), self._pin.of(forecast)
        who = None if pin else serving_model_at(told.decisions, datetime.now(UTC))
        wanted = (told.mark, pin, who and (who.model_version, who.proven, who.decision.sha256))
        tried, again = self._tried.get(name, (None, 0.0))
        if tried == wanted and not forced and time.monotonic() < again:
            return
        try:
            made = self._made(forecast, told, who, forced)
        except BullionError as error:
            self._refused(forecast, told, who, error)
            self._tried[name] = (wanted, time.monotonic() + RETRY)
            return
        self._trouble.pop(name, None)
        self._tried[name] = (wanted, math.inf)
        self._swap(made)

    def _made(
        self, forecast: TargetForecast, told: Told, who: ServingModel | None, forced: bool
    ) -> Model:
        held, pin = self._models.get(model_name(forecast)), self._pin.of(forecast)
        if pin:
            return models.pinned(forecast, told, pin)
        if who is None:
            raise BullionError("nothing was trained yet")
        if held and not forced and held.sha256 == who.decision.sha256:
            return models.served(forecast, told, who, held.scorer)
        return models.served(forecast, told, who, self._loaded(forecast, who))

    def _loaded(self, forecast: TargetForecast, who: ServingModel) -> OnnxScorer:
        row = who.decision
        scorer = OnnxScorer(self._files.body(forecast, row), row.sha256)
        return models.checked(forecast, scorer, row.definition)

    def _refused(
        self, forecast: TargetForecast, told: Told, who: ServingModel | None, error: BullionError
    ) -> None:
        which = f"version {who.model_version} cannot serve: " if who else ""
        trouble, name = which + (error.summary or error.message), model_name(forecast)
        if self._trouble.get(name) != trouble:
            LOG.warning("%s: %s%s", name, which, error)
        self._trouble[name] = trouble
        held = self._models.get(name)
        if who is None or (held and held.sha256 == who.decision.sha256):
            return
        other = self._stand_in(forecast, told, who, error)
        if other and not (held and (held.name, held.instead_of) == (other.name, other.instead_of)):
            self._swap(other)

    def _stand_in(
        self, forecast: TargetForecast, told: Told, who: ServingModel, error: BullionError
    ) -> Model | None:
        """The model that serves instead of one that cannot; None where no other can."""
        held, lost = (
            self._models.get(model_name(forecast)),
            {who.decision.model: error.summary or error.message},
        )
        down = _is_down(error)
        while other := serving_model_at(told.decisions, datetime.now(UTC), lost):
            row = other.decision
            if held and held.sha256 == row.sha256:
                return models.served(forecast, told, other, held.scorer)
            if down and not self._files.has(row):  # the store is not waited for again
                lost[row.model] = "it was not verified here before"
                continue
            try:
                return models.served(forecast, told, other, self._loaded(forecast, other))
            except BullionError as failure:
                LOG.info("%s: %s", model_name(forecast), failure.message)
                lost[row.model] = failure.summary or failure.message
                down = down or _is_down(failure)
        return None

    def _swap(self, made: Model) -> None:
        try:
            with self.view() as view:
                made = replace(made, more=models.particulars(view, made))
        except (BullionError, *BROKEN):  # it is said elsewhere, and the model serves
            LOG.info("%s serves without what the lake knows of it", made.name)
        name = model_name(made.forecast)
        before = self._models.get(name)
        self._models = {**self._models, name: made}
        if before is None or before.version != made.version:
            LOG.info("%s serves", made.name)


def _is_down(error: BullionError) -> bool:
    """Is it the store that fails, and not the one file?"""
    return isinstance(error, RegistryError) and not isinstance(error, UnsoundModel)


_running: list[State] = []


def start(reader: Reader) -> None:
    """Begin to follow the lake, and serve."""
    _running.append(State(reader))
    _running[-1].start()


def stop() -> None:
    """Let everything go."""
    if _running:
        _running.pop().stop()


def current() -> State:
    """The state of the API that runs."""
    if not _running:
        raise NotYet("the API has not started", "ask again", 1)
    return _running[-1]


def changed(snapshot: int) -> None:
    """The lake has a newer snapshot: look at once."""
    if _running:
        _running[-1].changed()


def reasons() -> list[str]:
    """What makes the scoring side degraded; empty when all is well."""
    return _running[-1].reasons() if _running else ["scoring has not started"]


def loaded() -> list[Model]:
    """What serves."""
    return _running[-1].loaded() if _running else []
