"""Two DTLS associations and a network between them that loses what a list says. Time by hand."""

from __future__ import annotations

import datetime
import heapq
import itertools
from collections.abc import Sequence
from functools import cache

import attrs

from siptg.rtp.keys.certificate import Certificate
from siptg.rtp.keys.dtls import PROFILES, Dtls, State, is_dtls
from siptg.rtp.keys.srtp import SrtpSession
from tests.rtp.srtp_ends import REPORT, rtp

TODAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DELAY = 0.03
ALL = tuple(PROFILES)


@cache
def certificate(name: str) -> Certificate:
    return Certificate.make(TODAY)


def pair(
    client: Sequence[str] = ALL, server: Sequence[str] = ALL, mtu: int = 1200
) -> tuple[Dtls, Dtls]:
    hers, his = certificate("hers"), certificate("his")
    return (
        Dtls(hers, [his.fingerprint], client=True, profiles=client, mtu=mtu),
        Dtls(his, [hers.fingerprint], client=False, profiles=server, mtu=mtu),
    )


@attrs.define(eq=False)
class Network:
    """Both ends, and which datagrams between them are lost: True, by their order of sending."""

    ends: tuple[Dtls, Dtls]
    lost: tuple[list[bool], list[bool]] = attrs.Factory(lambda: ([], []))
    now: float = 0.0
    sent: list[tuple[float, int, bytes]] = attrs.Factory(list)
    _flying: list[tuple[float, int, int, bytes]] = attrs.Factory(list)
    _count: itertools.count[int] = attrs.Factory(itertools.count)

    def start(self) -> None:
        for end in self.ends:
            end.start(self.now)

    def flush(self) -> None:
        for n, end in enumerate(self.ends):
            for datagram in end.outgoing():
                assert is_dtls(datagram) and len(datagram) <= end.mtu
                self.sent.append((round(self.now, 3), n, datagram))
                if not (self.lost[n] and self.lost[n].pop(0)):
                    flight = (self.now + DELAY, next(self._count), 1 - n, datagram)
                    heapq.heappush(self._flying, flight)

    def run(self, until: float = 60.0) -> None:
        self.flush()
        while True:
            due = [at for end in self.ends if (at := end.deadline()) is not None]
            if self._flying:
                due.append(self._flying[0][0])
            if not due or min(due) > until:
                return
            self.now = max(self.now, min(due))
            while self._flying and self._flying[0][0] <= self.now:
                _, _, to, datagram = heapq.heappop(self._flying)
                self.ends[to].receive(datagram, self.now)
            for end in self.ends:
                if (at := end.deadline()) is not None and at <= self.now:
                    end.tick(self.now)
            self.flush()


def connected(client: Sequence[str] = ALL, server: Sequence[str] = ALL) -> Network:
    network = Network(pair(client, server))
    network.start()
    network.run()
    assert [end.state for end in network.ends] == [State.UP, State.UP]
    return network


def talk(here: SrtpSession | None, there: SrtpSession | None) -> None:
    assert here is not None and there is not None
    for one, other in ((here, there), (there, here)):
        assert other.unprotect(one.protect(rtp(7))) == rtp(7)
        assert other.unprotect_rtcp(one.protect_rtcp(REPORT)) == REPORT
