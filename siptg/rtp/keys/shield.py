"""What keeps a stream from others: SRTP under the keys that offer and answer came to. Pure.

Under SDES the keys are in the descriptions; under DTLS they come of a handshake on the media path,
and until it is done nothing is sent and nothing believed.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from siptg.rtp.keys.certificate import Certificate
from siptg.rtp.keys.dtls import Dtls as Handshake
from siptg.rtp.keys.dtls import State
from siptg.rtp.keys.srtp import SrtpError, SrtpSession
from siptg.rtp.offer import Dtls, Plain, Sdes, Security, Setup


@attrs.define(eq=False)
class Shield:
    """`open` and `seal` packets; None from them: it was not good, or cannot go out yet."""

    certificate: Callable[[], Certificate]
    send: Callable[[bytes], None]
    """Datagrams of a handshake."""
    srtp: SrtpSession | None = None
    refused: int = 0
    """Packets that were not theirs, or came twice."""
    plain: bool = True
    """Packets go as they are."""
    failed: str = ""
    """Why there will be no keys, for people."""
    _security: Security = attrs.field(factory=Plain)
    _handshake: Handshake | None = None

    @property
    def ready(self) -> bool:
        return self.srtp is not None or self.plain

    @property
    def active(self) -> bool:
        """A handshake is under way, or was, that we began."""
        return self._handshake is not None and self._handshake.client

    @property
    def suite(self) -> str:
        """The RFC's name of it; empty where nothing is encrypted."""
        return self.srtp.suite.name if self.srtp is not None else ""

    def agree(self, security: Security, now: float) -> None:
        """Offer and answer came to that; what stays the same goes on as it is."""
        before, self._security = self._security, security
        self.plain = isinstance(security, Plain)
        match security:
            case Plain():
                self._handshake, self.srtp = None, None
            case Sdes():
                self._handshake = None
                if self.srtp is None or not isinstance(before, Sdes):
                    keys = security.suite, security.send_key, security.receive_key
                    self.srtp = SrtpSession(*keys)
                else:
                    self._rekey(security, before, now)
            case Dtls():
                again = not isinstance(before, Dtls) or before.association != security.association
                if again:
                    self._shake_hands(security, now)

    def _rekey(self, security: Sdes, before: Sdes, now: float) -> None:
        keys = security.suite, security.send_key, security.receive_key
        if keys != (before.suite, before.send_key, before.receive_key) and self.srtp is not None:
            self.srtp.rekey(*keys, now)

    def _shake_hands(self, security: Dtls, now: float) -> None:
        self.srtp, self.failed = None, ""
        self._handshake = Handshake(
            self.certificate(),
            security.fingerprints,
            client=security.setup is Setup.ACTIVE,
        )
        self._handshake.start(now)
        self._carry_on()

    # the handshake

    def receive_dtls(self, data: bytes, now: float) -> None:
        if self._handshake is not None:
            self._handshake.receive(data, now)
            self._carry_on()

    def deadline(self) -> float | None:
        waits = [
            at
            for machine in (self._handshake, self.srtp)
            if machine is not None and (at := machine.deadline()) is not None
        ]
        return min(waits, default=None)

    def tick(self, now: float) -> None:
        if self._handshake is not None:
            self._handshake.tick(now)
            self._carry_on()
        if self.srtp is not None:
            self.srtp.tick(now)

    def close(self) -> None:
        if self._handshake is not None:
            self._handshake.close()
            self._carry_on()

    def _carry_on(self) -> None:
        handshake = self._handshake
        if handshake is None:
            return
        for datagram in handshake.outgoing():
            self.send(datagram)
        if handshake.state is State.UP and self.srtp is None:
            self.srtp = handshake.srtp
        elif handshake.state is State.FAILED:
            self.failed = handshake.reason

    # packets

    def open(self, data: bytes) -> bytes | None:
        if self.srtp is None:
            return data if self.plain else None
        try:
            return self.srtp.unprotect(data)
        except SrtpError:
            self.refused += 1
            return None

    def open_rtcp(self, data: bytes) -> bytes | None:
        if self.srtp is None:
            return data if self.plain else None
        try:
            return self.srtp.unprotect_rtcp(data)
        except SrtpError:
            self.refused += 1
            return None

    def seal(self, data: bytes) -> bytes | None:
        if self.srtp is None:
            return data if self.plain else None
        try:
            return self.srtp.protect(data)
        except SrtpError:
            self.refused += 1
            return None

    def seal_rtcp(self, data: bytes) -> bytes | None:
        if self.srtp is None:
            return data if self.plain else None
        try:
            return self.srtp.protect_rtcp(data)
        except SrtpError:
            self.refused += 1
            return None
