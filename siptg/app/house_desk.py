"""The desk of one person in the running house: what her conversation asks, done by the real
parts.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import attrs

from siptg.app.bridge import Sounds
from siptg.app.cards import ShownCard
from siptg.app.causes import Cause
from siptg.app.config import LineConfig
from siptg.app.desk import LineTerms, Refused
from siptg.app.legs import Leg
from siptg.app.lines import Line
from siptg.app.numbers import Wish
from siptg.app.store import CallRecord, Store, StoreError
from siptg.app.telegram_leg import CAUSES, TelegramLeg
from siptg.app.texts import TEXTS, Words
from siptg.rtp.audio import Frame
from siptg.rtp.clock import MediaClock
from siptg.rtp.sounds.tones import sound
from siptg.telegram.account.client import Account
from siptg.telegram.chat.bodies import send_text
from siptg.telegram.chat.cards import Card
from siptg.telegram.chat.shown import Cards
from siptg.telegram.chat.text import Text
from siptg.telegram.people import Person, TelegramRefused

log = logging.getLogger(__name__)

REFUSAL_SECONDS = 3.0
"""How long she hears the tone that says why a party was not reached (SP-9)."""


@attrs.define(eq=False)
class HouseDesk:
    """For one person: her chat, her Telegram calls, the lines."""

    person: Person
    beat: MediaClock
    account: Account
    cards: Cards
    lines: Callable[[str], Line | None]
    store: Store

    @property
    def words(self) -> Words:
        return TEXTS.of(self.person.language)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def ring_her(self) -> Leg:
        try:
            return TelegramLeg(await self.account.call(self.person))
        except TelegramRefused as refused:
            raise Refused(CAUSES[refused.cause], refused.text) from None

    async def dial(self, line: str, wish: Wish) -> Leg:
        found = self.lines(line)
        if found is None:
            raise Refused(Cause.UNREACHABLE, f"the line {line} is gone")
        return await found.dial(wish)

    async def say(self, text: str | Text) -> None:
        try:
            await send_text(self.account, self.person, Text.of(text), once=True)
        except TelegramRefused as refused:
            log.warning("a message to person %s was refused: %s", self.person.id, refused)

    async def show(self, card: Card) -> ShownCard:
        return await self.cards.show(self.person, card)

    async def record(self, record: CallRecord) -> None:
        try:
            await self.store.record(record)
        except StoreError as error:
            log.error("a call record is lost: %s", error)


def terms_of(line: LineConfig) -> LineTerms:
    """What conversations have to know of a line."""
    return LineTerms(
        name=line.name,
        ring_seconds=line.ring_seconds,
        callback_seconds=line.callback_seconds,
        ringback=lambda rate: sound(f"ringback:{line.country}", rate),
        refusal=lambda cause: _refusal(line.country, cause),
    )


def _refusal(country: str, cause: Cause) -> Sounds:
    """Busy tone for who is busy, congestion for everything else, for three seconds."""
    tone = "busy" if cause in {Cause.BUSY, Cause.DECLINED} else "congestion"

    def sounds(rate: int) -> Iterator[Frame]:
        return itertools.islice(sound(f"{tone}:{country}", rate), int(REFUSAL_SECONDS * 50))

    return sounds
