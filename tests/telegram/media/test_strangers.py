"""What somebody can do who knows the address of an end and not the call's passwords: nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from aioice import stun
from aiortc import RTCCertificate
from OpenSSL import SSL

from siptg.telegram.media import ports
from siptg.telegram.media.ice import CallIce
from tests.support.engines import End, two_ends, until
from tests.support.paths import joined

LOOPBACK = ("127.0.0.1",)
SHOTS = 3
ALERT = b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28"
"""Of DTLS, fatal, and in the clear as all is before there are keys."""
NO_STUN = b"\x00\x01\x00\x00 begins as STUN does, and is none"


def hello() -> bytes:
    """What a handshake begins with, here under a certificate that nobody knows."""
    profiles = b"SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_tlsext_use_srtp(profiles)
    own = RTCCertificate.generateCertificate()
    context.use_certificate(own._cert)
    context.use_privatekey(own._key)
    client = SSL.Connection(context)
    client.set_connect_state()
    with contextlib.suppress(SSL.WantReadError):
        client.do_handshake()
    return client.bio_read(2048)


def port_of(ice: CallIce) -> tuple[str, int]:
    wire = ice._ports[0].wire
    assert wire is not None
    return wire.address


@contextlib.asynccontextmanager
async def before_they_shake_hands() -> AsyncIterator[tuple[End, End]]:
    """Both have a path. Nothing but checks leaves them until afterwards: then both come up."""
    held: list[tuple[CallIce, bytes]] = []
    async with two_ends(up=False) as ends:
        both = [end.media._path.connection for end in ends]
        for one in both:
            one.send_now = lambda data, one=one: held.append((one, data))  # type: ignore[misc,method-assign]
        await until(lambda: bool(held))  # the one that begins
        await until(lambda: all(end.media._dtls.state == "connecting" for end in ends))
        yield ends
        for one in both:
            del one.send_now
        for one, data in held:
            one.send_now(data)
        await asyncio.gather(*(end.waits("up") for end in ends))
        assert [end.told for end in ends] == [["up"], ["up"]]


@pytest.mark.parametrize("shot", [ALERT, hello()], ids=["an alert", "a handshake of its own"])
async def test_who_is_first_cannot_fail_the_handshake(shot: bytes) -> None:
    async with before_they_shake_hands() as ends:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for end in ends:
                path = end.media._path
                for _ in range(SHOTS):
                    stranger.sendto(shot, port_of(path.connection))
                await until(lambda path=path: path.media_at or path.connection.garbage >= SHOTS)  # type: ignore[misc]


@pytest.mark.parametrize(
    "said", [ALERT, NO_STUN, b"\x80 no sound"], ids=["DTLS", "almost STUN", "almost SRTP"]
)
async def test_what_a_stranger_says_is_counted_and_goes_no_further(said: bytes) -> None:
    ends = [CallIce(caller=n == 0, addresses=LOOPBACK, servers=(), p2p=True) for n in range(2)]
    async with joined(*ends):
        us = ends[0]
        garbage = us.garbage
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(said, port_of(us))
            await until(lambda: us.garbage == garbage + 1 or not us._queue.empty())
        assert us._queue.empty()


async def test_what_a_checked_address_sends_is_taken_however_early() -> None:
    """Her check was answered, so she may begin before we know who she is."""
    us = CallIce(caller=False, addresses=LOOPBACK, servers=(), p2p=True)
    await us.gather_candidates()
    check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    check.attributes["USERNAME"] = f"{us.local_username}:hers"
    check.attributes["PRIORITY"] = 1
    check.add_message_integrity(us.local_password.encode())
    false = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    false.attributes["USERNAME"] = f"{us.local_username}:hers"
    false.attributes["PRIORITY"] = 1
    false.add_message_integrity(b"a guess")
    port, she, stranger = us._ports[0], ("127.0.0.1", 4000), ("127.0.0.1", 4001)
    for message, source in ((check, she), (false, stranger)):
        port.take(bytes(message), source, 0.0)
        port.take(b"\x16 a handshake of " + str(source[1]).encode(), source, 0.0)
    assert us._queue.qsize() == 1 and us._queue.get_nowait() == (b"\x16 a handshake of 4000", 1)
    assert us.garbage == 1
    await us.close()


async def test_what_was_checked_at_one_port_is_not_checked_at_another() -> None:
    ends = [
        CallIce(caller=n == 0, addresses=("127.0.0.1", "127.0.0.2"), servers=(), p2p=True)
        for n in range(2)
    ]
    async with joined(*ends):
        pair = ends[0]._nominated[1]
        other = next(port for port in ends[0]._ports if port.protocol is not pair.protocol)
        other.proven.discard(pair.remote_addr)  # a check of hers may have come there as well
        garbage = ends[0].garbage
        other.take(b"\x16 elsewhere", pair.remote_addr, 0.0)
        assert ends[0].garbage == garbage + 1


async def test_a_flood_of_the_peer_before_the_handshake_is_bounded() -> None:
    ends = [CallIce(caller=n == 0, addresses=LOOPBACK, servers=(), p2p=True) for n in range(2)]
    async with joined(*ends):
        us, port = ends[0], ends[0]._ports[0]
        garbage = us.garbage
        for _ in range(1000):
            port.take(b"\x16 no handshake", port_of(ends[1]), 0.0)
        assert us._queue.qsize() == ports.MOST_QUEUED
        assert us.garbage - garbage == 1000 - ports.MOST_QUEUED
