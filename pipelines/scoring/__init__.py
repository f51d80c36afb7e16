"""From rows of features to predictions, and from predictions to signals."""
