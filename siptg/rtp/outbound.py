"""What we say: frames, carried packets and keys as one even RTP stream (RFC 3550 §5.1). Pure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.codecs import Codec, Encoder
from siptg.rtp.dtmf import DtmfSender
from siptg.rtp.effort import Effort
from siptg.rtp.packet import HEADER, RtpPacket

MOST_JUMP = 48_000 * 3
"""Ticks by which a carried stream may jump before it counts for a new one."""


class Outbound:
    """One beat, one call: `write` a frame or `carry` a packet; packets leave by `send`.

    The timestamp goes on with every beat, whether something is sent or not, and neither it nor the
    sequence number begins anew in a call: SRTP drops what looks repeated.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        *,
        ssrc: int,
        sequence: int,
        timestamp: int,
        effort: Effort | None = None,
    ) -> None:
        self.ssrc = ssrc
        self.packets = self.octets = 0
        self.keys = DtmfSender()
        self.silent = False
        """Nothing is sent: hold, or nothing agreed."""
        self.effort = effort
        self._send = send
        self._sequence, self._timestamp = sequence, timestamp
        self._encoder: Encoder | None = None
        self._codec: Codec | None = None
        self._type = self._event_type = 0
        self._rate = self._ticks = self._event_ticks = 0
        self._follows = False
        """The encoder's complexity follows the effort."""
        self._ptime = 20
        self._rest: list[Samples] = []
        self._talking = False
        # of what is carried: what is added to their numbers, and the SSRC these came from
        self._carried: int | None = None
        self._ahead = self._later = 0
        self._stamp = 0

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
        self._encoder = codec.encoder(rate, fmtp)
        self._codec, self._type, self._rate = codec, payload_type, rate
        self._follows = hasattr(self._encoder, "complexity")
        self._ticks = codec.clock_rate // 50
        self._ptime, self._rest = ptime, []
        self._event_type = -1 if event_type is None else event_type
        if self.keys.clock_rate != event_rate:
            self.keys.clock_rate = event_rate
        self._talking, self._carried = False, None

    def write(self, frame: Frame) -> None:
        """The next 20 ms. ValueError where it is none at our rate."""
        encoder = self._encoder
        if encoder is None:
            return
        stamp = self._timestamp
        self._timestamp = (stamp + self._ticks) & 0xFFFFFFFF
        self._carried = None
        if self.keys.busy and self._event_type >= 0:
            self._key(stamp)
            return
        if self.silent:
            self._talking = False
            return
        if len(frame) * 50 != self._rate:
            raise ValueError(f"{len(frame)} samples are no 20 ms at {self._rate}")
        if self._follows and (effort := self.effort) is not None:
            if encoder.complexity != effort.complexity:  # type: ignore[attr-defined]
                encoder.complexity = effort.complexity  # type: ignore[attr-defined]
        if self._ptime != 20:
            self._collect(frame, stamp)
            return
        kind = self._type
        if not self._talking:
            kind |= 0x80
            self._talking = True
        payload = encoder.encode(frame)
        if not payload:
            return  # discontinuous transmission: nothing to say
        sequence = self._sequence
        self._sequence = (sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        self._send(HEADER.pack(0x80, kind, sequence, stamp, self.ssrc) + payload)

    def carry(self, packet: RtpPacket | None) -> None:
        """A packet of the other party, in our numbers: its gaps stay gaps, so that the far end
        conceals what was lost. None where this beat has none.
        """
        if self._encoder is None:
            return
        stamp = self._timestamp
        self._timestamp = (stamp + self._ticks) & 0xFFFFFFFF
        if self.keys.busy and self._event_type >= 0:
            self._key(stamp)
            self._carried = None
            return
        if packet is None or self.silent:
            return
        _, theirs, when, ssrc, payload, marker = packet
        out = (when + self._later) & 0xFFFFFFFF
        gap = (out - self._stamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if ssrc != self._carried or not 0 <= gap < MOST_JUMP:
            self._carried = ssrc
            self._later, self._ahead = stamp - when, self._sequence - theirs
            out = stamp
        self._stamp = out
        sequence = (theirs + self._ahead) & 0xFFFF
        self._sequence = (sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        kind = self._type | (0x80 if marker or not self._talking else 0)
        self._talking = True
        self._send(HEADER.pack(0x80, kind, sequence, out, self.ssrc) + payload)

    def _key(self, stamp: int) -> None:
        self._talking = False
        self._rest.clear()
        key = self.keys.next(stamp)
        if key is not None:
            at, payload, marker = key
            self._put(self._event_type | (0x80 if marker else 0), at, payload)

    def _put(self, kind: int, stamp: int, payload: bytes) -> None:
        sequence = self._sequence
        self._sequence = (sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        self._send(HEADER.pack(0x80, kind, sequence, stamp & 0xFFFFFFFF, self.ssrc) + payload)

    def _collect(self, frame: Frame, stamp: int) -> None:
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
            if payload:
                self._put(self._type | (0 if self._talking else 0x80), begun, payload)
                self._talking = True
            at += size
        self._rest = [samples[at:].copy()] if at < len(samples) else []
