"""Read the weights that combine the members of a universe."""

from __future__ import annotations

import pyarrow as pa

from pipelines.core.universes import Universe
from pipelines.lake.transaction import View
from pipelines.scoring.weights import weigh_alone


def read_weights(view: View, source: str, members: Universe) -> pa.Table:
    """Read all that is known of the weights of a universe's index; a symbol alone weighs 1."""
    if members.stands_alone:
        return weigh_alone(members.index)
    return view.sql(
        """SELECT symbol, weight, effective, known_at, partial FROM silver.weights
           WHERE source = ? AND "index" = ? ORDER BY effective, symbol""",
        [source, members.index],
    )
