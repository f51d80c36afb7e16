"""The width follows the size of residuals, within bounds that training rows set."""

from __future__ import annotations

import numpy as np

from pipelines.modeling.width import CLIP_QUANTILES, learn_width


def test_rows_with_larger_residuals_are_wider_and_no_row_is_out_of_bounds() -> None:
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (5000, 3)).astype(np.float32)
    features[:, -1] = 0  # the symbol's code
    width = learn_width(features, np.exp(features[:, 0]) * random.normal(0, 1, 5000))
    sizes = width.sizes(features)
    assert np.corrcoef(np.log(sizes), features[:, 0])[0, 1] > 0.95
    assert 2 < width.sizes(np.array([[1.0, 0, 0]])) / width.sizes(np.zeros((1, 3))) < 3.5
    extremes = width.sizes(np.array([[-50.0, 0, 0], [50.0, 0, 0]]))
    np.testing.assert_allclose(extremes, np.exp([width.least, width.most]))
    inside = (sizes > extremes[0]) & (sizes < extremes[1])
    assert abs(inside.mean() - (CLIP_QUANTILES[1] - CLIP_QUANTILES[0])) < 0.01


def test_the_symbols_code_has_no_order_and_no_weight() -> None:
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (500, 2))
    features[:, -1] = np.arange(500) % 5
    width = learn_width(features, random.normal(0, 1, 500) * (1 + features[:, -1]))
    assert width.weights[-1] == 0
