"""Packets in, exact 20 ms frames out: jitter buffer, decoder, concealment, silence."""

from __future__ import annotations

import numpy as np

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.codecs.codec import Decoder
from siptg.rtp.jitter import JitterBuffer
from siptg.rtp.packet import RtpPacket

CONCEAL_FOR = 0.1
"""Seconds of loss that are covered by made-up sound; then it is silence."""


class Playout:
    """One direction of one stream, whatever the length of its packets."""

    def __init__(self, decoder: Decoder, clock_rate: int) -> None:
        self.buffer = JitterBuffer(clock_rate)
        self.garbage = 0
        """Packets that the decoder refused."""
        self.concealed = 0
        """Frames made up."""
        self._clock_rate = clock_rate
        self._missing = CONCEAL_FOR
        self.change(decoder)

    def change(self, decoder: Decoder) -> None:
        """Another decoder, or the same codec at another rate; what was decoded is dropped."""
        self._decoder = decoder
        self._rest: Samples = np.zeros(0, np.int16)

    @property
    def rate(self) -> int:
        return self._decoder.rate

    def push(self, packet: RtpPacket, arrived: float) -> None:
        self.buffer.push(packet, arrived)

    def read(self, now: float) -> Frame:
        """The next 20 ms."""
        size = self.rate // 50
        parts, have = [self._rest], len(self._rest)
        while have < size:
            more = self._decoded(now)
            if more is None:
                more = self._made_up(size - have)
            parts.append(more)
            have += len(more)
        whole = np.concatenate(parts) if len(parts) > 1 else parts[0]
        self._rest = whole[size:]
        return whole[:size]

    def _decoded(self, now: float) -> Samples | None:
        packet = self.buffer.pull(now)
        while packet is not None:
            try:
                samples = self._decoder.decode(packet.payload)
            except ValueError:
                self.garbage += 1
                self.buffer.played(packet, self._clock_rate // 50)
            else:
                self.buffer.played(packet, len(samples) * self._clock_rate // self.rate)
                if len(samples):
                    self._missing = 0.0
                    return samples
            packet = self.buffer.pull(now)
        return None

    def _made_up(self, samples: int) -> Samples:
        self.buffer.concealed(samples * self._clock_rate // self.rate)
        if self._missing >= CONCEAL_FOR:
            return np.zeros(samples, np.int16)
        self._missing += samples / self.rate
        self.concealed += 1
        if samples != self.rate // 50:  # decoders conceal whole frames only
            return np.zeros(samples, np.int16)
        return self._decoder.conceal(samples)
