"""Candidates that are a pipeline of scikit-learn, or of a library with its interface.

XGBoost and LightGBM have estimators with scikit-learn's interface, so a candidate of theirs is a
pipeline too: a class that builds the estimator is all there is to write.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates.base import Training
from pipelines.modeling.candidates.feature_choice import ChoosesFeatures

if TYPE_CHECKING:
    from onnx import ModelProto
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline


class PipelineCandidate(ChoosesFeatures, ABC):
    """One estimator and its parameters: the base of frozen dataclasses.

    A candidate that measures distances is `scaled`: features are scaled and the symbol's code is
    spread over columns, both as learned from the training rows. A tree takes features as they are
    and the code as a number, which it can cut where it likes.
    """

    scaled: bool

    @abstractmethod
    def estimator(self, seed: int) -> BaseEstimator:
        """Build a fresh estimator. A classifier's fit takes `sample_weight`."""

    def fit(self, training: Training) -> FittedPipeline:
        """Fit the pipeline; rows of classes are weighed, rows of values all count alike."""
        pipeline = self._build_pipeline(training.features.shape[1], training.seed)
        weights = {"model__sample_weight": training.weights} if training.classes else {}
        pipeline.fit(training.features, training.truth, **weights)
        _use_one_job(pipeline)
        return FittedPipeline(pipeline, training.classes)

    def _build_pipeline(self, columns: int, seed: int) -> Pipeline:
        """Put the estimator behind scaling and one-hot codes, where it is scaled."""
        from sklearn.compose import ColumnTransformer
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        steps: list[tuple[str, BaseEstimator]] = [("model", self.estimator(seed))]
        if self.scaled:
            code = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
            prepare = ColumnTransformer(
                [
                    ("scale", StandardScaler(), list(range(columns - 1))),
                    ("symbol", code, [columns - 1]),
                ]
            )
            steps.insert(0, ("prepare", prepare))
        return Pipeline(steps)


@dataclass(frozen=True, eq=False)
class FittedPipeline:
    """A pipeline after its fit."""

    pipeline: Pipeline
    classes: int  # 0: it predicts values
    tuned_parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> int:
        return int(self.pipeline.n_features_in_)

    def predict(self, features: np.ndarray) -> np.ndarray:
        if not self.classes:
            values = np.asarray(self.pipeline.predict(features), dtype=np.float64)
            return values.reshape(len(features))
        probabilities: np.ndarray = self.pipeline.predict_proba(features)
        return probabilities[:, self._class_order()]

    def to_onnx(self) -> ModelProto:
        from pipelines.modeling.converters import convert_pipeline, order_classes
        from pipelines.modeling.tree_ensembles import write_covers

        proto = convert_pipeline(self.pipeline, self.columns)
        write_covers(proto, self.pipeline.named_steps["model"])
        if self.classes:
            order_classes(proto, self._class_order())
        return proto

    def _class_order(self) -> np.ndarray:
        """The column of each class in the probabilities of the pipeline."""
        present = np.asarray(self.pipeline.classes_)
        if sorted(present.tolist()) != list(range(self.classes)):
            raise InvalidRequest(
                f"a model of classes {present.tolist()}, where there are {self.classes}",
                "train on rows that have all classes",
            )
        return np.argsort(present)


def _use_one_job(pipeline: Pipeline) -> None:
    """Predict with one job, so that trees are summed up in the same order every time."""
    model = pipeline.named_steps["model"]
    if "n_jobs" in model.get_params(deep=False):
        model.set_params(n_jobs=1)
