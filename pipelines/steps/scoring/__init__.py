"""Steps that score bars, publish signals and record their outcomes."""
