"""Bad days on command: what a network and a server do to a client, for one account at a time."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from typing import TYPE_CHECKING

import attrs

from siptg.telegram.lab.accounts import LabAccount

if TYPE_CHECKING:
    from siptg.telegram.lab.link import Link, Refused
    from siptg.telegram.lab.server import Lab

MOST_HELD = 1000


@attrs.define(eq=False)
class Weather:
    """What happens to the packets of one account's clients."""

    delay: float = 0.0
    """Seconds, both answers and updates."""
    double: int = 0
    """Of the next packets so many go twice."""
    reorder: int = 0
    """So many packets are held, and then go in reverse."""
    acks: int = 0
    """So many of the clients' next acknowledgements get lost."""
    held: list[tuple[Link, bytes]] = attrs.field(factory=list)
    transport: deque[int] = attrs.field(factory=deque)
    """Transport errors (-404, -429) that the next packets of the client are answered by."""


@attrs.define(eq=False)
class Faults:
    lab: Lab
    of: dict[int, Weather] = attrs.field(factory=dict)
    """By account; nobody's day is bad who is not here."""
    refusals: dict[tuple[int, type], deque[Refused]] = attrs.field(factory=dict)
    """(account or 0 for anybody, query) → what the next such queries are answered by."""

    # the network

    def cut(
        self, account: LabAccount, *, after_in: int | None = None, after_out: int | None = None
    ) -> None:
        """Drop its connections, now or at the byte: so many more from the client, or to it."""
        for link in list(account.links):
            if after_in is None and after_out is None:
                link.wire.writer.transport.abort()
            link.wire.cut(after_in, after_out)

    def delay(self, account: LabAccount, seconds: float) -> None:
        """From now on; 0 for no more."""
        self._weather(account).delay = seconds

    def double(self, account: LabAccount, times: int = 1) -> None:
        self._weather(account).double += times

    def reorder(self, account: LabAccount, count: int = 2) -> None:
        """Hold the next packets to it, until there are so many; the newest goes first."""
        self._weather(account).reorder = count

    def lose_acks(self, account: LabAccount, times: int = 1) -> None:
        """The next acknowledgements (msgs_ack) of its clients get lost on their way."""
        self._weather(account).acks += times

    def transport_error(self, account: LabAccount, code: int, times: int = 1) -> None:
        """Answer its next packets by four bytes: 404 for an unknown key, 429 for too many."""
        self._weather(account).transport.extend([-abs(code)] * times)

    def clear(self, account: LabAccount) -> None:
        """Good weather again: what is held goes."""
        weather = self.of.pop(account.id, None)
        for link, payload in weather.held if weather else ():
            link.wire.write(payload)

    # the server

    def refuse(
        self, account: LabAccount | None, query: type, code: int, text: str, times: int = 1
    ) -> None:
        """Answer the next queries of that kind by an error; None for anybody."""
        from siptg.telegram.lab.link import Refused

        waiting = self.refusals.setdefault((account.id if account else 0, query), deque())
        waiting.extend(Refused(code, text) for _ in range(times))

    def flood(self, account: LabAccount, query: type, seconds: int, times: int = 1) -> None:
        self.refuse(account, query, 420, f"FLOOD_WAIT_{seconds}", times)

    def break_down(self, account: LabAccount, query: type, times: int = 1) -> None:
        """500: the server's own trouble; clients try again."""
        self.refuse(account, query, 500, "INTERNAL", times)

    def migrate(self, query: type, dc: int, account: LabAccount | None = None) -> None:
        """303: the number, or the user, is at home in another data centre."""
        kind = "PHONE" if account is None else "USER"
        self.refuse(account, query, 303, f"{kind}_MIGRATE_{dc}")

    def unregister(self, account: LabAccount) -> None:
        """Its keys are nobody's any more: AUTH_KEY_UNREGISTERED, on connections that stand too."""
        for entry in self.lab.keys.values():
            if entry.account is account:
                entry.account = None
        for link in list(account.links):
            link.detach()

    # for the server

    def refused(self, account: LabAccount | None, query: type) -> Refused | None:
        for whose in (account.id if account else 0, 0):
            waiting = self.refusals.get((whose, query))
            if waiting:
                return waiting.popleft()
        return None

    def transport_reply(self, account: LabAccount | None) -> bytes | None:
        weather = self.of.get(account.id) if account else None
        if weather is None or not weather.transport:
            return None
        return struct.pack("<i", weather.transport.popleft())

    def ack_lost(self, account: LabAccount | None) -> bool:
        weather = self.of.get(account.id) if account else None
        if weather is None or not weather.acks:
            return False
        weather.acks -= 1
        return True

    def deliver(self, link: Link, payload: bytes) -> None:
        """A packet to a client, as the weather is."""
        weather = self.of.get(link.account.id) if link.account else None
        if weather is None:
            link.wire.write(payload)
            return
        if weather.reorder:
            weather.held.append((link, payload))
            if len(weather.held) < min(weather.reorder, MOST_HELD):
                return
            weather.reorder = 0
            held, weather.held = weather.held[::-1], []
        else:
            held = [(link, payload)]
        for one, packet in held:
            times = 2 if weather.double else 1
            weather.double = max(0, weather.double - 1)
            for _ in range(times):
                if weather.delay:
                    loop = asyncio.get_running_loop()
                    loop.call_later(weather.delay, one.wire.write, packet)
                else:
                    one.wire.write(packet)

    def _weather(self, account: LabAccount) -> Weather:
        return self.of.setdefault(account.id, Weather())
