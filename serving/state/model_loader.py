"""The models that serve, one for each target of a forecast: loaded, verified, and swapped whole.

A request takes its models once and answers from these alone. What is decided in the lake is seen
within a second; a model that cannot be verified never replaces one that was.
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
from pipelines.registry.decisions import ServingModel, model_of_version, serving_model_at
from pipelines.registry.mlflow import RegistryError, UnsoundModel, model_name
from pipelines.requests.model import (
    Model,
    Models,
    TargetDecisions,
    check_decided_scorer,
    decided_model,
    pinned_model,
    read_target_decisions,
    read_training,
)
from pipelines.sources import is_sample
from serving.schemas.errors import NotYet, public_message
from serving.settings import Settings
from serving.state.latency import LatencyWindow
from serving.state.model_files import ModelFiles
from serving.state.pinned_model import PinnedModel
from serving.state.pinned_versions import parse_versions
from serving.state.reader import READ_ERRORS, Reader, as_lake_error

CLOCK = 1.0  # seconds between looks at the clock: decisions have their time, and so have retries
RETRY = 5.0  # seconds until a model that could not be loaded is tried again
TARGETS = {model_name(target): target for forecast in FORECASTS for target in forecast.per_target()}
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReloadResult:
    """The model that serves after a reload, and which version served before."""

    model: Model
    before: int | None
    changed: bool


class ModelLoader:
    """Loads the models that the lake decides on, in a thread of its own: a store may be slow.

    It does not poll the lake: whoever follows the lake calls `lake_changed`.
    """

    def __init__(self, settings: Settings, reader: Reader) -> None:
        self.source, self._slow_ms = settings.data_source, settings.slow_ms
        self.recent = LatencyWindow()  # of requests for one prediction
        self.looked = Event()
        self._files, self._pinned = ModelFiles(), PinnedModel()
        self._versions = parse_versions(settings.models)
        self._reader = reader
        self._models: Mapping[str, Model] = {}  # by name, as are all of these
        self._decisions: dict[str, TargetDecisions] = {}
        self._trouble: dict[str, str] = {}
        self._tried: dict[str, tuple[object, float]] = {}  # what was tried, and when to try again
        self._lake_trouble = ""
        self._lock = Lock()
        self._wake, self._stop = Event(), Event()
        self._lake_is_new = True
        self._thread = Thread(target=self._run, name="load models", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread once it has finished what it does."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def lake_changed(self) -> None:
        """Have the decisions read anew: another thread saw that the lake has changed."""
        self._lake_is_new = True
        self._wake.set()

    # -- what requests ask for

    def model(self, forecast: TargetForecast) -> Model:
        """Return the model that serves a target now, or raise why there is none."""
        model = self._models.get(model_name(forecast))
        if model is None:
            raise self._no_model(forecast.name, self._reason(forecast))
        return model

    def models(self, forecast: Forecast) -> Models:
        """Return the models that serve a forecast's targets now; an error if there are none."""
        serving, targets = self._models, {t.target.name: t for t in forecast.per_target()}
        models = {
            name: serving[model_name(target)]
            for name, target in targets.items()
            if model_name(target) in serving
        }
        lacking = {
            name: self._reason(target) for name, target in targets.items() if name not in models
        }
        if not models:
            raise self._no_model(forecast.name, next(iter(lacking.values())))
        return Models(forecast, models, lacking)

    def _reason(self, forecast: TargetForecast) -> str:
        trouble = self._trouble.get(model_name(forecast))
        return trouble or self._lake_trouble or "it is being loaded"

    def _no_model(self, name: str, reason: str) -> NotYet:
        return NotYet(
            f"no model of {name} serves: {reason}",
            f"`bullion train {name}` makes one; GET /health tells more",
            5,
        )

    @contextmanager
    def view(self) -> Iterator[View]:
        """Open a view of the lake that refuses files which are not what was committed."""
        with self._reader.view(checked=True) as view:
            yield view

    def reload(self, forecast: TargetForecast) -> ReloadResult:
        """Take what is decided now; on failure the old model stays and the error says why."""
        name = model_name(forecast)
        model_before = self._models.get(name)
        with self._lock:
            self._tried.pop(name, None)
            self._decisions.pop(name, None)
            self._read_lake()
            self._pinned.read(force=True)
            self._load_all(forced=name)
            trouble = self._trouble.get(name) or self._lake_trouble or self._pinned.trouble
            model = self._models.get(name)
        if trouble or model is None:
            old = f"; version {model.version} serves on" if model else ""
            raise NotYet(f"{trouble or 'there is no model'}{old}", "GET /health tells more", 5)
        changed = model_before is None or (model_before.version, model_before.sha256) != (
            model.version,
            model.sha256,
        )
        return ReloadResult(model, model_before.version if model_before else None, changed)

    def reasons(self) -> list[str]:
        """Return what makes the scoring side degraded; empty when all is well."""
        if not self.looked.is_set():
            return ["models are being loaded"]
        reasons = [f"{name}: {why}" for name, why in sorted(self._trouble.items())]
        reasons += [
            f"{name}: no model serves"
            for name in TARGETS
            if name not in self._models and name not in self._trouble
        ]
        if self._pinned.trouble:
            reasons.append(self._pinned.trouble)
        if self._lake_trouble:
            reasons.append(f"models cannot be followed: {self._lake_trouble}")
        if not self._thread.is_alive() and not self._stop.is_set():
            reasons.append("models are followed no longer: restart the API")
        p99 = self.recent.p99()
        if p99 is not None and p99 > self._slow_ms:
            reasons.append(f"POST /predict takes {p99:.0f} ms at the 99th percentile")
        return reasons

    def loaded(self) -> list[Model]:
        """Return the models that serve, in the order of their names."""
        return [model for _, model in sorted(self._models.items())]

    # -- loading

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                try:
                    if self._lake_is_new or self._lake_trouble:
                        self._read_lake()
                    self._pinned.read()
                    self._load_all()
                finally:
                    self.looked.set()
            self._wake.wait(CLOCK)
            self._wake.clear()

    def _read_lake(self) -> None:
        """Read the decisions on all models from the newest snapshot."""
        self._lake_is_new = False  # before it is read: what changes meanwhile is read once more
        try:
            with self.view() as view:
                self._decisions = {
                    name: read_target_decisions(
                        view, target, self.source, self._decisions.get(name)
                    )
                    for name, target in TARGETS.items()
                }
            self._lake_trouble = ""
        except BullionError as error:
            self._lake_trouble, _ = public_message(error)
        except READ_ERRORS as error:
            LOG.exception("what the lake says of models could not be read")
            self._lake_trouble, _ = public_message(as_lake_error(error))

    def _load_all(self, forced: str = "") -> None:
        """Serve what is decided for each target; the one that is `forced` is tried in any case."""
        for name, forecast in TARGETS.items():
            decisions = self._decisions.get(name)
            if decisions is None and self._pinned.scorer_of(forecast) is None:
                continue
            self._load(
                forecast,
                decisions or TargetDecisions(self.source, is_sample(self.source)),
                name == forced,
            )

    def _load(self, forecast: TargetForecast, decisions: TargetDecisions, forced: bool) -> None:
        """Serve what is decided, if it is sound; else keep what serves, or what served before."""
        name, pinned = model_name(forecast), self._pinned.scorer_of(forecast)
        choice = None if pinned else self._choose(name, decisions)
        attempt = (
            decisions.mark,
            pinned,
            choice and (choice.model_version, choice.proven, choice.decision.sha256),
        )
        last_attempt, try_again_at = self._tried.get(name, (None, 0.0))
        if last_attempt == attempt and not forced and time.monotonic() < try_again_at:
            return
        try:
            if pinned:
                model = pinned_model(forecast, decisions, pinned)
            else:
                model = self._decided(forecast, decisions, choice, forced)
        except BullionError as error:
            self._note_failure(forecast, decisions, choice, error)
            self._tried[name] = (attempt, time.monotonic() + RETRY)
            return
        self._trouble.pop(name, None)
        self._tried[name] = (attempt, math.inf)
        self._swap(model)

    def _choose(self, name: str, decisions: TargetDecisions) -> ServingModel | None:
        """Return what this process is set to serve, or else what the lake decides."""
        version = self._versions.get(name)
        if version is None:
            return serving_model_at(decisions.rows, datetime.now(UTC))
        return model_of_version(decisions.rows, version)

    def _decided(
        self,
        forecast: TargetForecast,
        decisions: TargetDecisions,
        choice: ServingModel | None,
        forced: bool,
    ) -> Model:
        if choice is None:
            version = self._versions.get(model_name(forecast))
            raise BullionError(
                f"BULLION_API_MODELS names version {version}, of which the lake has no decision"
                if version is not None
                else "nothing was trained yet"
            )
        model = self._models.get(model_name(forecast))
        if model and not forced and model.sha256 == choice.decision.sha256:
            return decided_model(forecast, decisions, choice, model.scorer)
        return decided_model(forecast, decisions, choice, self._scorer(forecast, choice))

    def _scorer(self, forecast: TargetForecast, choice: ServingModel) -> OnnxScorer:
        """Read and verify the file of a model."""
        row = choice.decision
        scorer = OnnxScorer(self._files.body(forecast, row), row.sha256)
        return check_decided_scorer(forecast, scorer, row.definition)

    def _note_failure(
        self,
        forecast: TargetForecast,
        decisions: TargetDecisions,
        choice: ServingModel | None,
        error: BullionError,
    ) -> None:
        """Say why a model cannot serve; where it does not serve already, another one does."""
        name = model_name(forecast)
        prefix = f"version {choice.model_version} cannot serve: " if choice else ""
        trouble = prefix + (error.summary or error.message)
        if self._trouble.get(name) != trouble:
            LOG.warning("%s: %s%s", name, prefix, error)
        self._trouble[name] = trouble
        model = self._models.get(name)
        if choice is None or (model and model.sha256 == choice.decision.sha256):
            return
        substitute = self._stand_in(forecast, decisions, choice, error)
        serves_already = (
            model
            and substitute
            and ((model.name, model.instead_of) == (substitute.name, substitute.instead_of))
        )
        if substitute and not serves_already:
            self._swap(substitute)

    def _stand_in(
        self,
        forecast: TargetForecast,
        decisions: TargetDecisions,
        choice: ServingModel,
        error: BullionError,
    ) -> Model | None:
        """Return the model that serves instead of one that cannot; None where no other can."""
        model = self._models.get(model_name(forecast))
        failures = {choice.decision.model: error.summary or error.message}
        store_is_down = _is_down(error)
        while choice_instead := serving_model_at(decisions.rows, datetime.now(UTC), failures):
            row = choice_instead.decision
            if model and model.sha256 == row.sha256:
                return decided_model(forecast, decisions, choice_instead, model.scorer)
            if store_is_down and not self._files.has(row):  # it is not waited for again
                failures[row.model] = "it was not verified here before"
                continue
            try:
                return decided_model(
                    forecast, decisions, choice_instead, self._scorer(forecast, choice_instead)
                )
            except BullionError as failure:
                LOG.info("%s: %s", model_name(forecast), failure.message)
                failures[row.model] = failure.summary or failure.message
                store_is_down = store_is_down or _is_down(failure)
        return None

    def _swap(self, model: Model) -> None:
        """Have a model serve, with what the lake knows of its training."""
        try:
            with self.view() as view:
                model = replace(model, training=read_training(view, model))
        except (BullionError, *READ_ERRORS):  # health says so already, and the model serves
            LOG.info("%s serves without what the lake knows of it", model.name)
        name = model_name(model.forecast)
        model_before = self._models.get(name)
        self._models = {**self._models, name: model}
        if model_before is None or model_before.version != model.version:
            LOG.info("%s serves", model.name)


def _is_down(error: BullionError) -> bool:
    """Whether it is the store that fails, and not the one file."""
    return isinstance(error, RegistryError) and not isinstance(error, UnsoundModel)
