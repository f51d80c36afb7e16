"""The contract of a table: its columns, their types and units, its key, the rules of its rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipelines.core.errors import unknown


@dataclass(frozen=True)
class Column:
    """One column: its type, what it means, in which unit, and which values are possible."""

    name: str
    type: str
    meaning: str
    unit: str = ""
    nullable: bool = False
    low: float | None = None  # smallest value allowed
    above: float | None = None  # every value is greater than this
    high: float | None = None
    among: tuple[str, ...] = ()

    def replace(self, **changes: object) -> Column:
        """Return a copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Rule:
    """A condition on every row, as SQL over the columns. `name` is the reason of a rejection."""

    name: str
    sql: str
    meaning: str
    column: str = ""  # set where the rule is about one column

    @property
    def check(self) -> str:
        """Name of the check that tests this rule."""
        return f"{self.column}_{self.name}" if self.column else self.name


@dataclass(frozen=True)
class Table:
    """One table of the lake."""

    schema: str
    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    inline_rows: int | None = None  # writes of fewer rows stay in the catalog; None: the default
    group_rows: int | None = None  # rows of a Parquet row group; None: the default

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        for name in (*self.key, *self.sort):
            if name not in names:
                raise unknown(f"column of {self.full_name}", name, names)

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise unknown(f"column of {self.full_name}", name, self.column_names)

    def ddl(self) -> list[str]:
        """Return the statements that create the table."""
        body = ", ".join(
            f"{quoted(c.name)} {c.type}{'' if c.nullable else ' NOT NULL'}" for c in self.columns
        )
        statements = [f"CREATE TABLE {self.full_name} ({body})"]
        if self.partition:
            statements.append(
                f"ALTER TABLE {self.full_name} SET PARTITIONED BY ({', '.join(self.partition)})"
            )
        meaning = self.meaning.replace("'", "''")
        statements.append(f"COMMENT ON TABLE {self.full_name} IS '{meaning}'")
        for c in self.columns:
            text = (c.meaning + (f" [{c.unit}]" if c.unit else "")).replace("'", "''")
            statements.append(f"COMMENT ON COLUMN {self.full_name}.{quoted(c.name)} IS '{text}'")
        return statements


def quoted(name: str) -> str:
    """Return a name as SQL writes it, in double quotes."""
    return f'"{name}"'
