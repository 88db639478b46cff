"""What an account knows between two runs: its key, how far it has read, and whom it has met.

The auth key is in the session string, which the product seals. Everything else goes to a
`Keeper`, behind the work: `flush` saves what changed since the last one in one transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any, Protocol

import attrs
from telethon.sessions import StringSession
from telethon.tl import types as tl

log = logging.getLogger(__name__)

MOST_ENTITIES = 50_000
MOST_HANDLED = 5_000
"""Messages and calls that are remembered as handled, newest."""


@attrs.frozen
class UpdateState:
    """How far the updates of an account (entity 0) or of a channel are handled."""

    entity: int
    pts: int
    qts: int
    date: int
    """Unix seconds."""
    seq: int


@attrs.frozen
class Entity:
    """Somebody whom the account has met, by Telethon's marked id."""

    id: int
    access_hash: int = attrs.field(repr=False)
    username: str | None
    name: str | None = attrs.field(repr=False)


@attrs.frozen
class Handled:
    """A message (`m`) or a call (`c`) that was given to the product, and taken."""

    kind: str
    id: int


@attrs.frozen
class Kept:
    """All that a keeper has of one account, or what is new of it. Handled oldest first."""

    states: tuple[UpdateState, ...] = ()
    entities: tuple[Entity, ...] = ()
    handled: tuple[Handled, ...] = ()


class Keeper(Protocol):
    """Where one account's knowledge is kept; both may raise OSError."""

    async def load(self) -> Kept: ...
    async def save(self, new: Kept) -> None:
        """All or nothing; what it knew of the same ids is replaced."""
        ...


class KeptSession(StringSession):  # type: ignore[misc]
    """A Telethon session whose people and states outlive the process, where it has a keeper."""

    def __init__(self, string: str | None = None, keeper: Keeper | None = None) -> None:
        super().__init__(string)
        self._keeper = keeper
        self._people: OrderedDict[int, Entity] = OrderedDict()
        self._names: dict[str, int] = {}
        self._handled: OrderedDict[Handled, None] = OrderedDict()
        self._new_entities: dict[int, Entity] = {}
        self._new_states: dict[int, UpdateState] = {}
        self._new_handled: list[Handled] = []
        self._saving = asyncio.Lock()

    async def load(self) -> None:
        """What the keeper has; once, before the client connects."""
        if self._keeper is None:
            return
        kept = await self._keeper.load()
        for entity in kept.entities:
            self._meet(entity)
        for state in kept.states:
            self._update_states[state.entity] = _told(state)
        for handled in kept.handled:
            self._handled[handled] = None

    async def flush(self) -> None:
        """Save what is new. What cannot be saved is tried again with the next flush."""
        async with self._saving:
            new = Kept(
                tuple(self._new_states.values()),
                tuple(self._new_entities.values()),
                tuple(self._new_handled),
            )
            if self._keeper is None or new == Kept():
                return
            self._new_states, self._new_entities, self._new_handled = {}, {}, []
            try:
                await self._keeper.save(new)
            except BaseException as error:
                self._new_states = {s.entity: s for s in new.states} | self._new_states
                self._new_entities = {e.id: e for e in new.entities} | self._new_entities
                self._new_handled = [*new.handled, *self._new_handled][-MOST_HANDLED:]
                if not isinstance(error, OSError):
                    raise
                log.error("! what Telegram told cannot be kept: %s", error)

    # handled once

    def is_handled(self, kind: str, id: int) -> bool:
        return Handled(kind, id) in self._handled

    def handle(self, kind: str, id: int) -> None:
        handled = Handled(kind, id)
        if handled in self._handled:
            return
        self._handled[handled] = None
        while len(self._handled) > MOST_HANDLED:
            self._handled.popitem(last=False)
        if self._keeper is not None:
            self._new_handled.append(handled)

    # states, as Telethon asks for them

    def set_update_state(self, entity_id: int, state: Any) -> None:
        self._update_states[entity_id] = state
        date = int(state.date.timestamp()) if state.date else 0
        if self._keeper is not None:
            self._new_states[entity_id] = UpdateState(
                entity_id, state.pts, state.qts, date, state.seq
            )

    # people, as Telethon asks for them

    def process_entities(self, tlo: Any) -> None:
        """Remember whom an answer names; "min" ones have no hash of use and change nothing."""
        for id, hash, username, _, name in self._entities_to_rows(tlo):
            self._meet(Entity(id, hash, username, name), new=True)

    def person(self, id: int) -> Entity | None:
        """A user by id, with the access hash that is known to be good."""
        return self._people.get(id)

    def meet(self, entity: Entity) -> None:
        self._meet(entity, new=True)

    def forget(self, id: int) -> Entity | None:
        """Their access hash was refused."""
        return self._people.pop(id, None)

    def get_entity_rows_by_id(self, id: int, exact: bool = True) -> tuple[int, int] | None:
        marks = (id,) if exact else (id, -id, -1_000_000_000_000 - id)
        found = next((self._people[m] for m in marks if m in self._people), None)
        return (found.id, found.access_hash) if found else None

    def get_entity_rows_by_username(self, username: str) -> tuple[int, int] | None:
        id = self._names.get(username.lower())
        # Telethon keeps who we are as the person 0, who has no name
        found = self._people.get(id) if id is not None else None
        return (found.id, found.access_hash) if found else None

    def get_entity_rows_by_name(self, name: str) -> None:
        """Names are no addresses: two people may share one."""

    def get_entity_rows_by_phone(self, phone: str) -> None:
        """Numbers of people are not kept."""

    def _meet(self, entity: Entity, *, new: bool = False) -> None:
        known = self._people.pop(entity.id, None)
        self._people[entity.id] = entity
        if known is not None and known.username and known.username != entity.username:
            self._names.pop(known.username, None)
        if entity.username:
            self._names[entity.username] = entity.id
        while len(self._people) > MOST_ENTITIES:
            _, old = self._people.popitem(last=False)
            self._names.pop(old.username or "", None)
        if new and entity != known and self._keeper is not None:
            self._new_entities[entity.id] = entity


def _told(state: UpdateState) -> Any:
    date = datetime.fromtimestamp(state.date, UTC)
    return tl.updates.State(state.pts, state.qts, date, state.seq, unread_count=0)
