"""Alice and whoever answers at B, as two stacks on a simulated wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from siptg.sip.account import SipAccount
from siptg.sip.auth import Digest
from siptg.sip.ids import Ids
from siptg.sip.stack import Stack
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.invite import InviteSession
from siptg.sip.usages.registrar import Registrar
from tests.support.wire import PaperMedia, Wire, losing

A, B = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
ALICE = SipAccount(Uri.parse("sip:alice@192.0.2.2"), "secret")
GUARDED = {"alice": "secret"}


class Ends:
    """Alice at A, whoever answers at B."""

    def __init__(
        self,
        *,
        lost: Iterator[bool] | None = None,
        guard: bool = False,
        doubled: bool = False,
        quirks: frozenset[str] = frozenset(),
    ) -> None:
        self.wire = Wire(lost=lost or losing(), doubled=doubled)
        digest = Digest("b", GUARDED.get, Ids(5)) if guard else None
        self.a = self.wire.join(A, Stack(ids=Ids(1)))
        self.b = self.wire.join(
            B, Stack(ids=Ids(2), guard=digest, registrar=Registrar(), quirks=quirks)
        )
        self.media_a, self.media_b = PaperMedia(), PaperMedia()
        self.seen: dict[Stack, list[Any]] = {self.a: [], self.b: []}
        self.incoming: list[InviteSession] = []

    def call(
        self, account: SipAccount = ALICE, more: Iterable[tuple[str, str]] = ()
    ) -> InviteSession:
        to = NameAddr(Uri.parse("sip:bob@192.0.2.2"))
        flow, now = self.wire.flow(A, B), self.wire.now
        return self.a.invite(to, self.media_a, account, flow, now, more=more)

    def run(self, seconds: float) -> None:
        """In steps, so that what happened is seen when it happened."""
        until = self.wire.now + seconds
        while self.wire.now < until:
            self.wire.run(min(until, self.wire.now + 0.05))
            for stack in (self.a, self.b):
                for session, event in stack.events():
                    if event is None:
                        session.media = self.media_b
                        self.incoming.append(session)
                    else:
                        self.seen[stack].append(event)
        self.wire.flush()

    @property
    def said(self) -> list[str]:
        return [what for _, what in self.wire.transcript]

    @property
    def bob(self) -> InviteSession:
        return self.incoming[0]

    def is_empty(self) -> bool:
        self.run(100)
        return all(
            not stack.sessions and not len(stack.transactions) and stack.deadline() is None
            for stack in (self.a, self.b)
        )


def answered(**options: Any) -> tuple[Ends, InviteSession]:
    ends = Ends(**options)
    session = ends.call()
    ends.run(0.5)
    ends.bob.ring(ends.wire.now)
    ends.run(0.5)
    ends.bob.answer(ends.wire.now)
    ends.run(0.5)
    return ends, session
