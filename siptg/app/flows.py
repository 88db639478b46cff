"""One call of a conversation from its first ring to its record, one class a direction.

A flow owns two legs: her, on Telegram, and the party on the line. However it ends, cancelled too,
it has hung up both and left a record.
"""

from __future__ import annotations

import abc
import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs

from siptg.app import cards
from siptg.app.bridge import Bridge, Sounds, play_to
from siptg.app.causes import Cause
from siptg.app.desk import Desk, LineTerms, Refused
from siptg.app.legs import Answered, Ended, Leg, LegEvent, Party, Ringing, Sound, SoundChanged
from siptg.app.live_card import LiveCard
from siptg.app.numbers import Wish, announcement
from siptg.app.store import CallRecord

log = logging.getLogger(__name__)

ANNOUNCED_WITHIN = 1.0
"""Seconds that a ring waits for Telegram to take the message with the caller's name (SP-11.1)."""

Outcome = tuple[Cause, str]
"""Why a call ended, and the other side's own code and words."""


@attrs.define(eq=False)
class Flow(abc.ABC):
    """What both directions share: legs, card, record, and an end from outside."""

    desk: Desk
    person: int
    line: LineTerms
    connected: Callable[[], None]
    """Called once, when both legs are there."""
    over: Callable[[], None]
    """Called once, when both legs are gone; card and record follow, and hold up nobody."""
    party: Party
    incoming = False
    _card: LiveCard = attrs.field(init=False)
    _her: Leg | None = attrs.field(default=None, init=False)
    _other: Leg | None = attrs.field(default=None, init=False)
    _keys: str = attrs.field(default="", init=False)
    _sound: Sound = attrs.field(default=Sound.GOOD, init=False)
    _began: datetime = attrs.field(init=False)
    _answered: datetime | None = attrs.field(default=None, init=False)
    _calling: asyncio.Task[Outcome] | None = attrs.field(default=None, init=False)
    _stopped: Cause | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._card = LiveCard(self.desk)
        self._began = self.desk.now()

    async def run(self) -> None:
        """The whole call. What goes wrong in it is in its record, not raised."""
        cause, detail = Cause.INTERNAL, ""
        self._calling = asyncio.create_task(self._call(), name=f"call of {self.person}")
        try:
            cause, detail = await self._calling
        except asyncio.CancelledError:
            if self._stopped is None:
                raise
            cause = self._stopped
        except Refused as refused:
            cause, detail = refused.cause, refused.detail
        except Exception:
            log.exception("a call of person %s broke", self.person)
        finally:
            await self._hang_up(cause)
            self.over()
        await self._conclude(cause, detail)

    def stop(self, cause: Cause = Cause.HANGUP) -> None:
        """End the call from outside, in whatever state it is; `run` then ends in order."""
        self._stopped = cause
        if self._calling is not None:
            self._calling.cancel()

    async def press(self, key: str) -> None:
        """A key of the card: one digit for the party, in the order pressed (SP-15.2)."""
        if self._other is not None:
            self._keys += key
            self._show_talking()
            await self._other.press(key)

    def _show_talking(self) -> None:
        self._card.show(cards.talking(self.desk.words, self.party, self._keys[-32:], self._sound))

    def _hear(self, leg: Leg, event: LegEvent) -> None:
        """What is wrong with her sound is shown to her as long as it is."""
        if leg is self._her and isinstance(event, SoundChanged):
            self._sound = event.sound
            if self._answered is not None:
                self._show_talking()

    @abc.abstractmethod
    async def _call(self) -> Outcome:
        """Reach the two legs, bridge them until one leaves."""

    def _connect(self) -> None:
        """Both legs are there: the call has a length from now on."""
        if self._answered is None:
            self._answered = self.desk.now()
            self._show_talking()
            self.connected()

    async def _hang_up(self, cause: Cause) -> None:
        for leg in (self._other, self._her):
            if leg is not None:
                try:
                    await leg.hangup(cause)
                except Exception:  # the second leg must end whatever the first one does
                    log.exception("leg %s could not be hung up", leg.id)

    async def _conclude(self, cause: Cause, detail: str) -> None:
        now = self.desk.now()
        seconds = None if self._answered is None else (now - self._answered).total_seconds()
        text = cards.ended(self.desk.words, self.party, self.incoming, seconds, cause, detail)
        if not await self._card.retire(text) and self.incoming:
            await self.desk.say(cards.missed(self.desk.words, self.party, self.line.name, cause))
        await self.desk.record(
            CallRecord(
                call=self._other.id if self._other else "",
                person=self.person,
                line=self.line.name,
                direction="in" if self.incoming else "out",
                party=self.party.address,
                party_name=self.party.name or "",
                began=self._began.replace(tzinfo=None),
                answered=self._answered and self._answered.replace(tzinfo=None),
                ended=now.replace(tzinfo=None),
                cause=cause.value,
                detail=detail,
            )
        )


