"""The sound of a Telegram call as an `AudioPort`: Opus at whatever rate the bridge runs at."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from siptg.rtp.audio import Frame, silence
from siptg.rtp.codecs.opus import OPUS, RATES
from siptg.rtp.effort import Effort
from siptg.rtp.packet import RtpPacket
from siptg.rtp.session import Hearing, RtpSession
from siptg.telegram.signalling import OPUS_TYPE

NATURAL_RATE = 48_000
FMTP = "minptime=10;useinbandfec=1"
"""What the engines of Telegram's clients take."""


class CallAudio:
    """Valid from the first ring to the last beat: silence before there is media, and after it."""

    def __init__(self, *, effort: Effort | None = None, seed: int | None = None) -> None:
        chance = random.SystemRandom() if seed is None else random.Random(seed)
        self._send: Callable[[bytes], None] | None = None
        self._send_rtcp: Callable[[bytes], None] | None = None
        self.session = RtpSession(
            self._out, self._out_rtcp, chance, time.monotonic(), effort=effort
        )
        self._rate = NATURAL_RATE
        self._tuned = 0
        """The rate that decoder and encoder are made for; 0 before there is media."""

    @property
    def ssrc(self) -> int:
        return self.session.ssrc

    @property
    def rate(self) -> int:
        return self._rate

    @property
    def packets_received(self) -> int:
        return self.session.stats.packets_received

    @property
    def packets_sent(self) -> int:
        return self.session.reports.sources.sender.packets

    @property
    def payload_format(self) -> str | None:
        """Of the packets that may be carried as they are."""
        return "opus" if self._send is not None else None

    def tune(self, rate: int) -> None:
        """Opus speaks every rate: no resampling in the bridge. ValueError for one it does not
        know.
        """
        if rate not in RATES:
            raise ValueError(f"Opus does not speak at {rate}")
        self._rate = rate
        if self._send is not None and rate != self._tuned:
            self._make()

    def read(self) -> Frame:
        if self._send is None:
            return silence(self._rate)
        return self.session.read(time.monotonic())

    def write(self, frame: Frame) -> None:
        if self._send is not None:
            self.session.write(frame, time.monotonic())

    def pull(self) -> Sequence[RtpPacket]:
        return self.session.pull(time.monotonic())

    def carry(self, packets: Sequence[RtpPacket]) -> None:
        if self._send is not None:
            self.session.carry(packets, time.monotonic())

    @property
    def between_packets(self) -> bool:
        return self.session.between_packets

    def past(self) -> Frame | None:
        return self.session.past()

    def prime(self, past: Frame) -> None:
        self.session.outbound.prime(past)

    def attach(
        self, send: Callable[[bytes], None] | None, send_rtcp: Callable[[bytes], None] | None
    ) -> None:
        """Where packets go from now on; None for nowhere."""
        self._send, self._send_rtcp = send, send_rtcp
        if send is not None and self._tuned != self._rate:
            self._make()

    def receive(self, data: bytes, arrived: float) -> None:
        """An RTP packet, decrypted."""
        self.session.receive(data, arrived)

    def receive_rtcp(self, data: bytes, arrived: float) -> None:
        self.session.receive_rtcp(data, arrived)

    def _make(self) -> None:
        self._tuned = self._rate
        session = self.session
        session.hear(Hearing({OPUS_TYPE: OPUS}), self._rate)
        session.outbound.speak(OPUS, OPUS_TYPE, self._rate, fmtp=FMTP)

    def _out(self, data: bytes) -> None:
        if self._send is not None:
            self._send(data)

    def _out_rtcp(self, data: bytes) -> None:
        if self._send_rtcp is not None:
            self._send_rtcp(data)
