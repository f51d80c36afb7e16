"""A small neural network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.modeling.candidates.scikit_learn import PipelineCandidate

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class Network(PipelineCandidate):
    """Layers of rectified units, trained until a tenth of the rows, set aside, gain nothing."""

    layers: tuple[int, ...] = (32, 16)
    l2: float = 0.01
    rate: float = 1e-3
    batch: int = 256
    passes: int = 200  # over the rows; a fit that needs more has not converged
    patience: int = 5
    scaled: bool = True
    most_rows: int | None = None
    name: str = "mlp"

    def estimator(self, seed: int) -> BaseEstimator:
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(
            hidden_layer_sizes=self.layers,
            alpha=self.l2,
            learning_rate_init=self.rate,
            batch_size=self.batch,
            max_iter=self.passes,
            early_stopping=True,
            n_iter_no_change=self.patience,
            random_state=seed,
        )
