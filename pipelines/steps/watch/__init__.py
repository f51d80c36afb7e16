"""Steps that watch a champion over its live rows."""
