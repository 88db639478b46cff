"""Keeps the path to a registrar open through a NAT (RFC 5626 §3.5, §4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from siptg.machine import Symbol
from siptg.sip import stun
from siptg.sip.framing import PING

if TYPE_CHECKING:
    from siptg.sip.flow import Address
    from siptg.sip.usages.registration import RegistrationUsage

STUN_PATIENCE = 8.0


class _Timer(Symbol):
    PING = "keep-alive due"
    NO_ANSWER = "no STUN answer"


@attrs.define(eq=False)
class KeepAlive:
    """Of one registration over UDP; connections have their own. CRLF keeps a NAT open; STUN, as a
    quirk, also sees that the NAT has changed its mind.
    """

    usage: RegistrationUsage
    interval: float
    _asked: bytes = b""
    _seen: Address | None = None

    def start(self, now: float) -> None:
        if self.interval > 0 and not self.usage.flow.reliable:
            chance = self.usage.core.ids.random()
            wait = self.interval * (0.8 + 0.2 * chance)
            self.usage.core.timers.set(self, _Timer.PING, now + wait)

    def stop(self) -> None:
        self.usage.core.timers.cancel(self, *_Timer)
        self.usage.core.expect_stun(self._asked, None)

    def fire(self, timer: Symbol, now: float) -> None:
        core = self.usage.core
        if timer is _Timer.NO_ANSWER:
            core.expect_stun(self._asked, None)
            self.usage.flow_lost(now)
            return
        if "stun-keepalive" in self.usage.account.quirks:
            core.expect_stun(self._asked, None)
            self._asked = core.ids.secret()[:12]
            core.expect_stun(self._asked, self)
            core.send_again(stun.request(self._asked), self.usage.flow)
            core.timers.set(self, _Timer.NO_ANSWER, now + STUN_PATIENCE)
        else:
            core.send_again(PING, self.usage.flow)
        self.start(now)

    def told(self, address: Address, now: float) -> None:
        """What the other end sees of us; a change is a new path, to be registered."""
        self.usage.core.timers.cancel(self, _Timer.NO_ANSWER)
        before, self._seen = self._seen, address
        if before is not None and before != address:
            self.usage.flow_lost(now)
