"""A Telegram user for demos and tests: writes, reads, presses buttons, answers calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, Self

import attrs
from telethon import events
from telethon.tl import functions as fn

from siptg.telegram.account.client import Account, MessageRef
from siptg.telegram.account.sign_in import sign_in
from siptg.telegram.account.telethon import peer_of, person_of
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.chat.files import FileRef, file_of
from siptg.telegram.lab.accounts import LabAccount
from siptg.telegram.lab.bodies import buttons_of
from siptg.telegram.people import Person
from siptg.telegram.server import Server
from siptg.telegram.settings import TelegramSettings


@attrs.frozen
class Seen:
    """A message in her chat, new or edited."""

    id: int
    text: str
    buttons: tuple[tuple[str, bytes], ...]
    """Labels and data."""
    edited: bool
    chat: Person | None = None
    """Who wrote it."""
    file: FileRef | None = None
    """What came with it."""


class Door(Protocol):
    """As much of a lab as somebody needs who signs in."""

    @property
    def server(self) -> Server: ...
    def code_for(self, phone: str) -> str: ...


class LabUser:
    """`async with LabUser(lab, account) as ann`: signed in by code, like anybody."""

    def __init__(self, lab: Door, user: LabAccount, ice_addresses: tuple[str, ...] | None) -> None:
        self.seen: list[Seen] = []
        self._lab, self._user, self._addresses = lab, user, ice_addresses
        self._account: Account
        self._changed, self._more = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Self:
        settings = TelegramSettings(
            1, "lab", server=self._lab.server, ice_addresses=self._addresses
        )

        async def code() -> str:
            return self._lab.code_for(self._user.phone)

        session = await sign_in(settings, self._user.phone, code)
        self._account = Account(attrs.evolve(settings, session=session))
        await self._account.__aenter__()
        client = self._account.telethon
        client.add_event_handler(self._new, events.NewMessage(incoming=True))
        client.add_event_handler(self._edited, events.MessageEdited(incoming=True))
        return self

    async def __aexit__(self, *why: object) -> None:
        await self._account.__aexit__(*why)

    @property
    def account(self) -> Account:
        return self._account

    async def find(self, username: str) -> Person:
        return await self._account.find(username)

    async def write(self, to: Person, text: str) -> MessageRef:
        return await self._account.send(to, text)

    def calls(self) -> AsyncIterator[TelegramCall]:
        return self._account.calls()

    async def press(self, chat: Person, message: Seen, label: str) -> str:
        """Press a button; what the bot answered. KeyError where there is no such button."""
        data = dict(message.buttons)[label]
        request = fn.messages.GetBotCallbackAnswerRequest(peer_of(chat), message.id, data=data)
        answer = await self._account.ask(request)
        return answer.message or ""

    async def sees(self, wanted: Callable[[Seen], bool], seconds: float = 5.0) -> Seen:
        """The newest message of its kind, as soon as it is there; TimeoutError says what she
        saw.
        """
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._changed.clear()
                    for seen in reversed(self.seen):
                        if wanted(seen):
                            return seen
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"not seen; what was: {[s.text for s in self.seen]}") from None

    async def changed(self) -> None:
        """Until there is more in `seen` than at the last time."""
        await self._more.wait()
        self._more.clear()

    async def _new(self, event: Any) -> None:
        await self._take(event, edited=False)

    async def _edited(self, event: Any) -> None:
        await self._take(event, edited=True)

    async def _take(self, event: Any, *, edited: bool) -> None:
        message, sender = event.message, await event.get_sender()
        buttons = tuple(buttons_of(message.reply_markup))
        chat = person_of(sender) if sender is not None else None
        file = file_of(self._account.me, message)
        self.seen.append(Seen(message.id, message.message or "", buttons, edited, chat, file))
        self._more.set()
        self._changed.set()
