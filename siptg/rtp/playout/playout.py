"""Packets in, exact 20 ms frames out: jitter buffer, decoder, concealment, time-stretching."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.codecs.codec import Decoder
from siptg.rtp.packet import RtpPacket
from siptg.rtp.playout.jitter import INFINITE, LARGEST, LOOK_BACK, TOO_OLD, JitterBuffer
from siptg.rtp.playout.pace import Pace
from siptg.rtp.playout.plc import Concealment

SOON = 8
"""Beats after a gap until the delay is looked at."""
OWN_CONCEALMENT = 1.0
"""Seconds that a codec's own concealment is heard: Opus turns to comfort noise by itself."""
PRIMED_WITH = 0.16
"""Seconds of old packets that a decoder hears before it joins in the middle. Opus in talk is then
40 dB near to a decoder that heard all; with half of it, one time in ten it is not 20 dB near."""
LONGEST = 0.25
"""Seconds of sound in one packet; more is taken for garbage."""
HOPELESS, HOPING_AGAIN = 8, 100
"""Gaps in a row that the packet behind could not repair, after which it is not waited for: of talk
with pauses every other one cannot. And the number that is reached some minute later, one with each
look."""
_NONE: Samples = np.zeros(0, np.int16)


class Playout:
    """One direction of one stream, whatever the length of its packets.

    Once a beat either `read` or `pull`: both keep one timeline, so one may follow the other at any
    beat. A frame belongs to the stream after it was read: listen, but do not write into it.
    """

    def __init__(
        self,
        decoder: Decoder,
        clock_rate: int,
        *,
        ticks_of: Callable[[bytes], int] | None = None,
        most: float = LARGEST,
    ) -> None:
        self.buffer = JitterBuffer(clock_rate, ticks_of, most)
        self.push: Callable[[RtpPacket, float], None] = self.buffer.push
        """A packet came at this time."""
        self.fill: Callable[[int], Samples] | None = None
        """What is heard where nothing is said and nothing made up: comfort noise. None: silence."""
        self.garbage = 0
        """Packets that the decoder refused."""
        self.concealed = 0
        """Frames made up, wholly or partly, in the place of sound that came too late or never."""
        self.recovered = 0
        """Packets regained by in-band error correction."""
        self.pace = Pace(self.buffer)
        self._clock_rate, self._frame_ticks = clock_rate, clock_rate // 50
        self._packet_ticks = self._frame_ticks
        self._history: deque[Samples] = deque(maxlen=3)
        self._pulling = False
        self._left_by_old: int | None = None
        """Samples that the decoder before had left to be played."""
        self._until_look, self._limit = LOOK_BACK, INFINITE
        self._put_off = False
        """A gap has put off the look: the next one will not, for then it might never come."""
        self._refused = 0
        self._plain = self._own = False
        self._made = self._made_frames = 0
        self._set(decoder)

    def change(self, decoder: Decoder) -> None:
        """Another decoder, or the same codec at another rate. One of the same kind is primed with
        the last packets and goes on where the old one was; with another kind what is decoded and
        not played is dropped.
        """
        same = type(decoder) is type(self._decoder)
        left = len(self._rest) * decoder.rate // self._decoder.rate
        if not same:
            self.buffer.recent.clear()
        self._set(decoder)
        self._left_by_old = left if same else 0

    @property
    def rate(self) -> int:
        return self._decoder.rate

    @property
    def whole(self) -> bool:
        """What was read ended with the end of a packet: the beat to turn from `read` to `pull`."""
        return not len(self._rest)

    @property
    def ahead(self) -> int:
        """Beats to come whose sound `pull` has given already. Who turns to `read` asks first: those
        frames come again as samples, to be recorded, but must not be passed on a second time.
        """
        return max(0, self.buffer.ahead) // self._frame_ticks if self._pulling else 0

    def past(self) -> Frame | None:
        """The 20 ms before those that come next; None where fewer were heard."""
        if self._pulling:
            self._prime()
        heard = np.concatenate(self._history) if self._history else _NONE
        return heard[-self._size :] if len(heard) >= self._size else None

    def read(self, now: float) -> Frame:
        """The next 20 ms."""
        buffer = self.buffer
        due = buffer.next
        lag = now - due * buffer.tick
        self._until_look -= 1
        if self._plain and self._until_look > 0 and lag < self._limit:
            packet = buffer.waiting.pop(due, None)
            if packet is not None:
                if lag < buffer.least:
                    buffer.least = lag
                buffer.recent.append(packet)
                try:
                    samples = self._decode(packet[4])
                except ValueError:
                    samples = _NONE
                if len(samples) == self._size:
                    buffer.next = due + self._frame_ticks
                    self._history.append(samples)
                    return samples
                self._rest = self._accepted(samples)
        return self._read_slowly(now)

    def pull(self, now: float) -> RtpPacket | None:
        """The next packet of this beat, undecoded, when its sound would be read. Ask until None."""
        if not self._pulling:
            self.buffer.start_pulling(self._ticks(len(self._rest)))
            self._pulling, self._plain = True, False
            self._rest, self._made, self.pace.want = _NONE, 0, 0
        return self.buffer.pull(now)

    # the long way

    def _read_slowly(self, now: float) -> Frame:
        if self._pulling or self._left_by_old is not None:
            self._prime()
        if self._until_look <= 0 and self._may_look():
            self._look()
        size, pace, have = self._size, self.pace, self._rest
        while len(have) < size:
            more = self._more(now, size - len(have), have)
            have = np.concatenate((have, more)) if len(have) else more
        if pace.want and not self._made and pace.ready():
            have = self._stretched(have)
        frame, self._rest = have[:size], have[size:]
        self._history.append(frame)
        self._plain = len(have) == size and not (self._made or pace.want)
        return frame

    def _more(self, now: float, count: int, have: Samples) -> Samples:
        """Some samples behind `have`; made up where none are there, then `count` at most."""
        buffer = self.buffer
        packet = buffer.take(now)
        while packet is not None:
            samples = self._decoded(packet)
            if len(samples):
                return self._joined(samples, have)
            packet = buffer.take(now)
        if buffer.hole:
            hole = buffer.hole * self.rate // self._clock_rate
            if buffer.hole > self._packet_ticks:
                # the packet behind may repair the last one that is lost, not those before
                hole -= self._packet_ticks * self.rate // self._clock_rate
            else:
                regained = self._regained(hole)
                if regained is not None:
                    return self._joined(regained, have)
            count = max(1, min(count, hole))
        made = self._made_up(count, have)
        buffer.held += max(1, self._ticks(count))
        return made

    def _decoded(self, packet: RtpPacket) -> Samples:
        """Nothing where the decoder refuses it."""
        try:
            samples = self._decode(packet.payload)
        except ValueError:
            samples = _NONE
        return self._accepted(samples)

    def _accepted(self, samples: Samples) -> Samples:
        if not 0 < len(samples) <= self._longest:
            self.garbage += 1
            return _NONE
        self._packet_ticks = self._ticks(len(samples))
        self.buffer.next += self._packet_ticks
        return samples

    def _regained(self, hole: int) -> Samples | None:
        buffer = self.buffer
        behind = buffer.waiting[buffer.next + buffer.held + buffer.hole]
        try:
            samples = self._decoder.recover(behind.payload, hole)
        except ValueError:
            samples = None
        if samples is None or len(samples) != hole:
            self._refused += not self._made  # once a gap
            return None
        buffer.recovered()
        self.recovered += 1
        self._refused = 0
        return samples

    def _joined(self, samples: Samples, have: Samples) -> Samples:
        """Real sound after what was made up, or after a cut."""
        if self.buffer.cut and not self._plc.active:
            self._plc.begin(self._heard(have))
        if self._plc.active:
            samples = self._plc.end(samples)
        if self._made:
            if self.buffer.lossy:
                self.concealed += self._made_frames
            self._made = self._made_frames = 0
            if not self._put_off:
                self._until_look, self._put_off = SOON, True
        return samples

    def _made_up(self, count: int, have: Samples) -> Samples:
        if not self.buffer.recent:
            return self._nothing(count)  # nobody was heard yet
        begun, self._made = self._made, self._made + count
        plc, own = self._plc, None
        if not begun or self._own:
            # the codec is asked even where the repetition is heard: it has to know of the gap
            own = self._conceal(count) if begun < OWN_CONCEALMENT * self.rate else None
            self._own = own is not None
        if not begun or (own is None and not plc.active):
            plc.begin(self._heard(have))
            if own is not None and not plc.clear:
                plc.stop()
        if own is not None and not plc.active:
            self._made_frames += 1
            return own
        if plc.silent:
            return self._nothing(count)
        self._made_frames += 1
        return plc.give(count)

    def _nothing(self, count: int) -> Samples:
        return self.fill(count) if self.fill is not None else np.zeros(count, np.int16)

    def _conceal(self, count: int) -> Samples | None:
        """The codec's own, in steps of 2.5 ms as Opus wants it."""
        step = self.rate // 400
        try:
            samples = self._decoder.conceal(-(-count // step) * step)
        except ValueError:
            return None
        return None if samples is None or len(samples) < count else samples[:count]

    def _heard(self, have: Samples) -> Samples:
        return np.concatenate((*self._history, have))

    def _stretched(self, have: Samples) -> Samples:
        """The frame out of more or fewer samples; packets are taken before their turn if it needs
        them.
        """
        buffer, needs = self.buffer, self.pace.needs
        while len(have) < needs:
            packet = buffer.waiting.pop(buffer.next, None)
            if packet is None:
                return have
            buffer.recent.append(packet)
            more = self._decoded(packet)
            if not len(more):
                return have
            have = np.concatenate((have, more))
        return self.pace.stretch(self._heard(_NONE), have)

    def _may_look(self) -> bool:
        """The delay was measured since the last gap, or could not be for long."""
        seen = not self._made and self.buffer.least < INFINITE
        return seen or self._until_look <= -LOOK_BACK

    def _look(self) -> None:
        """Some beats went by: is the delay right?"""
        buffer, pace = self.buffer, self.pace
        self._put_off = False
        if self._refused >= HOPELESS:
            self._refused = (self._refused + 1) % HOPING_AGAIN
        pace.guard(self._packet_ticks, self._own and self._refused < HOPELESS)
        pace.look(self._packet_ticks, len(self._rest))
        if self._made:
            pace.want = 0
        self._limit = buffer.transit.base + buffer.target + TOO_OLD
        self._until_look = LOOK_BACK

    def _prime(self) -> None:
        """The decoder hears the last packets, so that it goes on as though it had heard all."""
        left = self._left_by_old or 0
        if self._pulling:
            # the odd part of a beat that was given ahead is left out: the delay takes it
            left = self.ahead * self._size
        self._pulling, self._left_by_old = False, None
        self._plc = Concealment(self.rate)
        self._made = self._made_frames = self.pace.want = 0
        heard, recent = [_NONE], self.buffer.recent
        for packet in recent:
            age = (recent[-1].timestamp - packet.timestamp) & 0xFFFFFFFF
            if age < PRIMED_WITH * self._clock_rate:
                try:
                    heard.append(self._decode(packet.payload))
                except ValueError:
                    continue  # what it cannot hear does not help it
        sound = np.concatenate(heard)
        played = max(0, len(sound) - left)
        self._rest = sound[played:]
        self._history.clear()
        self._history.append(sound[:played][-3 * self._size :])
        self._until_look, self.buffer.least = SOON, INFINITE

    def _ticks(self, samples: int) -> int:
        return samples * self._clock_rate // self.rate

    def _set(self, decoder: Decoder) -> None:
        self._decoder, self._decode = decoder, decoder.decode
        rate = decoder.rate
        self._size, self._longest = rate // 50, int(rate * LONGEST)
        self._plc = Concealment(rate)
        self.pace.tune(rate)
        self._history.clear()
        self._rest = _NONE
        # plain: nothing is left over, made up or to be stretched; the next packet is the next frame
        self._plain = False
        # own: the last gap was concealed by the codec itself
        self._own = False
        self._made = self._made_frames = 0
