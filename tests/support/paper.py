"""Parties made of paper: legs that follow a script, a desk that writes down what was asked
of it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta

import attrs
import numpy as np

from siptg.app.causes import Cause
from siptg.app.desk import LineTerms, Refused
from siptg.app.legs import Ended, Leg, LegEvent, Party
from siptg.app.numbers import Wish
from siptg.app.store import CallRecord
from siptg.app.texts import TEXTS
from siptg.rtp.audio import Frame, silence
from siptg.telegram.chat.cards import Card
from siptg.telegram.chat.text import Text


class PaperPort:
    """Says one value for ever and keeps what it hears."""

    def __init__(self, says: int = 0, rate: int = 8000) -> None:
        self.rate, self.says = rate, says
        self.heard: list[int] = []

    def read(self) -> Frame:
        return np.full(self.rate // 50, self.says, np.int16)

    def write(self, frame: Frame) -> None:
        assert len(frame) == self.rate // 50
        self.heard.append(int(frame[0]))


class TunablePort(PaperPort):
    def tune(self, rate: int) -> None:
        self.rate = rate


class PaperLeg:
    """Yields events after waits, `tell` adds one at once; remembers each verb in `told`."""

    def __init__(
        self, name: str, *script: tuple[float, LegEvent], says: int = 0, rate: int = 8000
    ) -> None:
        self.id, self.party = name, Party(name)
        self.audio = PaperPort(says, rate)
        self.told: list[str] = []
        self._queue: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._script = list(script)
        self._over = False

    def tell(self, event: LegEvent) -> None:
        self._queue.put_nowait(event)

    async def events(self) -> AsyncIterator[LegEvent]:
        while True:
            if self._script:
                wait, event = self._script[0]
                await asyncio.sleep(wait)
                self._script.pop(0)
            else:
                event = await self._queue.get()
            if isinstance(event, Ended):
                self._over = True
            yield event
            if isinstance(event, Ended):
                return

    async def ring(self) -> None:
        self.told.append("ring")

    async def answer(self) -> None:
        self.told.append("answer")

    async def hold(self, on: bool) -> None:
        self.told.append(f"hold {on}")

    async def press(self, digit: str) -> None:
        self.told.append(f"press {digit}")

    async def hangup(self, cause: Cause = Cause.HANGUP) -> None:
        if not self._over:
            self._over = True
            self.told.append(f"hangup {cause.value}")


class PaperBeat:
    """A media clock on the loop's (artificial) time; a long test beats slower."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.seconds = seconds
        self.ticks: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, tick: Callable[[], None]) -> None:
        self.ticks.append(tick)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def remove(self, tick: Callable[[], None]) -> None:
        self.ticks.remove(tick)

    async def _run(self) -> None:
        while self.ticks:
            await asyncio.sleep(self.seconds)
            for tick in list(self.ticks):
                tick()


@attrs.define(eq=False)
class PaperCard:
    """A card in a paper chat: all the texts it ever had."""

    texts: list[str]
    rows: int = 0
    retired: bool = False

    async def edit(self, card: Card) -> None:
        assert not self.retired
        self.texts.append(str(card.text))
        self.rows = len(card.rows)

    async def retire(self, text: Text) -> None:
        assert not self.retired
        self.texts.append(str(text))
        self.retired, self.rows = True, 0


@attrs.define(eq=False)
class PaperDesk:
    """Hands out prepared legs (or refusals), keeps messages, cards and records."""

    her: list[Leg | Refused] = attrs.field(factory=list)
    parties: list[Leg | Refused] = attrs.field(factory=list)
    beat: PaperBeat = attrs.field(factory=PaperBeat)
    said: list[str] = attrs.field(factory=list)
    cards: list[PaperCard] = attrs.field(factory=list)
    records: list[CallRecord] = attrs.field(factory=list)
    dialled: list[str] = attrs.field(factory=list)
    log: list[str] = attrs.field(factory=list)
    saying_takes: float = 0.0
    recording_takes: float = 0.0

    words = TEXTS.of("en")

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(
            seconds=asyncio.get_running_loop().time()
        )

    async def ring_her(self) -> Leg:
        self.log.append("ring her")
        return self._next(self.her)

    async def dial(self, line: str, wish: Wish) -> Leg:
        self.dialled.append(f"{line} {wish.target}")
        return self._next(self.parties)

    async def say(self, text: str | Text) -> None:
        await asyncio.sleep(self.saying_takes)
        self.said.append(str(text))
        self.log.append("say")

    async def show(self, card: Card) -> PaperCard:
        self.cards.append(PaperCard([str(card.text)], len(card.rows)))
        return self.cards[-1]

    async def record(self, record: CallRecord) -> None:
        await asyncio.sleep(self.recording_takes)
        self.records.append(record)

    @staticmethod
    def _next(prepared: list[Leg | Refused]) -> Leg:
        found = prepared.pop(0)
        if isinstance(found, Refused):
            raise found
        return found


def steady(value: int, seconds: float) -> Callable[[int], Iterator[Frame]]:
    """A sound that is one value for some seconds."""
    return lambda rate: itertools.repeat(silence(rate) + np.int16(value), round(seconds * 50))


LINE = LineTerms(
    name="Office",
    ring_seconds=60.0,
    callback_seconds=45.0,
    ringback=steady(77, 3600),
    refusal=lambda cause: steady(66, 3),
)
