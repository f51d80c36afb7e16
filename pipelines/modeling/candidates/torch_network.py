"""A small neural network of PyTorch, for classes and for values.

PyTorch is an extra (`make install-torch`) and no part of the lock: where it is missing, the
candidate fails by name, and the others are compared without it. It is needed for the fit alone:
what was learned is a FittedNetwork, which predicts with NumPy and is written as ONNX without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.errors import missing_library
from pipelines.modeling.candidates.base import Training
from pipelines.modeling.candidates.feature_choice import ChoosesFeatures
from pipelines.modeling.candidates.network_layers import FittedNetwork, Inputs

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TorchNetwork(ChoosesFeatures):
    """Layers of rectified units, trained until newer rows gain nothing.

    The newest rows of the training are not fitted on: they tell when to stop, and which pass was
    the best. Between them and the others lies a gap, since outcomes of the last rows before them
    were not known then.
    """

    layers: tuple[int, ...] = (32, 16)
    l2: float = 0.01  # decay of the weights
    rate: float = 2e-3
    batch: int = 256
    passes: int = 200  # over the rows, at the most
    patience: int = 10  # passes without a gain before it stops
    held_out: float = 0.1  # share of the rows, the newest, that tell when to stop
    # Rows between those that are fitted on and those: at least the bars until an outcome is known,
    # times the symbols.
    gap: int = 5
    most_rows: int | None = None
    name: str = "torch_mlp"

    def fit(self, training: Training) -> FittedNetwork:
        torch = _import_torch()
        # Sums over several threads depend on their number.
        torch.set_num_threads(1)
        older, newer = self._part(training)
        inputs = Inputs.learn(older.features)
        mean, scale = _learn_target(older)
        # A generator of its own: fits run side by side, and PyTorch's is shared by all of them.
        generator = torch.Generator().manual_seed(training.seed)
        rows, newer_rows = (
            _Tensors.build(part, inputs, mean, scale, torch) for part in (older, newer)
        )
        sizes = [inputs.count, *self.layers, training.classes or 1]
        parameters = _initial_parameters(sizes, generator, torch)
        optimizer = torch.optim.AdamW(parameters, lr=self.rate, weight_decay=self.l2)
        best, least, passes_without_gain = _copy(parameters), float("inf"), 0
        for _ in range(self.passes):
            for places in torch.randperm(len(older), generator=generator).split(self.batch):
                optimizer.zero_grad()
                rows.take(places).loss(parameters).backward()
                optimizer.step()
            with torch.no_grad():
                loss = float(newer_rows.loss(parameters))
            if loss < least:
                best, least, passes_without_gain = _copy(parameters), loss, 0
            else:
                passes_without_gain += 1
            if passes_without_gain >= self.patience:
                break
        layers = list(zip(best[::2], best[1::2], strict=True))
        # A value was learned in deviations from its mean: the last layer gives it in its own unit.
        weights, biases = layers[-1]
        layers[-1] = (weights * scale, biases * scale + mean)
        return FittedNetwork(inputs, layers, training.classes)

    def _part(self, training: Training) -> tuple[Training, Training]:
        """The rows that are fitted on, and the newer rows that tell when to stop."""
        first = len(training) - max(round(len(training) * self.held_out), 1)
        older = np.arange(max(first - self.gap, 1))
        return training.take(older), training.take(np.arange(first, len(training)))


@dataclass(frozen=True, eq=False)
class _Tensors:
    """Rows as tensors, and how their loss is measured."""

    inputs: torch.Tensor
    truth: torch.Tensor
    weights: torch.Tensor
    measure: Callable[..., torch.Tensor]  # the loss of each row

    @staticmethod
    def build(part: Training, inputs: Inputs, mean: float, scale: float, torch: Any) -> _Tensors:
        if part.classes:
            truth: np.ndarray = part.truth.astype(np.int64)
            measure = torch.nn.functional.cross_entropy
        else:
            truth = ((part.truth - mean) / scale).astype(np.float32)[:, None]
            measure = torch.nn.functional.mse_loss
        return _Tensors(
            torch.from_numpy(inputs.prepare(part.features)),
            torch.from_numpy(truth),
            torch.from_numpy(part.weights.astype(np.float32)),
            measure,
        )

    def take(self, places: torch.Tensor) -> _Tensors:
        return _Tensors(self.inputs[places], self.truth[places], self.weights[places], self.measure)

    def loss(self, parameters: list[torch.Tensor]) -> torch.Tensor:
        """The mean loss by the weights of the rows."""
        units = self.inputs
        for place in range(0, len(parameters), 2):
            units = (units.relu() if place else units) @ parameters[place] + parameters[place + 1]
        losses = self.measure(units, self.truth, reduction="none").reshape(-1)
        return (losses * self.weights).sum() / self.weights.sum()


def _initial_parameters(sizes: list[int], generator: Any, torch: Any) -> list[torch.Tensor]:
    """Weights and biases of each layer, drawn from the generator as PyTorch's layers draw them."""
    parameters = []
    for inputs, units in pairwise(sizes):
        bound = inputs**-0.5
        for shape in ((inputs, units), (units,)):
            tensor = torch.empty(shape).uniform_(-bound, bound, generator=generator)
            parameters.append(tensor.requires_grad_())
    return parameters


def _copy(parameters: list[torch.Tensor]) -> list[np.ndarray]:
    return [parameter.detach().numpy().astype(np.float64) for parameter in parameters]


def _learn_target(training: Training) -> tuple[float, float]:
    """The mean and the deviation of values; 0 and 1 of classes, whose log-odds stay as they are."""
    if training.classes:
        return 0.0, 1.0
    return float(training.truth.mean()), max(float(training.truth.std()), np.finfo(float).tiny)


def _import_torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise missing_library("torch", "make install-torch") from error
    return torch
