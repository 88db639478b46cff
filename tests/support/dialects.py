"""Two ends that talk in a dialect, for tests: what media does with a negotiation, on paper."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import attrs

from siptg.telegram.signalling.channels import ChannelNegotiation
from siptg.telegram.signalling.negotiation import (
    Agreed,
    Candidates,
    Fingerprint,
    Malformed,
    Muted,
    Negotiation,
    Restart,
    Setup,
)
from siptg.telegram.signalling.sdp import SdpNegotiation
from siptg.telegram.signalling.web import WebNegotiation

PRINT = bytes(range(32)).hex(":").upper()
LINE = "1 1 udp 2122260223 10.77.0.1 {port} typ host generation 0 ufrag {ufrag}"


def channels(*, caller: bool, ssrc: int) -> Negotiation:
    count = itertools.count(1 if caller else 1000)
    return ChannelNegotiation(
        caller=caller, ssrc=ssrc, new_id=lambda: str(next(count)), state_by_signalling=True
    )


def sdp(*, caller: bool, ssrc: int) -> Negotiation:
    return SdpNegotiation(caller=caller, ssrc=ssrc)


def web(*, caller: bool, ssrc: int) -> Negotiation:
    return WebNegotiation(caller=caller, ssrc=ssrc)


DIALECTS: tuple[Callable[..., Negotiation], ...] = (channels, sdp, web)


@attrs.define(eq=False)
class End:
    """One of the two; `out` is what it posted and nobody has carried yet."""

    caller: bool
    talks: Negotiation
    out: list[bytes] = attrs.field(factory=list)
    gathering: int = 0
    theirs: Setup | None = None
    lines: list[str] = attrs.field(factory=list)
    """Candidates of the other end, of all its gatherings."""
    agreed: Agreed | None = None
    muted: bool | None = None
    malformed: list[str] = attrs.field(factory=list)
    _asked: bool = False

    @classmethod
    def made(cls, dialect: Callable[..., Negotiation], *, caller: bool) -> End:
        return cls(caller, dialect(caller=caller, ssrc=1000 if caller else 2000))

    @property
    def ufrag(self) -> str:
        return f"{'caller' if self.caller else 'callee'}{self.gathering}"

    @property
    def own_lines(self) -> tuple[str, ...]:
        return tuple(LINE.format(port=port, ufrag=self.ufrag) for port in (4000, 4001))

    def introduce(self) -> None:
        """Begin, answer, or restart ICE."""
        self.gathering += 1
        prints = (Fingerprint("sha-256", self.talks.manners.setup, PRINT),)
        setup = Setup(self.ufrag, f"password-of-{self.ufrag}-is-long", prints)
        self.out += self.talks.introduce(setup, self.own_lines)

    def restart(self) -> None:
        assert self.talks.manners.restart is not Restart.NEVER
        self._asked = True
        self.introduce()

    def hear(self, text: bytes) -> None:
        outcome = self.talks.receive(text)
        self.out += outcome.replies
        for news in outcome.news:
            match news:
                case Setup():
                    self.theirs = news
                    if self._asked:
                        self._asked = False
                    elif not (self.caller and self.gathering == 1 and len(self._seen) == 0):
                        self.introduce()
                    self._seen.add(news.ufrag)
                case Candidates(lines):
                    self.lines += lines
                case Agreed():
                    self.agreed = news
                case Muted(muted):
                    self.muted = muted
                case Malformed(why):
                    self.malformed.append(why)

    _seen: set[str] = attrs.field(factory=set)


def pair(dialect: Callable[..., Negotiation]) -> tuple[End, End]:
    """The caller, which has begun, and the callee."""
    caller, callee = End.made(dialect, caller=True), End.made(dialect, caller=False)
    caller.introduce()
    return caller, callee


def carry(ends: Iterable[End]) -> None:
    """All that is under way, in order, until both are silent."""
    first, second = ends
    while first.out or second.out:
        for here, there in ((first, second), (second, first)):
            sent, here.out = here.out, []
            for text in sent:
                there.hear(text)


def joined(dialect: Callable[..., Negotiation]) -> tuple[End, End]:
    ends = pair(dialect)
    carry(ends)
    return ends
