"""A leg on Telegram: a call with one of its users in the bridge's words."""

from __future__ import annotations

from collections.abc import AsyncIterator

from siptg.app.causes import Cause
from siptg.app.legs import Answered, Ended, LegEvent, Party, Ringing
from siptg.rtp.audio import AudioPort
from siptg.telegram import calls as telegram

CAUSES: dict[telegram.TelegramCause, Cause] = {}


class TelegramLeg:
    """A person on Telegram, called by the phone account or calling it."""

    def __init__(self, call: telegram.TelegramCall) -> None:
        self._call = call
        self._answered = False
        self.party = Party(call.person.username or str(call.person.id), call.person.name)

    @property
    def id(self) -> str:
        return f"telegram {self._call.id}"

    @property
    def audio(self) -> AudioPort:
        return self._call.audio

    async def events(self) -> AsyncIterator[LegEvent]:
        async for event in self._call.events():
            match event:
                case telegram.Ringing():
                    yield Ringing()
                case telegram.Answered():
                    self._answered = True
                    yield Answered()
                case telegram.Ended(cause, detail):
                    yield Ended(CAUSES.get(cause, Cause.INTERNAL), detail)
                case _:
                    continue  # a path that was lost and came back is the media's own business

    async def ring(self) -> None:
        """Telegram has no word for it: her own app shows that it connects."""

    async def answer(self) -> None:
        if not self._call.outgoing and not self._answered:
            await self._call.answer()

    async def hold(self, on: bool) -> None:
        """Telegram has no hold; what she hears meanwhile comes through the bridge."""

    async def press(self, digit: str) -> None:
        """Keys reach a person as text on the card, not as sound."""

    async def hangup(self, cause: Cause = Cause.HANGUP) -> None:
        if self._call.outgoing or self._answered:
            await self._call.hangup()
        else:
            await self._call.decline()
