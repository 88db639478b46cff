"""Joins two legs: words of control as they come, and 20 ms of audio both ways at each beat.

This is the middle of the product. A Telegram user and a PBX are both a `Leg`; whatever one of them
does is told to the other in neutral words, and at each beat of the media clock one frame goes each
way, at the rate of the leg that cannot choose (`join_rates`); where neither can, the higher is
resampled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol, cast

import attrs

from siptg.app.causes import Cause
from siptg.app.legs import Answered, Digit, Ended, Held, Leg, LegEvent, Ringing
from siptg.rtp.audio import AudioPort, Carrier, Frame, join_rates, silence
from siptg.rtp.sounds.resample import Adapted

Sounds = Callable[[int], Iterator[Frame]]
"""Makes a sound at a given rate."""


Ear = Callable[[Frame, Frame], None]
"""Hears both sides of a bridge."""


class Beat(Protocol):
    """What the bridge wants of the media clock."""

    def add(self, tick: Callable[[], None]) -> None: ...
    def remove(self, tick: Callable[[], None]) -> None: ...


@attrs.frozen
class Parted:
    """How a bridge ended: which leg left first, and why."""

    first: Leg
    cause: Cause
    detail: str = ""


@attrs.define(eq=False)
class Bridge:
    """Two legs as one call: `a` was there first, `b` is the one that is being reached."""

    a: Leg
    b: Leg
    ringback: Sounds | None = None
    """What `a` hears while `b` rings without a sound of its own."""
    watch: Callable[[Leg, LegEvent], None] | None = None
    """Sees every event of both legs before it is passed on: cards and records hang on it."""
    ears: list[Ear] = attrs.field(factory=list)
    """Each is given what `a` and `b` said, beat by beat: recorders."""
    _adapted: tuple[AudioPort, tuple[int, int], Adapted] | None = attrs.field(
        default=None, init=False
    )
    """A port that cannot be tuned, its rate and the other's, and what stands for it."""
    _carrying: bool = attrs.field(default=False, init=False)
    _ringing: bool = attrs.field(default=False, init=False)
    _answered: bool = attrs.field(default=False, init=False)
    _tone: tuple[int, Iterator[Frame]] | None = attrs.field(default=None, init=False)

    def tick(self) -> None:
        """Carry 20 ms each way. The media clock calls this; a test calls it by hand.

        Where both sides speak the same codec and nobody puts in samples of his own, packets go
        across as they came, and ears are given them decoded beside; at a beat where somebody does,
        frames follow without a gap.
        """
        a, b = self.a.audio, self.b.audio
        carriers = self._carriers(a, b)
        if carriers is not None:
            self._carry(*carriers)
            return
        if a.rate != b.rate:
            a, b = self._joined(a, b)
        if self._carrying:
            self._carrying = False
            _prime(a, b)
            _prime(b, a)
        from_a, from_b = a.read(), b.read()
        for ear in self.ears:
            ear(from_a, from_b)
        b.write(from_a)
        a.write(self._ring(a.rate) if self._ringing and self.ringback else from_b)

    def _carriers(self, a: AudioPort, b: AudioPort) -> tuple[Carrier, Carrier] | None:
        """Both, where this beat takes packets instead of frames."""
        if self._ringing and self.ringback:
            return None
        one, other = cast(Carrier, a), cast(Carrier, b)
        kind = getattr(one, "payload_format", None)
        if kind is None or kind != getattr(other, "payload_format", None):
            return None
        if not self._carrying:
            self._carrying = one.between_packets and other.between_packets
        return (one, other) if self._carrying else None

    def _joined(self, a: AudioPort, b: AudioPort) -> tuple[AudioPort, AudioPort]:
        """Both at one rate: tuned where one can be, else the higher is resampled. What was found
        out holds until a rate changes: it is asked at every beat.
        """
        high, low = (a, b) if a.rate > b.rate else (b, a)
        rates = high.rate, low.rate
        adapted = self._adapted
        if adapted is None or adapted[0] is not high or adapted[1] != rates:
            with contextlib.suppress(ValueError):
                join_rates(a, b)
                return a, b
            adapted = self._adapted = high, rates, Adapted(high, low.rate)
        return (adapted[2], b) if high is a else (a, adapted[2])

    def _carry(self, a: Carrier, b: Carrier) -> None:
        from_a, from_b = a.pull(), b.pull()
        b.carry(from_a)
        a.carry(from_b)
        if self.ears:
            heard = a.overhear(from_a), b.overhear(from_b)
            for ear in self.ears:
                ear(*heard)

    async def run(self, beat: Beat) -> Parted:
        """Relay until a leg ends, and say which. What becomes of the other is the caller's to say:
        it is hung up, held, or given to another bridge.
        """
        beat.add(self.tick)
        tasks = [
            asyncio.create_task(self._relay(self.a, self.b), name=f"relay {self.a.id}"),
            asyncio.create_task(self._relay(self.b, self.a), name=f"relay {self.b.id}"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(task for task in tasks if task.done()).result()
        finally:
            beat.remove(self.tick)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _relay(self, source: Leg, target: Leg) -> Parted:
        async for event in source.events():
            if self.watch:
                self.watch(source, event)
            match event:
                case Ringing(early_audio):
                    self._ringing = source is self.b and not (early_audio or self._answered)
                    await target.ring()
                case Answered():
                    if source is self.b:
                        self._ringing, self._answered = False, True
                    await target.answer()
                case Digit(symbol):
                    await target.press(symbol)
                case Held(on):
                    await target.hold(on)
                case Ended(cause, detail):
                    return Parted(source, cause, detail)
        return Parted(source, Cause.LOST)

    def _ring(self, rate: int) -> Frame:
        """The next 20 ms of ringback, made anew where the rate changed under it."""
        if self.ringback and (self._tone is None or self._tone[0] != rate):
            self._tone = rate, self.ringback(rate)
        frame = next(self._tone[1], None) if self._tone else None
        return silence(rate) if frame is None else frame


def _prime(said: AudioPort, heard: AudioPort) -> None:
    """Frames follow packets: the encoder hears what was carried last."""
    if isinstance(said, Carrier) and isinstance(heard, Carrier):
        past = said.past()
        if past is not None:
            heard.prime(past)


async def play_to(leg: Leg, sounds: Sounds, beat: Beat) -> None:
    """Let one leg hear a sound to its end, alone; what it says meanwhile is dropped.

    Returns early where the leg's rate changes, which only happens when somebody bridges it.
    """
    frames, done = sounds(leg.audio.rate), asyncio.get_running_loop().create_future()

    def tick() -> None:
        leg.audio.read()
        frame = next(frames, None)
        if frame is not None and len(frame) == leg.audio.rate // 50:
            leg.audio.write(frame)
        elif not done.done():
            done.set_result(None)

    beat.add(tick)
    try:
        await done
    finally:
        beat.remove(tick)
