"""The store: a protocol of a few verbs, and its one engine, SQLAlchemy Core over SQLite."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, Self

import attrs
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from siptg.app.store.records import CallRecord, KnownPerson
from siptg.app.store.seal import Seal
from siptg.app.store.tables import CALLS, PEOPLE, SESSIONS

MIGRATIONS = Path(__file__).parent / "migrations"


class StoreError(Exception):
    """The store cannot be opened or written; the text says which and why."""


class Store(Protocol):
    """What the product remembers."""

    async def meet(self, person: KnownPerson) -> None:
        """Remember somebody, or what is new about them."""
        ...

    async def people(self) -> list[KnownPerson]: ...
    async def record(self, call: CallRecord) -> None: ...
    async def calls(self, person: int, limit: int = 20) -> list[CallRecord]:
        """Their last calls, newest first."""
        ...

    async def session(self, name: str) -> str:
        """A Telegram session by its name; empty where there is none."""
        ...

    async def keep_session(self, name: str, session: str) -> None:
        """Keep it sealed; an empty one forgets it."""
        ...


class SqlStore:
    """A `Store` in a SQLite file: `async with SqlStore(path, seal) as store`."""

    def __init__(self, path: Path, seal: Seal) -> None:
        self._path, self._seal = path, seal
        self._engine: AsyncEngine = create_async_engine(f"sqlite+aiosqlite:///{path}")

    async def __aenter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            async with self._engine.begin() as connection:
                await connection.run_sync(_migrate)
        except (SQLAlchemyError, OSError) as error:
            await self._engine.dispose()
            raise StoreError(f"{self._path}: cannot be opened: {_short(error)}") from error
        return self

    async def __aexit__(self, *why: object) -> None:
        await self._engine.dispose()

    async def meet(self, person: KnownPerson) -> None:
        row = attrs.asdict(person)
        statement = insert(PEOPLE).values(row)
        await self._write(statement.on_conflict_do_update(index_elements=["id"], set_=row))

    async def people(self) -> list[KnownPerson]:
        return [KnownPerson(**row) for row in await self._read(select(PEOPLE))]

    async def record(self, call: CallRecord) -> None:
        await self._write(insert(CALLS).values(attrs.asdict(call)))

    async def calls(self, person: int, limit: int = 20) -> list[CallRecord]:
        names = [CALLS.c[field.name] for field in attrs.fields(CallRecord)]
        query = select(*names).where(CALLS.c.person == person)
        rows = await self._read(
            query.order_by(CALLS.c.began.desc(), CALLS.c.id.desc()).limit(limit)
        )
        return [CallRecord(**row) for row in rows]

    async def session(self, name: str) -> str:
        rows = await self._read(select(SESSIONS.c.sealed).where(SESSIONS.c.name == name))
        return self._seal.open(name, rows[0]["sealed"]) if rows else ""

    async def keep_session(self, name: str, session: str) -> None:
        if not session:
            await self._write(delete(SESSIONS).where(SESSIONS.c.name == name))
            return
        row = {"name": name, "sealed": self._seal.close(name, session)}
        statement = insert(SESSIONS).values(row)
        await self._write(statement.on_conflict_do_update(index_elements=["name"], set_=row))

    async def _write(self, statement: Any) -> None:
        try:
            async with self._engine.begin() as connection:
                await connection.execute(statement)
        except SQLAlchemyError as error:
            raise StoreError(f"{self._path}: cannot be written: {_short(error)}") from error

    async def _read(self, query: Any) -> list[dict[str, Any]]:
        try:
            async with self._engine.connect() as connection:
                return [dict(row) for row in (await connection.execute(query)).mappings()]
        except SQLAlchemyError as error:
            raise StoreError(f"{self._path}: cannot be read: {_short(error)}") from error


def _short(error: Exception) -> str:
    """The engine's own words, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _migrate(connection: Connection) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
