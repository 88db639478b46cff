"""A Telegram session's states, people and handled messages, in the product's store."""

from __future__ import annotations

import attrs
from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from siptg.app.store.tables import TELEGRAM_ENTITIES, TELEGRAM_HANDLED, TELEGRAM_STATES
from siptg.telegram.account.session import MOST_HANDLED, Entity, Handled, Kept, UpdateState


class SqlKeeper:
    """The `Keeper` of one session, by its name in the store."""

    def __init__(self, engine: AsyncEngine, session: str) -> None:
        self._engine, self._session = engine, session

    async def load(self) -> Kept:
        try:
            async with self._engine.connect() as connection:
                states, entities, handled = [
                    (
                        await connection.execute(
                            select(*(table.c[field.name] for field in attrs.fields(kind)))
                            .where(table.c.session == self._session)
                            .order_by(order)
                        )
                    ).all()
                    for table, kind, order in (
                        (TELEGRAM_STATES, UpdateState, TELEGRAM_STATES.c.entity),
                        (TELEGRAM_ENTITIES, Entity, TELEGRAM_ENTITIES.c.id),
                        (TELEGRAM_HANDLED, Handled, TELEGRAM_HANDLED.c.number),
                    )
                ]
        except SQLAlchemyError as error:
            raise OSError(f"the store cannot be read: {type(error).__name__}") from error
        return Kept(
            tuple(UpdateState(*row) for row in states),
            tuple(Entity(*row) for row in entities),
            tuple(Handled(*row) for row in handled),
        )

    async def save(self, new: Kept) -> None:
        """In one transaction; of what was handled the newest is kept."""
        session = self._session
        try:
            async with self._engine.begin() as connection:
                for table, values in (
                    (TELEGRAM_STATES, new.states),
                    (TELEGRAM_ENTITIES, new.entities),
                ):
                    for value in values:
                        row = {"session": session, **attrs.asdict(value)}
                        keys = [column.name for column in table.primary_key]
                        statement = insert(table).values(row)
                        await connection.execute(
                            statement.on_conflict_do_update(index_elements=keys, set_=row)
                        )
                if new.handled:
                    rows = [{"session": session, **attrs.asdict(h)} for h in new.handled]
                    await connection.execute(
                        insert(TELEGRAM_HANDLED).on_conflict_do_nothing(), rows
                    )
                    numbers = select(TELEGRAM_HANDLED.c.number).where(
                        TELEGRAM_HANDLED.c.session == session
                    )
                    old = numbers.order_by(TELEGRAM_HANDLED.c.number.desc()).offset(MOST_HANDLED)
                    await connection.execute(
                        delete(TELEGRAM_HANDLED).where(
                            TELEGRAM_HANDLED.c.number.in_(old.limit(len(rows)))
                        )
                    )
        except SQLAlchemyError as error:
            reason = getattr(error, "orig", None) or type(error).__name__
            raise OSError(f"the store cannot be written: {reason}") from error
