"""Gates are read from the JSON of a decision, also of one that an earlier release wrote."""

from __future__ import annotations

import json

from serving.schemas.evidence import GateRow
from serving.state.evidence import gate_table
from tests.serving.model_evidence import GATES


def test_every_gate_is_a_row_of_its_model() -> None:
    rows = gate_table(GATES).to_pylist()
    assert [GateRow.model_validate(row).gate for row in rows] == [
        gate["gate"] for gate in json.loads(GATES)
    ]


def test_a_gate_of_an_earlier_release_has_nulls_where_it_said_less() -> None:
    (row,) = gate_table('[{"gate": "skill", "passed": true, "low": 0.1}]').to_pylist()
    gate = GateRow.model_validate(row)
    assert (gate.value, gate.limit, gate.low, gate.needs) == (None, None, 0.1, "at_least")
    assert gate.blocking


def test_a_decision_without_gates_has_a_table_without_rows() -> None:
    table = gate_table("[]")
    assert (table.num_rows, set(table.column_names)) == (0, set(GateRow.model_fields))
