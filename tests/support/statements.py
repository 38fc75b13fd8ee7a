"""Statements that an engine sends, and how a database would carry them out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event


@dataclass
class Sent:
    """Statements that were sent to a database.

    Attributes:
        statements: SQL with its parameters; many rows of one INSERT are one statement.
        begins: transactions that were begun explicitly.
        commits: those that were committed, and single statements that changed something outside of them.
    """

    statements: list[tuple[str, Any]] = field(default_factory=list)
    begins: int = 0
    commits: int = 0

    @property
    def counts(self) -> tuple[int, int, int]:
        """Return the numbers of statements, explicit transactions and commits."""
        return len(self.statements), self.begins, self.commits


@contextmanager
def recorded(engine: Engine) -> Iterator[Sent]:
    """Record what is sent."""
    sent = Sent()

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        sent.statements.append((statement, parameters[0] if many else parameters))
        sent.commits += _is_alone(connection) and not statement.lstrip().startswith(("SELECT", "WITH"))

    def begin(connection: Any) -> None:
        sent.begins += not _is_alone(connection)

    def commit(connection: Any) -> None:
        sent.commits += not _is_alone(connection)

    listeners = (("before_cursor_execute", note), ("begin", begin), ("commit", commit))
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield sent
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)


def _is_alone(connection: Any) -> bool:
    """Say whether each statement is a transaction by itself: SQLAlchemy reports a begin then, but sends none."""
    return connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"


def full_scans(engine: Engine, statement: str, parameters: Any, tables: frozenset[str]) -> list[str]:
    """Return the steps of a plan that would read a whole table, or a whole index of it."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            return [row.detail for row in rows if row.detail.startswith("SCAN") and row.detail.split()[1] in tables]
        (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalars()
        found = json.loads(plan) if isinstance(plan, str) else plan
        return [
            f"{node['Node Type']} {node['Relation Name']}"
            for node in _nodes(found[0]["Plan"])
            if node.get("Relation Name") in tables and "Scan" in node["Node Type"] and not _is_bounded(node)
        ]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _is_bounded(node: dict[str, Any]) -> bool:
    # A heap scan gets its rows from the index scans below it.
    return "Index Cond" in node or "TID Cond" in node or node["Node Type"] == "Bitmap Heap Scan"
