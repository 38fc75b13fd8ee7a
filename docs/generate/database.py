"""Tables of the database, from the models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql

from flask_cimd.provider import Models, provider_models
from flask_cimd.stores import SQLAlchemyStore

from .markdown import code, sentence, table

_STORE: dict[str, str | None] = {
    "cimd_client": "A client in the store `sqlalchemy`: its metadata as JSON, and its lifetime.",
    "cimd_fetched": "A fetched key set or logo of the store `sqlalchemy`.",
    "cimd_lease": "A fetch that one process does for all processes.",
    "cimd_record": "Rules, tiers, pinned copies and other records that an operator edits.",
}


def provider_tables() -> str:
    """Return the tables of the provider and of the shared store."""
    db = SQLAlchemy()
    models = provider_models(db)
    docs = {model.__tablename__: model.__doc__ for model in vars_of(models)}
    SQLAlchemyStore(db)  # its tables join the metadata
    docs |= _STORE
    return "\n".join(_described(db.metadata.sorted_tables, docs))


def vars_of(models: Models) -> list[Any]:
    """Return the mapped classes of `flask_cimd.provider.Models`."""
    return [getattr(models, field.name) for field in fields(models)]


def site_tables() -> str:
    """Return the tables that the personal site adds."""
    import flask_cimd_site.site.tables  # noqa: F401  # it adds its tables to the metadata
    from flask_cimd_site.models import db

    docs = {mapper.local_table.name: mapper.class_.__doc__ for mapper in db.Model.registry.mappers}  # type: ignore[attr-defined]  # Model is made at run time
    docs["rate_limit"] = "Requests of one address, for the limits of all workers together."
    own = [made for made in db.metadata.sorted_tables if not made.name.startswith("cimd_")]
    return "\n".join(_described(own, docs))


def site_schema() -> str:
    """Return what each revision of the personal site's schema brought, the newest first."""
    from alembic.script import ScriptDirectory

    from flask_cimd_site.schema import migration_config

    scripts = ScriptDirectory.from_config(migration_config()).walk_revisions()
    return table(("revision", "what it brought"), [(code(one.revision), sentence(one.doc)) for one in scripts])


def _described(tables: Iterable[Table], docs: dict[str, str | None]) -> Iterator[str]:
    for made in sorted(tables, key=lambda made: made.name):
        yield f"## `{made.name}`\n\n{sentence(docs.get(made.name))}\n"
        yield table(("column", "type", "key"), [_row(column) for column in made.columns])
        indexes = sorted(
            (index.name or "", ", ".join(column.name for column in index.columns)) for index in made.indexes
        )
        if indexes:
            yield "Indexes: " + "; ".join(f"`{name}` on {columns}" for name, columns in indexes) + ".\n"


def _row(column: Column[object]) -> tuple[str, str, str]:
    kind = column.type.compile(postgresql.dialect()).lower()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    keys = ["primary key"] if column.primary_key else []
    keys += [f"references `{key.target_fullname}`" for key in column.foreign_keys]
    return code(column.name), kind + (", may be null" if column.nullable else ""), ", ".join(keys)
