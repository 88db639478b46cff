"""A leg on a SIP line: a call of `siptg.phone` in the bridge's words."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from siptg import phone
from siptg.app.causes import FACES, Cause, cause_of_status
from siptg.app.legs import Answered, Digit, Ended, Held, LegEvent, Party, Ringing
from siptg.rtp.stream import MediaStream
from siptg.sip.errors import SipError
from siptg.sip.uri import NameAddr

log = logging.getLogger(__name__)


def party_of(address: NameAddr) -> Party:
    """Who somebody is by SIP: the user part as number, the display name as name (RFC 3261
    §20.20).
    """
    user = address.uri.user or ""
    withheld = user.lower() in {"", "anonymous", "unknown"}
    return Party("" if withheld else user, address.display_name or None)


class SipLeg:
    """One party on a SIP line, called by us or calling."""

    def __init__(self, call: phone.Incoming | phone.Outgoing) -> None:
        self._call = call
        self._talk: phone.Call | None = None
        self._over = False
        incoming = isinstance(call, phone.Incoming)
        self.party = party_of(call.caller if isinstance(call, phone.Incoming) else call.callee)
        self._may_answer = incoming

    @property
    def id(self) -> str:
        return self._call.id

    @property
    def audio(self) -> MediaStream:
        return self._call.audio

    async def events(self) -> AsyncIterator[LegEvent]:
        async for event in self._call.events():
            match event:
                case phone.Ringing():
                    yield Ringing(event.early_media)
                case phone.Answered():
                    if isinstance(self._call, phone.Outgoing):
                        self._talk = await self._call.answered()
                    yield Answered()
                case phone.Digit(symbol):
                    yield Digit(symbol)
                case phone.Held(on):
                    yield Held(on)
                case phone.Ended():
                    self._over = True
                    yield Ended(cause_of_status(event.status), f"{event.status} {event.reason}")

    async def ring(self) -> None:
        if isinstance(self._call, phone.Incoming) and self._talk is None and not self._over:
            await self._call.ring()

    async def answer(self) -> None:
        if isinstance(self._call, phone.Incoming) and self._talk is None and not self._over:
            self._talk = await self._call.answer()

    async def hold(self, on: bool) -> None:
        if self._talk is not None and not self._over:
            await self._talk.hold(on)

    async def press(self, digit: str) -> None:
        try:
            await self._call.press(digit)
        except SipError as error:
            log.info("! %s: a key is lost: %s", self.id, error)

    async def hangup(self, cause: Cause = Cause.HANGUP) -> None:
        """BYE, CANCEL, or the refusal that fits the cause."""
        if self._over:
            return
        self._over = True
        if isinstance(self._call, phone.Outgoing):
            await self._call.cancel()
        elif self._talk is None:
            await self._call.decline(FACES[cause].status)
        else:
            await self._talk.hangup()
