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
from siptg.rtp.stats import Quality, heard
from siptg.telegram.media.opus import OpusSettings, primary

NATURAL_RATE = 48_000
OPUS_TYPE = 111
"""What Telegram's engines call Opus, until another number is agreed on."""
REPORTED_AS = 360_000.0
"""Bits a second that RTCP is told the call has: reports then come about once a second (RFC 3550
§6.2), as loss is to be answered soon."""
MOST_SSRC = (1 << 31) - 1
"""Some engines keep an SSRC in 32 bits with a sign."""


class CallAudio:
    """Valid from the first ring to the last beat: silence before there is media, and after it."""

    def __init__(
        self,
        *,
        effort: Effort | None = None,
        seed: int | None = None,
        opus: OpusSettings | None = None,
    ) -> None:
        chance = random.SystemRandom() if seed is None else random.Random(seed)
        self._opus = opus or OpusSettings()
        self._up = False
        self._send_rtcp: Callable[[bytes], None] | None = None
        self.session = RtpSession(
            _nowhere,
            self._out_rtcp,
            chance,
            time.monotonic(),
            effort=effort,
            bandwidth=REPORTED_AS,
            reduced=True,
        )
        self.session.reports.sources.sender.ssrc &= MOST_SSRC
        self.receive_rtcp = self.session.receive_rtcp
        """RTCP, decrypted, and when it came."""
        self._send_type = self._receive_type = OPUS_TYPE
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

    def receive(self, data: bytes, arrived: float) -> bool:
        """An RTP packet, decrypted, and when it came; False where it is none of this call's."""
        session = self.session
        if session.receive(data, arrived):
            return True
        opened = primary(data)
        if opened is data:
            return False
        session.stats.garbage -= 1  # it was none
        return session.receive(opened, arrived)

    def quality(self) -> Quality:
        """How we hear her, since the call began."""
        return heard(self.session.counted(), OPUS.key)

    def mute(self, on: bool) -> None:
        """While it is on nothing is sent but reports; time goes on."""
        self.session.outbound.silent = on

    @property
    def payload_format(self) -> str | None:
        """Of the packets that may be carried as they are."""
        return "opus" if self._up else None

    def tune(self, rate: int) -> None:
        """Opus speaks every rate: no resampling in the bridge. ValueError for one it does not
        know.
        """
        if rate not in RATES:
            raise ValueError(f"Opus does not speak at {rate}")
        self._rate = rate
        if self._up and rate != self._tuned:
            self._make()

    def read(self) -> Frame:
        if not self._up:
            return silence(self._rate)
        now = time.monotonic()
        if now >= self.session.chores_at:
            self.session.chores(now, time.time())
        return self.session.read(now)

    def write(self, frame: Frame) -> None:
        if self._up:
            self.session.write(frame, time.monotonic())

    def pull(self) -> Sequence[RtpPacket]:
        now = time.monotonic()
        if now >= self.session.chores_at:
            self.session.chores(now, time.time())
        return self.session.pull(now)

    def carry(self, packets: Sequence[RtpPacket]) -> None:
        if self._up:
            self.session.carry(packets, time.monotonic())

    def overhear(self, packets: Sequence[RtpPacket]) -> Frame:
        return self.session.overhear(packets, time.monotonic())

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
        if send is None and self._up:
            self.session.leave(time.monotonic(), time.time())
        self._up, self._send_rtcp = send is not None, send_rtcp
        self.session.outbound.send = send or _nowhere
        if self._up and self._tuned != self._rate:
            self._make()

    def agree(self, send_type: int, receive_type: int) -> None:
        """What Opus is called in packets, each way."""
        if (send_type, receive_type) != (self._send_type, self._receive_type):
            self._send_type, self._receive_type = send_type, receive_type
            if self._up:
                self._make()

    def _make(self) -> None:
        self._tuned = self._rate
        session = self.session
        session.hear(Hearing({self._receive_type: OPUS}), self._rate)
        opus = self._opus
        session.outbound.speak(OPUS, self._send_type, self._rate, fmtp=opus.fmtp, ptime=opus.ptime)

    def _out_rtcp(self, data: bytes) -> None:
        if self._send_rtcp is not None:
            self._send_rtcp(data)


def _nowhere(data: bytes) -> None:
    """Before there is media, and after it."""
