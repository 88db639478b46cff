"""The RTCP of a session of two: what is said when, and what is heard (RFC 3550 §6, RFC 7022)."""

from __future__ import annotations

import base64
import math
from typing import Self

import attrs

from siptg.rtp.rtcp.far import Far
from siptg.rtp.rtcp.packets import (
    CNAME,
    Chunk,
    Goodbye,
    Packet,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    compound,
    parse,
)
from siptg.rtp.rtcp.schedule import Schedule
from siptg.rtp.rtcp.sender import Chance, Sender
from siptg.rtp.rtcp.sources import Sources
from siptg.rtp.stats import StreamStats

NTP_EPOCH = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970."""
MOST_REMEMBERED = 8
"""Sender reports of ours that an answer may still refer to."""
MOST_A_SECOND = 50
"""Datagrams that are read; a flood costs a counter."""


def short_cname(chance: Chance) -> str:
    """A name for one call, that tells nothing of who we are (RFC 7022 §4.2: 96 bits)."""
    return base64.b64encode(chance.getrandbits(96).to_bytes(12, "big")).decode()


@attrs.define(eq=False)
class Reports:
    """Afterwards send what `tick` and `bye` give, and wake at `deadline`. Nothing here raises.

    Chance, the moment of joining, and the wall clock's seconds since 1970 are arguments.
    """

    sources: Sources
    _chance: Chance
    schedule: Schedule
    cname: str = ""
    """Ours, up to 255 bytes; drawn where none is given."""
    far: Far = attrs.field(factory=Far, init=False)
    their_cname: str | None = attrs.field(default=None, init=False)
    farewell: str | None = attrs.field(default=None, init=False)
    """The reason of their BYE, maybe empty; None while they are there. It does not end a call."""
    sent: int = attrs.field(default=0, init=False)
    """RTCP datagrams, as are the next three."""
    received: int = attrs.field(default=0, init=False)
    garbage: int = attrs.field(default=0, init=False)
    ignored: int = attrs.field(default=0, init=False)
    """Of a flood."""
    _packets_then: tuple[int, int] = attrs.field(default=(0, 0), init=False)
    """Packets we had sent at the last report but one, and at the last."""
    _clock: tuple[float, float] | None = attrs.field(default=None, init=False)
    """Our time and the wall's at the last tick."""
    _asked: dict[int, float] = attrs.field(factory=dict, init=False)
    """The middle of the NTP times of our last sender reports, and when they went."""
    _their_sr: tuple[int, int, float] = attrs.field(default=(-1, 0, 0.0), init=False)
    """SSRC, middle of the NTP time and arrival of their last sender report."""
    _second: tuple[float, int] = attrs.field(default=(0.0, 0), init=False)

    def __attrs_post_init__(self) -> None:
        self.cname = self.cname or short_cname(self._chance)
        bytes(self._name(0))  # ValueError now rather than with each report

    @classmethod
    def join(
        cls,
        chance: Chance,
        now: float,
        *,
        send_rate: int = 8000,
        hear_rate: int = 8000,
        cname: str = "",
        bandwidth: float = 64_000.0,
        rtcp_bandwidth: float | None = None,
        reduced: bool = False,
    ) -> Self:
        """With all that it stands on: `sources`, and `sources.sender`. Rates are of RTP clocks."""
        sender = Sender(send_rate, chance.getrandbits(32))
        schedule = Schedule(chance, now, bandwidth, rtcp_bandwidth, reduced)
        return cls(Sources(sender, hear_rate, chance), chance, schedule, cname)

    def deadline(self) -> float:
        """When `tick` has something to do; infinity: never again."""
        due = self.schedule.due
        return 0.0 if self.sources.sender.retired is not None and due < math.inf else due

    def tick(self, now: float, wallclock: float) -> bytes:
        """A datagram where it is time for one. Ask `deadline` again: there may be a second one."""
        sender = self.sources.sender
        if now < self.deadline():
            return b""
        self._clock = now, wallclock
        if sender.retired is not None:
            return self._retire()
        current = self.sources.current
        if current is not None and current.is_news():
            self.schedule.heard(current.ssrc, current.heard, sends=True)
        we_sent = sender.packets > self._packets_then[0]
        if not self.schedule.expired(now, we_sent):
            return b""
        data = self._sendable(self._report(now, we_sent))
        self._packets_then = self._packets_then[1], sender.packets
        self.schedule.sent(len(data), now, we_sent)
        return data

    def bye(self, now: float, wallclock: float | None = None, reason: str = "") -> bytes:
        """The last datagram, with our last figures; nothing where we never said a word (§6.3.7),
        or have said it.

        Without `wallclock` it is reckoned from the last tick.
        """
        sender = self.sources.sender
        if self.schedule.due == math.inf:
            return b""
        self.schedule.stop()
        if not (self.sent or sender.packets or sender.retired is not None):
            return b""
        if wallclock is not None:
            self._clock = now, wallclock
        said: list[Packet] = []
        if sender.retired is not None:
            said.append(Goodbye((sender.retired,)))
            sender.retired = None
        we_sent = self._clock is not None and sender.packets > self._packets_then[0]
        reason = reason.encode()[:255].decode(errors="ignore")
        return self._sendable([*self._report(now, we_sent), *said, Goodbye((sender.ssrc,), reason)])

    def receive(self, data: bytes, now: float) -> None:
        """A datagram came. What is not RTCP is counted and changes nothing."""
        begun, count = self._second
        self._second = (begun, count + 1) if now - begun < 1.0 else (now, 1)
        if self._second[1] > MOST_A_SECOND:
            self.ignored += 1
            return
        try:
            packets = parse(data)
        except ValueError:
            self.garbage += 1
            return
        self.received += 1
        self.schedule.received(len(data))
        ours = self.sources.sender.ssrc  # the first packet may change it, the others are as old
        for packet in packets:
            if isinstance(packet, SenderReport | ReceiverReport):
                self._hear_report(packet, ours, now)
            elif isinstance(packet, SourceDescription):
                self._hear_names(packet, ours, now)
            elif isinstance(packet, Goodbye):
                self._hear_goodbye(packet, ours, now)

    def count(self, stats: StreamStats) -> None:
        """Write into it what is known now; when somebody asks, not for every packet."""
        sources, far = self.sources, self.far
        totals = sources.totals()
        stats.expected, stats.lost, stats.runs, stats.duplicates, stats.reordered = totals
        stats.strays, stats.changes = sources.strays, sources.changes
        stats.collisions, stats.rtcp_garbage = sources.collisions, self.garbage
        current = sources.current
        stats.jitter = current.jitter_seconds if current is not None else 0.0
        stats.round_trip = far.round_trip
        stats.far_expected, stats.far_lost = far.expected, far.lost
        stats.far_reports = far.reports
        if far.block is not None:
            stats.far_jitter = far.block.jitter / sources.sender.clock_rate

    # what we say

    def _sendable(self, packets: list[Packet]) -> bytes:
        self.sent += 1
        return compound(packets)

    def _report(self, now: float, we_sent: bool) -> list[Packet]:
        """SR or RR, and the description that each compound must hold (§6.1)."""
        sender, blocks = self.sources.sender, self._blocks(now)
        report: Packet
        if we_sent and self._clock is not None:
            then, wallclock = self._clock
            ntp = _ntp(wallclock + now - then)
            middle = ntp >> 16 & 0xFFFFFFFF
            self._asked[middle] = now
            if len(self._asked) > MOST_REMEMBERED:
                del self._asked[next(iter(self._asked))]
            report = SenderReport(
                sender.ssrc,
                ntp,
                sender.timestamp(now),
                sender.packets & 0xFFFFFFFF,
                sender.octets & 0xFFFFFFFF,
                blocks,
            )
        else:
            report = ReceiverReport(sender.ssrc, blocks)
        return [report, self._name(sender.ssrc)]

    def _blocks(self, now: float) -> tuple[ReportBlock, ...]:
        """Of the source heard, where it was heard since the last report (§6.4.1)."""
        current = self.sources.current
        if current is None or not current.is_news():
            return ()
        ssrc, middle, arrived = self._their_sr
        if ssrc != current.ssrc:
            return (current.report(),)
        return (current.report(middle, now - arrived),)

    def _name(self, ssrc: int) -> SourceDescription:
        return SourceDescription((Chunk(ssrc, ((CNAME, self.cname),)),))

    def _retire(self) -> bytes:
        """The farewell of an SSRC that another had as well (§8.2)."""
        sender = self.sources.sender
        ssrc, sender.retired = sender.retired, None
        assert ssrc is not None
        self._packets_then = 0, 0
        return self._sendable([ReceiverReport(ssrc), self._name(ssrc), Goodbye((ssrc,))])

    # what we hear

    def _hear_report(self, report: SenderReport | ReceiverReport, ours: int, now: float) -> None:
        if report.ssrc == ours:
            self.sources.conflict(now)
            return
        self.farewell = None
        self.schedule.heard(report.ssrc, now, sends=isinstance(report, SenderReport))
        if isinstance(report, SenderReport):
            self._their_sr = report.ssrc, report.ntp >> 16 & 0xFFFFFFFF, now
        for block in report.blocks:
            if block.ssrc == ours:
                self.far.told(block, now, self.sources.sender.packets)
                self._measure(block, now)

    def _measure(self, block: ReportBlock, now: float) -> None:
        """The round trip, by our own notes rather than by the wall clock: that one may be set."""
        asked = self._asked.get(block.last_sr)
        if asked is not None:
            took = now - asked - block.delay / 65536
            if took > -0.01:  # their clock is coarse, or not quite ours
                self.far.round_trip = max(0.0, took)

    def _hear_names(self, packet: SourceDescription, ours: int, now: float) -> None:
        current = self.sources.current
        for chunk in packet.chunks:
            if chunk.ssrc == ours:
                continue
            self.schedule.heard(chunk.ssrc, now)
            if chunk.cname and (current is None or chunk.ssrc == current.ssrc):
                self.their_cname = chunk.cname

    def _hear_goodbye(self, packet: Goodbye, ours: int, now: float) -> None:
        current = self.sources.current
        for ssrc in packet.ssrcs:
            if ssrc == ours:
                continue
            self.schedule.left(ssrc, now)
            self.sources.left(ssrc)
            if current is None or ssrc == current.ssrc:
                self.farewell = packet.reason


def _ntp(wallclock: float) -> int:
    """64 bits; they go round in 2036, and so does this."""
    seconds = int(wallclock)
    fraction = int((wallclock - seconds) * 2**32)
    return ((seconds + NTP_EPOCH) << 32 | fraction) & 0xFFFFFFFFFFFFFFFF
