"""Steps that score bars, publish signals and note what came of them."""
