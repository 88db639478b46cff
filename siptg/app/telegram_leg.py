"""A leg on Telegram: a call with one of its users in the bridge's words."""

from __future__ import annotations

from collections.abc import AsyncIterator

from siptg.app.causes import Cause
from siptg.app.legs import Answered, Ended, LegEvent, Party, Ringing, Sound, SoundChanged
from siptg.rtp.audio import AudioPort
from siptg.telegram.call import events
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.people import TelegramCause

CAUSES: dict[TelegramCause, Cause] = {
    TelegramCause.HANGUP: Cause.HANGUP,
    TelegramCause.BUSY: Cause.BUSY,
    TelegramCause.NO_ANSWER: Cause.NO_ANSWER,
    TelegramCause.UNREACHABLE: Cause.NOT_REACHED,
    TelegramCause.ELSEWHERE: Cause.ELSEWHERE,
    TelegramCause.LOST: Cause.LOST,
    TelegramCause.FAILED: Cause.LOST,
    TelegramCause.SECURITY: Cause.INTERNAL,
    TelegramCause.PRIVACY: Cause.PRIVACY,
    TelegramCause.BLOCKED: Cause.BLOCKED,
    TelegramCause.OLD_CLIENT: Cause.OLD_CLIENT,
    TelegramCause.FLOOD: Cause.FLOOD,
    TelegramCause.SILENT: Cause.TELEGRAM_SILENT,
    TelegramCause.UNKNOWN: Cause.NOT_REACHED,
    TelegramCause.GONE: Cause.ACCOUNT_GONE,
    TelegramCause.INTERNAL: Cause.INTERNAL,
}


class TelegramLeg:
    """A person on Telegram, called by the phone account or calling it."""

    def __init__(self, call: TelegramCall) -> None:
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
                case events.Ringing():
                    yield Ringing()
                case events.Answered():
                    self._answered = True
                    yield Answered()
                case events.Ended(cause, detail):
                    yield Ended(CAUSES[cause], detail)
                case events.Lost():
                    yield SoundChanged(Sound.LOST)
                case events.Back():
                    yield SoundChanged(Sound.MUTED if self._call.muted else Sound.GOOD)
                case events.Muted(muted):
                    yield SoundChanged(Sound.MUTED if muted else Sound.GOOD)
                case events.NoSound():
                    yield SoundChanged(Sound.NONE)
                case _:
                    continue

    async def ring(self) -> None:
        """Telegram has no word for it: her own app shows that it connects."""

    async def answer(self) -> None:
        if not self._call.outgoing and not self._answered:
            await self._call.answer()

    async def hold(self, on: bool) -> None:
        """Telegram has no hold; what she hears meanwhile comes through the bridge."""

    async def press(self, digit: str) -> None:
        """Keys that the party pressed are no sound in her ear (SP-16)."""

    async def hangup(self, cause: Cause = Cause.HANGUP) -> None:
        await self._call.hangup()
