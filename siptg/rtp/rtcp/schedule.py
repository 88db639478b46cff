"""When the next RTCP packet is due (RFC 3550 §6.2, §6.3, §A.7)."""

from __future__ import annotations

import math

import attrs

from siptg.rtp.rtcp.sender import Chance

FIXED_MINIMUM = 5.0
"""Seconds (§6.2)."""
COMPENSATION = math.e - 1.5
"""Timer reconsideration makes intervals shorter than meant; this evens it out (§6.3.1)."""
SHARE = 0.05
"""RTCP's part of the session's bandwidth (§6.2)."""
SENDERS_SHARE = 0.25
"""Of it the part that senders have, as long as they are no more than that part of the members."""
UDP_AND_IP = 28
"""Bytes that count as well (§6.2)."""
FIRST_SIZE = 128.0
"""Our guess of the average, before anything was sent."""
MOST_MEMBERS = 16
"""A session of two; whoever claims to be more of them pushes out the one heard longest ago."""
MEMBER_LASTS, SENDER_LASTS = 5, 2
"""Intervals without a word (§6.3.5)."""


@attrs.define(eq=False)
class Schedule:
    """The timer. `expired` and then `sent`; `heard` and `left` keep the books of who is here."""

    _chance: Chance
    _last: float
    """When a report was sent last; at first, when we joined. RFC: tp."""
    bandwidth: float = 64_000.0
    """Of the session, bits a second (SDP's b=AS)."""
    rtcp_bandwidth: float | None = None
    """Bits a second of RTCP alone (RFC 3556 b=RS and b=RR together); 0 turns it off."""
    reduced: bool = False
    """The least is 360 divided by the kbit/s of the session where that is below five (§6.2)."""
    due: float = attrs.field(init=False)
    """RFC: tn. Infinity: never."""
    average: float = attrs.field(default=FIRST_SIZE, init=False)
    _initial: bool = attrs.field(default=True, init=False)
    _members_then: int = attrs.field(default=1, init=False)
    """When the timer was set last. RFC: pmembers."""
    _members: dict[int, float] = attrs.field(factory=dict, init=False)
    """The others: when they were heard last, the longest ago first."""
    _senders: dict[int, float] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.due = self._last + self._draw(we_sent=False)

    @property
    def members(self) -> int:
        """We are one."""
        return 1 + len(self._members)

    def interval(self, we_sent: bool, *, minimum: float = FIXED_MINIMUM) -> float:
        """Td, before chance comes in (§6.3.1)."""
        bandwidth = self._octets_a_second()
        if bandwidth <= 0:
            return math.inf
        members, senders = self.members, len(self._senders) + we_sent
        if senders <= members * SENDERS_SHARE:
            if we_sent:
                bandwidth, members = bandwidth * SENDERS_SHARE, senders
            else:
                bandwidth, members = bandwidth * (1 - SENDERS_SHARE), members - senders
        return max(minimum, self.average * members / bandwidth)

    def expired(self, now: float, we_sent: bool) -> bool:
        """It is `due`: send now? By then the session may have grown, so the lot is drawn again and
        often names a later time (§6.3.6).
        """
        self._forget(now)
        due = self._last + self._draw(we_sent)
        if due > now:
            self.due = due
            return False
        return True

    def sent(self, size: int, now: float, we_sent: bool) -> None:
        """A report of so many bytes went out."""
        self._measure(size)
        self._last, self._initial = now, False
        self.due = now + self._draw(we_sent)

    def heard(self, ssrc: int, now: float, *, sends: bool = False) -> None:
        """A word of it came (§6.3.3)."""
        for book in (self._members, self._senders) if sends else (self._members,):
            book.pop(ssrc, None)
            if len(book) >= MOST_MEMBERS:
                del book[next(iter(book))]
            book[ssrc] = now

    def received(self, size: int) -> None:
        """RTCP of so many bytes came (§6.3.3)."""
        self._measure(size)

    def left(self, ssrc: int, now: float) -> None:
        """It said BYE: those who stay report a little sooner (§6.3.4)."""
        self._senders.pop(ssrc, None)
        self._members.pop(ssrc, None)
        # who came since the timer was set and leaves again has not made it longer
        if self.members < self._members_then:
            part = self.members / self._members_then
            self.due = now + part * (self.due - now)
            self._last = now - part * (now - self._last)
            self._members_then = self.members

    def stop(self) -> None:
        self.due = math.inf

    def _draw(self, we_sent: bool) -> float:
        minimum = FIXED_MINIMUM
        if self.reduced and self.bandwidth > 0:
            minimum = min(minimum, 360_000 / self.bandwidth)
        if self._initial:
            minimum /= 2
        self._members_then = self.members
        meant = self.interval(we_sent, minimum=minimum)
        return meant * (self._chance.random() + 0.5) / COMPENSATION

    def _octets_a_second(self) -> float:
        if self.rtcp_bandwidth is not None:
            return self.rtcp_bandwidth / 8
        return self.bandwidth * SHARE / 8

    def _measure(self, size: int) -> None:
        self.average += (size + UDP_AND_IP - self.average) / 16

    def _forget(self, now: float) -> None:
        """Who has been silent too long (§6.3.5)."""
        interval = self.interval(we_sent=False)
        for book, lasts in ((self._members, MEMBER_LASTS), (self._senders, SENDER_LASTS)):
            for ssrc in [ssrc for ssrc, at in book.items() if now - at > lasts * interval]:
                del book[ssrc]
