"""Steps that walk a forecast over the past."""
