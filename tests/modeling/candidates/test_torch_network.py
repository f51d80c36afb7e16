"""PyTorch's network: deterministic, stopped by newer rows, and missing by name where it is."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.abc import MetaPathFinder

import numpy as np
import pytest

from pipelines.core.errors import MissingLibrary
from pipelines.labels import Action
from pipelines.modeling.candidates import (
    HistogramBoosting,
    Logistic,
    TorchNetwork,
    Training,
    fit_classifier,
)
from pipelines.modeling.candidates.network_layers import FittedNetwork
from pipelines.modeling.compare import compare
from pipelines.modeling.dataset import Split
from tests.modeling.candidates.every import needs_torch
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows()
TRAINING = Training(ROWS.features, np.digitize(ROWS.outcome, [-1.0, 1.0]), 3, 0)
QUICK = TorchNetwork(layers=(8,), passes=8)


def assert_same_weights(first: FittedNetwork, second: FittedNetwork) -> None:
    for layer, other_layer in zip(first.layers, second.layers, strict=True):
        for weights, other_weights in zip(layer, other_layer, strict=True):
            np.testing.assert_array_equal(weights, other_weights)


class WithoutTorch(MetaPathFinder):
    """Finds no PyTorch, and leaves all else to the other finders."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'")


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "meta_path", [WithoutTorch(), *sys.meta_path])


@pytest.mark.usefixtures("without_torch")
def test_where_pytorch_is_not_installed_the_others_go_on() -> None:
    candidates = (TorchNetwork(), Logistic(), HistogramBoosting(rounds=3))
    comparison = compare(hourly_rows(), Action(), candidates, Split(folds=2), 7)
    last = comparison.ranking[-1]
    assert (last.name, last.fitted) == ("torch_mlp", None)
    assert last.failure == "MissingLibrary: torch is not installed: make install-torch"
    assert [result.failure for result in comparison.ranking[:-1]] == ["", ""]
    assert comparison.winner.fitted is comparison.ranking[0].fitted
    assert {stretch.candidate for stretch in comparison.stretches} <= {
        "logistic_regression",
        "histogram_gradient_boosting",
    }


@pytest.mark.usefixtures("without_torch")
def test_a_fit_without_pytorch_says_what_to_do() -> None:
    with pytest.raises(MissingLibrary, match="not installed: make install-torch"):
        fit_classifier(TorchNetwork(), ROWS.features, TRAINING.truth, 3, 0)


@needs_torch
def test_fits_side_by_side_are_as_alone() -> None:
    """PyTorch's own random numbers are shared by all threads; a fit has numbers of its own."""
    alone = QUICK.fit(TRAINING)
    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(QUICK.fit, replace(TRAINING, seed=seed)) for seed in (0, 1, 0, 2)]
    fitted = [fit.result() for fit in fits]
    assert_same_weights(fitted[0], alone)
    assert_same_weights(fitted[2], alone)
    assert not np.array_equal(fitted[1].layers[0][0], alone.layers[0][0])


@needs_torch
def test_it_has_the_declared_layers() -> None:
    network = TorchNetwork(layers=(5, 3), passes=1).fit(TRAINING)
    assert [weights.shape for weights, _ in network.layers] == [(6 + 4, 5), (5, 3), (3, 3)]


@needs_torch
def test_the_rows_of_the_gap_are_not_seen() -> None:
    """Their outcomes were not known when the newer rows began."""
    first = len(ROWS) - len(ROWS) // 10
    network, truth = replace(QUICK, gap=50), TRAINING.truth.copy()
    truth[first - 50 : first] = 2
    assert_same_weights(network.fit(replace(TRAINING, truth=truth)), network.fit(TRAINING))
    truth[first - 51] = (truth[first - 51] + 1) % 3
    changed = network.fit(replace(TRAINING, truth=truth))
    assert not np.array_equal(changed.layers[0][0], network.fit(TRAINING).layers[0][0])


@needs_torch
def test_it_stops_when_newer_rows_gain_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of labels that are drawn there is nothing to learn."""
    import torch

    passes, shuffle = [], torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda *a, **k: passes.append(1) or shuffle(*a, **k))
    labels = np.random.default_rng(0).integers(0, 2, len(ROWS))
    network = TorchNetwork(layers=(8,), rate=0.01, patience=3)
    fitted = network.fit(Training(ROWS.features, labels, 2, 0))
    assert len(passes) < 60
    hits = fitted.predict(ROWS.features).argmax(axis=1) == labels
    assert hits.mean() < 0.65, "it learned labels by heart"


@needs_torch
def test_the_best_pass_is_kept_and_not_the_last() -> None:
    """A rate so high that it only gets worse leaves the network near where it began."""
    older = slice(0, len(ROWS) - len(ROWS) // 10)
    network = TorchNetwork(layers=(8,), rate=0.02, passes=60, patience=60)
    fitted = network.fit(TRAINING)
    newer = slice(older.stop, None)
    probabilities = fitted.predict(ROWS.features[newer])
    weights = Training(ROWS.features[newer], TRAINING.truth[newer], 3, 0).weights
    losses = -np.log(probabilities[np.arange(len(probabilities)), TRAINING.truth[newer]])
    best = np.average(losses, weights=weights)
    for passes in (1, 10, 40):
        shorter = replace(network, passes=passes).fit(TRAINING).predict(ROWS.features[newer])
        loss = -np.log(shorter[np.arange(len(shorter)), TRAINING.truth[newer]])
        assert best <= np.average(loss, weights=weights) + 1e-6


@needs_torch
def test_rare_classes_count_as_frequent_ones() -> None:
    random = np.random.default_rng(0)
    classes = random.choice(3, len(ROWS), p=(0.1, 0.2, 0.7))
    balanced = fit_classifier(TorchNetwork(), ROWS.features, classes, 3, 0)
    mean = balanced.balanced_probabilities(ROWS.features).mean(axis=0)
    np.testing.assert_allclose(mean, 1 / 3, atol=0.06)


@needs_torch
def test_it_predicts_as_pytorch_does() -> None:
    import torch

    network = QUICK.fit(TRAINING)
    units = torch.from_numpy(network.inputs.prepare(ROWS.features)).double()
    for place, (weights, biases) in enumerate(network.layers):
        units = torch.nn.functional.linear(
            units.relu() if place else units, torch.tensor(weights.T), torch.tensor(biases)
        )
    expected = torch.softmax(units, dim=1).numpy()
    np.testing.assert_allclose(network.predict(ROWS.features), expected, atol=1e-12)


@needs_torch
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_values_are_learned_in_whatever_unit_they_are(size: float) -> None:
    outcome = ROWS.outcome * size + 3 * size
    fitted = TorchNetwork(passes=30).fit(Training(ROWS.features, outcome, 0, 0))
    values = fitted.predict(ROWS.features)
    assert np.corrcoef(values, outcome)[0, 1] > 0.4
    assert values.mean() == pytest.approx(outcome.mean(), abs=0.2 * size)