@attrs.define(eq=False)
class OutgoingFlow(Flow):
    """She sent a number: call her back, and when she is there dial the party (SP-4)."""

    wish: Wish = attrs.field(kw_only=True)
    _dialled: bool = attrs.field(default=False, init=False)
    _her_own: asyncio.Future[Leg] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._her_own = asyncio.get_running_loop().create_future()

    def change(self, wish: Wish) -> bool:
        """Dial this instead; False where the party is being dialled already (SP-4.3)."""
        if self._dialled:
            return False
        self.wish, self.party = wish, Party(wish.user)
        self._card.show(cards.calling_you(self.desk.words, wish.typed))
        return True

    def take(self, her: Leg) -> bool:
        """She calls at that very moment: her call is taken, ours withdrawn (SP-4.4)."""
        if self._dialled or self._her_own.done():
            return False
        self._her_own.set_result(her)
        return True

    async def _call(self) -> Outcome:
        self._card.show(cards.calling_you(self.desk.words, self.wish.typed))
        refusal = await self._reach_her()
        if refusal is not None or self._her is None:
            return refusal or (Cause.NO_ANSWER, "")
        self._dialled = True
        self._card.show(cards.dialling(self.desk.words, self.wish.typed, self.line.name))
        try:
            self._other = await self.desk.dial(self.line.name, self.wish)
        except Refused as refused:
            await self._lament(self._her, refused.cause)
            raise
        bridge = Bridge(self._her, self._other, self.line.ringback, self._watch)
        parted = await bridge.run(self.desk.beat)
        if parted.first is self._other and self._answered is None:
            await self._lament(self._her, parted.cause)
        elif parted.first is self._her and self._answered is None:
            return Cause.CANCELLED, ""
        return parted.cause, parted.detail

    async def _reach_her(self) -> Outcome | None:
        """Ring her until she answers, or calls herself; else why not."""
        calling = asyncio.create_task(self._ring_her())
        try:
            async with asyncio.timeout(self.line.callback_seconds):
                either: set[asyncio.Future[Any]] = {calling, self._her_own}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            return Cause.NO_ANSWER, ""
        finally:
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)
        if not self._her_own.done():
            return None if calling.cancelled() else calling.result()
        ours, self._her = self._her, self._her_own.result()
        if ours is not None:
            await ours.hangup(Cause.CANCELLED)
        await self._her.answer()
        async for event in self._her.events():
            if isinstance(event, Answered):
                return None
            if isinstance(event, Ended):
                return event.cause, event.detail
        return Cause.LOST, ""

    async def _ring_her(self) -> Outcome | None:
        self._her = await self.desk.ring_her()
        async for event in self._her.events():
            if isinstance(event, Answered):
                return None
            if isinstance(event, Ended):
                return event.cause, event.detail
        return Cause.LOST, ""

    async def _lament(self, her: Leg, cause: Cause) -> None:
        """Let her hear why the party was not reached before her call ends (SP-9)."""
        sounds: Sounds = self.line.refusal(cause)
        await play_to(her, sounds, self.desk.beat)

    def _watch(self, leg: Leg, event: LegEvent) -> None:
        self._hear(leg, event)
        if leg is self._other and isinstance(event, Ringing):
            self._card.show(cards.ringing(self.desk.words, self.party))
        if leg is self._other and isinstance(event, Answered):
            self._connect()


@attrs.define(eq=False)
class IncomingFlow(Flow):
    """A party calls: first the words, then the ring (SP-11)."""

    incoming = True
    caller: Leg = attrs.field(kw_only=True)
    _limit: asyncio.Timeout | None = attrs.field(default=None, init=False)

    async def _call(self) -> Outcome:
        self._other = self.caller
        await self._announce()
        self._her = await self.desk.ring_her()
        bridge = Bridge(self.caller, self._her, watch=self._watch)
        try:
            async with asyncio.timeout(self.line.ring_seconds) as self._limit:
                parted = await bridge.run(self.desk.beat)
        except TimeoutError:
            return Cause.NO_ANSWER, ""
        if parted.first is self.caller and self._answered is None:
            return Cause.CANCELLED, ""
        if parted.first is self._her and self._answered is None and parted.cause is Cause.BUSY:
            return Cause.DECLINED, ""  # how Telegram says that she pressed decline
        return parted.cause, parted.detail

    async def _announce(self) -> None:
        text = announcement(self.party.address, self.party.name, self.line.name)
        said = asyncio.create_task(self.desk.say(text))
        done, _ = await asyncio.wait({said}, timeout=ANNOUNCED_WITHIN)
        if not done:
            log.warning("the caller's name is late: it rings before the message is there")

    def _watch(self, leg: Leg, event: LegEvent) -> None:
        self._hear(leg, event)
        if leg is self._her and isinstance(event, Answered):
            if self._limit is not None:
                self._limit.reschedule(None)
            self._connect()
