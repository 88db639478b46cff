"""The sound of a Telegram call as an `AudioPort`: Opus at whatever rate the bridge runs at."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from siptg.rtp.audio import Frame
from siptg.rtp.codecs.opus import CLOCK_RATE, RATES, OpusDecoder, OpusEncoder
from siptg.rtp.packet import RtpPacket
from siptg.rtp.playout import Playout
from siptg.telegram.signalling import OPUS_TYPE

NATURAL_RATE = 48_000


class CallAudio:
    """Valid from the first ring to the last beat: silence before there is media, and after it."""

    def __init__(self, ssrc: int | None = None) -> None:
        chance = random.SystemRandom()
        self.ssrc = chance.getrandbits(31) if ssrc is None else ssrc
        self.packets_received = self.packets_sent = self.garbage = self.other_types = 0
        # sequence and timestamp never start anew in a call: SRTP drops what looks repeated
        self._sequence, self._timestamp = chance.getrandbits(15), chance.getrandbits(31)
        self._send: Callable[[bytes], None] | None = None
        self._rate = NATURAL_RATE
        self._encoder: OpusEncoder | None = None
        self._playout = Playout(OpusDecoder(NATURAL_RATE), CLOCK_RATE)

    @property
    def rate(self) -> int:
        return self._rate

    def tune(self, rate: int) -> None:
        """Opus speaks every rate: no resampling in the bridge. ValueError for one it does not
        know.
        """
        if rate not in RATES:
            raise ValueError(f"Opus does not speak at {rate}")
        if rate != self._rate:
            self._rate, self._encoder = rate, None
            self._playout.change(OpusDecoder(rate))

    def read(self) -> Frame:
        return self._playout.read(time.monotonic())

    def write(self, frame: Frame) -> None:
        if self._send is None:
            return
        if len(frame) * 50 != self._rate:
            raise ValueError(f"{len(frame)} samples are no 20 ms at {self._rate}")
        if self._encoder is None:
            self._encoder = OpusEncoder(self._rate)
        payload = self._encoder.encode(frame)
        packet = RtpPacket(OPUS_TYPE, self._sequence, self._timestamp, self.ssrc, payload)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + CLOCK_RATE // 50) & 0xFFFFFFFF
        self.packets_sent += 1
        self._send(bytes(packet))

    def attach(self, send: Callable[[bytes], None] | None) -> None:
        """Where packets go from now on; None for nowhere."""
        self._send = send

    def receive(self, data: bytes) -> None:
        """An RTP packet, decrypted."""
        try:
            packet = RtpPacket.parse(data)
        except ValueError:
            self.garbage += 1
            return
        if packet.payload_type != OPUS_TYPE:
            self.other_types += 1
        elif packet.payload:
            self.packets_received += 1
            self._playout.push(packet, time.monotonic())
