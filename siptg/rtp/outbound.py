"""What we say: frames, carried packets and keys as one even RTP stream (RFC 3550 §5.1). Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.codecs import Codec, Encoder
from siptg.rtp.codecs.lengths import Ticks, ticks_of
from siptg.rtp.codecs.opus import DTX_BYTES
from siptg.rtp.digits.events import DtmfSender
from siptg.rtp.digits.tones import ToneSender
from siptg.rtp.effort import Effort
from siptg.rtp.packet import HEADER, RtpPacket
from siptg.rtp.rtcp.sender import Sender

MOST_JUMP = 48_000 * 3
"""Ticks by which a carried stream may jump before it counts for a new one."""
MOST_LOST = 1000
"""Numbers that may be missing in it at once; more are another numbering."""
_UNKNOWN = -1
LONGEST_PAUSE = 48_000 * 4 // 10
"""Ticks from one packet to the next while an encoder would rather pause: engines take a stream for
lost that says nothing for longer than 400 ms."""
_pack = HEADER.pack


@runtime_checkable
class Adaptable(Protocol):
    """An encoder that can take less time, and mend more: Opus."""

    complexity: int

    def loss(self, percent: int) -> None: ...


class Outbound:
    """One beat, one call: `write` a frame or `carry` a packet; packets leave by `send`.

    The timestamp goes on with every beat, whether something is sent or not, and neither it nor the
    sequence number begins anew in a call: SRTP drops what looks repeated.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        sender: Sender,
        *,
        sequence: int,
        timestamp: int,
        effort: Effort | None = None,
    ) -> None:
        self.keys = DtmfSender()
        self.tones: ToneSender | None = None
        """Keys as tones, for ends that know no other way."""
        self.silent = False
        """Nothing is sent: hold, or nothing agreed."""
        self.effort = effort
        self.send, self._sender = send, sender
        self._sequence, self._timestamp = sequence, timestamp
        self._encoder: Encoder | None = None
        self._codec: Codec | None = None
        self._type = self._event_type = self._loss = 0
        self._fmtp = ""
        self._rate = self._ticks = 0
        self._opus: Adaptable | None = None
        """The encoder, where it follows effort and loss."""
        self._ptime = 20
        self._rest: list[Samples] = []
        self._talking = False
        self._spoke_at = 0
        # of what is carried: what is added to their numbers, and the SSRC these came from; None
        # while frames are said
        self._carried: int | None = None
        self._ahead = self._later = 0
        # the packet carried last: when it begins in our time, and what it holds
        self._stamp, self._last = 0, b""
        self._ticks_of: Ticks | None = None

    @property
    def timestamp(self) -> int:
        """Of the next beat."""
        return self._timestamp

    @property
    def rate(self) -> int:
        return self._rate

    def speak(
        self,
        codec: Codec,
        payload_type: int,
        rate: int,
        *,
        fmtp: str = "",
        ptime: int = 20,
        event_type: int | None = None,
        event_rate: int = 8000,
    ) -> None:
        """How to say it from now on. ValueError where the codec does not speak at that rate."""
        if rate not in codec.rates:
            raise ValueError(f"{codec.name} does not speak at {rate}")
        if self._carried is not None:
            self._timestamp = self._free(self._timestamp)
            self._carried = None
        if (codec, rate, fmtp) != (self._codec, self._rate, self._fmtp):
            self._encoder, self._opus = None, None  # else it goes on: a new one would click
        self._codec, self._type, self._rate, self._fmtp = codec, payload_type, rate, fmtp
        self._sender.clock_rate = codec.clock_rate
        self._ticks, self._ticks_of = codec.clock_rate // 50, ticks_of(codec)
        self._ptime, self._rest = ptime, []
        self._event_type = -1 if event_type is None else event_type
        self.keys.clock_rate = event_rate
        self._talking = False

    def write(self, frame: Frame, now: float) -> None:
        """The next 20 ms. ValueError where it is none at our rate."""
        encoder = self._encoder or self._new_encoder()
        if encoder is None:
            return
        stamp = self._timestamp
        self._timestamp = (stamp + self._ticks) & 0xFFFFFFFF
        if self.keys.busy and self._key(stamp, now):
            return
        if self.silent:
            self._talking, self.tones = False, None
            self._rest.clear()
            return
        if len(frame) * 50 != self._rate:
            raise ValueError(f"{len(frame)} samples are no 20 ms at {self._rate}")
        opus, effort = self._opus, self.effort
        if opus is not None and effort is not None and opus.complexity != effort.complexity:
            opus.complexity = effort.complexity
        if self.tones is not None:
            frame = self._tone(frame)
        if self._carried is not None:
            free = self._free(stamp)
            if self._ticks <= free - stamp & 0xFFFFFFFF < 0x80000000:
                encoder.encode(frame)  # a long packet holds this time too: it only listens
                return
            self._carried, stamp = None, free
            self._timestamp = (free + self._ticks) & 0xFFFFFFFF
        if self._ptime != 20:
            self._collect(frame, stamp, now)
            return
        payload = encoder.encode(frame)
        if len(payload) <= DTX_BYTES and opus is not None and self._pauses(stamp, self._ticks):
            return
        kind = self._type
        if not self._talking:
            kind |= 0x80
            self._talking = True
        sequence, sender = self._sequence, self._sender
        self._sequence = (sequence + 1) & 0xFFFF
        sender.sent(stamp, len(payload), now)
        self.send(_pack(0x80, kind, sequence, stamp, sender.ssrc) + payload)

    def carry(self, packets: Sequence[RtpPacket], now: float) -> None:
        """The packets of one beat, of the other party, in our numbers: its gaps stay gaps, so that
        the far end conceals what was lost.
        """
        if self._codec is None:
            return
        stamp, ticks = self._timestamp, self._ticks
        self._timestamp = (stamp + ticks) & 0xFFFFFFFF
        if self.keys.busy and self._key(stamp, now):
            self._leave_out()
            return
        if self.silent:
            self._talking = False
            self._leave_out()
            return
        if not packets:
            return
        for packet in packets:
            self._carry(packet, stamp, now)
        off = (self._stamp - stamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if not 0 <= off < ticks:
            # their clock is another one than the beat's, which follows, so that what is said next
            # is neither earlier nor later than what was carried last
            self._timestamp = (self._timestamp + off - max(0, off) % ticks) & 0xFFFFFFFF

    def _carry(self, packet: RtpPacket, stamp: int, now: float) -> None:
        _, theirs, when, ssrc, payload, marker = packet
        out = (when + self._later) & 0xFFFFFFFF
        sequence = (theirs + self._ahead) & 0xFFFF
        if (
            ssrc != self._carried
            or (out - self._stamp) & 0xFFFFFFFF >= MOST_JUMP
            or (sequence - self._sequence) & 0xFFFF > MOST_LOST
        ):
            out, sequence = self._free(stamp), self._sequence
            self._carried = ssrc
            self._later, self._ahead = out - when, sequence - theirs
        self._stamp, self._last = out, payload
        self._sequence, sender = (sequence + 1) & 0xFFFF, self._sender
        sender.sent(out, len(payload), now)
        kind = self._type | (0x80 if marker or not self._talking else 0)
        self._talking = True
        self.send(_pack(0x80, kind, sequence, out, sender.ssrc) + payload)

    def _leave_out(self) -> None:
        """What they say now is not said: in our numbers that is no loss."""
        if self._carried is not None:
            self._carried = _UNKNOWN

    def _free(self, stamp: int) -> int:
        """When something else can be said: at that time, or where what was carried ends. Packets
        and beats need not meet, but time went by in whole beats.
        """
        if self._carried is None:
            return stamp
        ticks = self._ticks if self._ticks_of is None else self._ticks_of(self._last)
        end = self._stamp + ticks
        since = (stamp - end + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        return (end + max(0, since - since % self._ticks)) & 0xFFFFFFFF

    def prime(self, past: Frame) -> None:
        """Let the encoder hear what went out last, carried or not."""
        encoder = self._encoder or self._new_encoder()
        if encoder is not None and len(past) * 50 == self._rate:
            encoder.encode(past)

    def _new_encoder(self) -> Encoder | None:
        """Made when it is needed: what is carried needs none."""
        codec = self._codec
        if codec is None:
            return None
        made = self._encoder = codec.encoder(self._rate, self._fmtp)
        self._opus = made if isinstance(made, Adaptable) else None
        if self._opus is not None:
            self._opus.loss(self._loss)
        return made

    def sing(self, digits: str) -> None:
        """Keys as tones in the place of what is said; ValueError for what is none."""
        if self.tones is None:
            self.tones = ToneSender(self._rate)
        self.tones.press(digits)

    def _tone(self, frame: Frame) -> Frame:
        tones = self.tones
        if tones is None:
            return frame
        tones.rate = self._rate  # it may be another one than when they were pressed
        sung = tones.next()
        if sung is None:
            self.tones = None
            return frame
        return sung

    def loss(self, percent: int) -> None:
        """What the far end loses of it: Opus then carries each packet twice (RFC 6716 §2.1.7)."""
        self._loss = percent
        if self._opus is not None:
            self._opus.loss(percent)

    def _key(self, stamp: int, now: float) -> bool:
        """The next of a key, in the place of sound. One that they cannot hear goes by unsent: to
        send it later, when they ask for something else, would be worse.
        """
        key = self.keys.next(stamp)
        if self.silent or self._event_type < 0:
            return False
        self._talking = False
        self._rest.clear()
        if key is not None:
            at, payload, marker = key
            self._put(self._event_type | (0x80 if marker else 0), at, payload, now)
        return True

    def _pauses(self, stamp: int, ticks: int) -> bool:
        """Whether a payload that need not be sent is left out: the far end fills the pause itself
        (RFC 7587 §3.1.3). It is sent where the pause would become too long.
        """
        if self._talking:
            self._talking, self._spoke_at = False, stamp - ticks
        return (stamp + ticks - self._spoke_at) & 0xFFFFFFFF <= LONGEST_PAUSE

    def _put(self, kind: int, stamp: int, payload: bytes, now: float) -> None:
        sequence, sender = self._sequence, self._sender
        self._sequence = (sequence + 1) & 0xFFFF
        sender.sent(stamp, len(payload), now)
        self.send(_pack(0x80, kind, sequence, stamp & 0xFFFFFFFF, sender.ssrc) + payload)

    def _collect(self, frame: Frame, stamp: int, now: float) -> None:
        """Packets of another length than a beat."""
        encoder, codec = self._encoder, self._codec
        if encoder is None or codec is None:
            return
        before = sum(len(part) for part in self._rest)
        samples = np.concatenate([*self._rest, frame]) if before else frame
        size, at = self._rate * self._ptime // 1000, 0
        while len(samples) - at >= size:
            payload = encoder.encode(samples[at : at + size])
            begun = stamp + (at - before) * codec.clock_rate // self._rate
            at += size
            ticks = size * codec.clock_rate // self._rate
            if len(payload) <= DTX_BYTES and self._opus is not None and self._pauses(begun, ticks):
                continue
            self._put(self._type | (0 if self._talking else 0x80), begun, payload, now)
            self._talking = True
        self._rest = [samples[at:].copy()] if at < len(samples) else []
