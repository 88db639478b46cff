"""The shell of a call: what a server that lies or has no protocol of ours brings about."""

from __future__ import annotations

import hashlib
import logging
import os
from datetime import UTC, datetime

import attrs
import pytest

from siptg.telegram.call import events
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.dh import Group, Secret
from siptg.telegram.lab.handshake import GENERATOR, PRIME
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from tests.support.two import until

OLGA = Person(2, 2, "Olga")
GROUP = Group(PRIME, GENERATOR, 1)


def secret() -> Secret:
    return Secret.draw(GROUP, os.urandom)


@attrs.define(eq=False)
class LyingTelegram:
    """A server in between, with a key of its own towards us; or one that chose no version of
    ours.
    """

    lies: bool = True
    versions: tuple[str, ...] = ("9.0.0",)
    own: Secret = attrs.field(factory=secret)
    discarded: list[str] = attrs.field(factory=list)
    call: TelegramCall = attrs.field(init=False)

    def ready(self, theirs: bytes) -> events.Ready:
        print_ = self.own.agree(theirs).fingerprint ^ self.lies
        return events.Ready(1, 1, self.own.public, print_, self.versions, (), (), True, "")

    async def request(self, person: Person, commitment: bytes) -> events.CallUpdate:
        return events.Accepted(1, 1, self.own.public)

    async def received(self, id: int, access_hash: int) -> None: ...

    async def accept(self, id: int, access_hash: int, g_b: bytes) -> events.CallUpdate:
        return self.ready(g_b)

    async def confirm(
        self, id: int, access_hash: int, g_a: bytes, fingerprint: int
    ) -> events.CallUpdate:
        return self.ready(g_a)

    async def discard(self, id: int, access_hash: int, reason: str, duration: float) -> bool:
        self.discarded.append(reason)
        return False

    async def rate(self, id: int, access_hash: int, stars: int, comment: str) -> None: ...

    async def signal(self, id: int, access_hash: int, data: bytes) -> bool:
        return True

    def ring_us(self) -> None:
        committed = hashlib.sha256(self.own.public).digest()
        now = datetime.now(UTC)
        self.call.update(events.Requested(1, 1, OLGA.id, committed, self.versions, now))


@pytest.mark.parametrize("outgoing", [True, False], ids=["we call", "she calls"])
async def test_a_wrong_fingerprint_ends_the_call_and_is_logged_as_an_attack(
    outgoing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server = LyingTelegram()
    call = server.call = TelegramCall(server, OLGA, secret, outgoing=outgoing)
    if outgoing:
        call.start()
    else:
        server.ring_us()
        await call.answer()
    ended = await until(call, events.Ended)
    assert ended.cause is TelegramCause.SECURITY and server.discarded == ["disconnect"]
    said = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(said) == 1 and "somebody may be in between" in said[0].getMessage()


async def test_a_version_that_we_do_not_speak_ends_the_call_in_words() -> None:
    server = LyingTelegram(lies=False, versions=("2.4.4",))
    call = server.call = TelegramCall(server, OLGA, secret, outgoing=True)
    call.start()
    ended = await until(call, events.Ended)
    assert ended.cause is TelegramCause.OLD_CLIENT and "2.4.4" in ended.detail


async def test_a_peer_without_a_version_in_common_is_told_with_both_lists() -> None:
    class Refusing(LyingTelegram):
        async def accept(self, id: int, access_hash: int, g_b: bytes) -> events.CallUpdate:
            raise TelegramRefused(TelegramCause.OLD_CLIENT, "CALL_PROTOCOL_COMPAT_LAYER_INVALID")

    server = Refusing(versions=("2.7.7", "5.0.0"))
    call = server.call = TelegramCall(server, OLGA, secret, outgoing=False)
    server.ring_us()
    await call.answer()
    ended = await until(call, events.Ended)
    assert ended.cause is TelegramCause.OLD_CLIENT
    assert "2.7.7" in ended.detail and "9.0.0" in ended.detail
