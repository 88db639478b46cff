"""The store: a protocol of a few verbs, and its one engine, SQLAlchemy Core over SQLite."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, Protocol, Self

import attrs
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from siptg.app.store.keeper import SqlKeeper
from siptg.app.store.records import AccountRecord, CallRecord, KnownPerson
from siptg.app.store.seal import Seal, SealBroken
from siptg.app.store.tables import ACCOUNTS, CALLS, PEOPLE, SESSIONS
from siptg.telegram.account.session import Keeper

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

    async def accounts(self) -> list[AccountRecord]:
        """Our Telegram accounts by name."""
        ...

    async def keep_account(self, account: AccountRecord) -> None:
        """Remember how an account stands, or what is new about it."""
        ...

    async def forget_account(self, name: str) -> None:
        """Its session and what is known of it."""
        ...

    def keeper(self, name: str) -> Keeper:
        """Where the session of that name keeps how far it has read and whom it has met."""
        ...


class SqlStore:
    """A `Store` in a SQLite file: `async with SqlStore(path, seal) as store`."""

    def __init__(self, path: Path, seal: Seal) -> None:
        self._path, self._seal = path, seal
        self._engine: AsyncEngine = create_async_engine(f"sqlite+aiosqlite:///{path}")

    async def __aenter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # made for its owner alone: it says who called whom; SQLite's own files follow its mode
            os.close(os.open(self._path, os.O_RDONLY | os.O_CREAT, 0o600))
            await self._make_tables()
            await self._try_key()
        except (SQLAlchemyError, OSError) as error:
            await self._engine.dispose()
            raise StoreError(f"{self._path}: cannot be opened: {_short(error)}") from error
        except SealBroken:
            await self._engine.dispose()
            raise
        return self

    async def _make_tables(self) -> None:
        """Two first uses at once: one makes the tables, the other finds them at its next try.

        The first error is told: later ones may be about what the first has left.
        """
        first: OperationalError | None = None
        for _ in range(5):
            try:
                async with self._engine.begin() as connection:
                    await connection.run_sync(_migrate)
                return
            except OperationalError as error:
                first = first or error
                await asyncio.sleep(0.1)
        assert first is not None
        raise first

    async def _try_key(self) -> None:
        """A store that another key has sealed is not written to: nothing of it would be lost, but
        half of it would belong to one key and half to the other.
        """
        for row in await self._read(select(SESSIONS)):
            self._seal.open(row["name"], row["sealed"])

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

    async def accounts(self) -> list[AccountRecord]:
        rows = await self._read(select(ACCOUNTS).order_by(ACCOUNTS.c.name))
        return [AccountRecord(**row) for row in rows]

    async def keep_account(self, account: AccountRecord) -> None:
        row = attrs.asdict(account)
        statement = insert(ACCOUNTS).values(row)
        await self._write(statement.on_conflict_do_update(index_elements=["name"], set_=row))

    async def forget_account(self, name: str) -> None:
        await self._write(delete(SESSIONS).where(SESSIONS.c.name == name))
        await self._write(delete(ACCOUNTS).where(ACCOUNTS.c.name == name))

    def keeper(self, name: str) -> SqlKeeper:
        """Where the session of that name keeps how far it has read and whom it has met."""
        return SqlKeeper(self._engine, name)

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
    """The system's or the engine's own words, without the statement and its values."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _migrate(connection: Connection) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
