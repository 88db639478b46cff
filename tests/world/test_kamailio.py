"""Two of our phones behind Kamailio: digest, record-routing, UDP, TCP and TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from siptg.phone import CallFailed, Phone
from siptg.rtp.sounds.goertzel import Ear
from siptg.sip.registration import RegistrationFailed
from tests.world.kamailio import Kamailio

pytestmark = pytest.mark.world


def phone(proxy: Kamailio, user: str, transport: str) -> Phone:
    address = proxy.uri(user, transport)
    return Phone(address, password=proxy.password(user), tls=proxy.tls)


@pytest.mark.rfc(3261, "16.12")
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_two_phones_register_and_talk_through_the_proxy(
    transport: str, tmp_path: Path
) -> None:
    async with (
        Kamailio(folder=tmp_path) as proxy,
        phone(proxy, "alice", transport) as alice,
        phone(proxy, "bob", transport) as bob,
    ):
        await asyncio.gather(alice.ready(), bob.ready())
        outgoing = await alice.dial("bob")
        incoming = await asyncio.wait_for(anext(bob.incoming()), 5)
        assert incoming.caller.uri.user == "alice"
        await incoming.ring()
        await outgoing.ringing()
        theirs, ours = await incoming.answer(), await outgoing.answered()
        ear = Ear(8000, 0.3)
        theirs.listen(ear.write)
        await ours.play("tone:440/600")
        assert ear.hz() == pytest.approx(440, abs=4)
        assert outgoing.id == incoming.id
        await theirs.hold()
        await asyncio.sleep(0.3)
        await theirs.hangup()
        ended = await asyncio.wait_for(ours.ended(), 3)
        assert (ended.status, ended.by_remote) == (200, True)


@pytest.mark.rfc(3261, "22.3")
async def test_wrong_passwords_and_absent_users_are_told_as_such(tmp_path: Path) -> None:
    async with Kamailio(folder=tmp_path) as proxy:
        async with Phone(proxy.uri("alice", "udp"), password="wrong") as stranger:
            with pytest.raises(RegistrationFailed, match="401"):
                await stranger.ready()
        async with phone(proxy, "alice", "udp") as alice:
            await alice.ready()
            with pytest.raises(CallFailed, match="404"):
                await (await alice.dial("bob")).answered()


@pytest.mark.rfc(3261, "9.1")
async def test_a_cancel_goes_through_the_proxy(tmp_path: Path) -> None:
    async with (
        Kamailio(folder=tmp_path) as proxy,
        phone(proxy, "alice", "udp") as alice,
        phone(proxy, "bob", "udp") as bob,
    ):
        await asyncio.gather(alice.ready(), bob.ready())
        outgoing = await alice.dial("bob")
        incoming = await asyncio.wait_for(anext(bob.incoming()), 5)
        await incoming.ring()
        await outgoing.ringing()
        await outgoing.cancel()
        assert (await asyncio.wait_for(incoming.ended(), 3)).status == 487
        assert (await asyncio.wait_for(outgoing.ended(), 3)).status == 487


@pytest.mark.rfc(5626, "4.5")
async def test_a_connection_that_is_lost_is_made_again_and_registered(tmp_path: Path) -> None:
    async with Kamailio(folder=tmp_path) as proxy, phone(proxy, "alice", "tcp") as alice:
        await alice.ready()
        registration = alice.registration
        assert registration is not None
        changes = registration.changes()
        first = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        await proxy.end()
        assert (await asyncio.wait_for(first, 5)).value == "unreachable"
        async with Kamailio(folder=tmp_path, port=proxy.port):
            assert (await asyncio.wait_for(anext(changes), 20)).value == "ready"
