"""DTLS-SRTP with aiortc at the other end, which is a WebRTC library of its own making."""

from __future__ import annotations

import asyncio

import attrs
import pytest
from aiortc.rtcdtlstransport import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
)

from siptg.rtp.keys.dtls import Dtls, State
from tests.rtp.dtls_network import certificate
from tests.rtp.srtp_ends import REPORT, rtp


@attrs.define(eq=False)
class Wire:
    """What aiortc takes for ICE; at the other end hangs our association."""

    dtls: Dtls
    role: str
    """Of ICE. Controlling: aiortc waits to be spoken to."""
    lost: list[bool] = attrs.Factory(list)
    """Of the datagrams of the handshake that aiortc sends, by their order."""
    ours_lost: list[bool] = attrs.Factory(list)
    media: list[bytes] = attrs.Factory(list)
    _to_them: asyncio.Queue[bytes] = attrs.Factory(asyncio.Queue)

    async def _recv(self) -> bytes:
        return await self._to_them.get()

    async def _send(self, data: bytes) -> None:
        if data[0] >= 128:
            self.media.append(data)
        elif not (self.lost and self.lost.pop(0)):
            self.dtls.receive(data, asyncio.get_running_loop().time())
            self.flush()

    def flush(self) -> None:
        for datagram in self.dtls.outgoing():
            if not (self.ours_lost and self.ours_lost.pop(0)):
                self._to_them.put_nowait(datagram)

    async def keep_time(self) -> None:
        while self.dtls.state is State.CONNECTING:
            await asyncio.sleep(0.02)
            self.dtls.tick(asyncio.get_running_loop().time())
            self.flush()


def joined(client: bool, mtu: int = 1200) -> tuple[Wire, RTCDtlsTransport]:
    theirs = RTCCertificate.generateCertificate()
    named = [(f.algorithm, f.value) for f in theirs.getFingerprints()]
    dtls = Dtls(certificate("ours"), named, client=client, mtu=mtu)
    wire = Wire(dtls, "controlling" if client else "controlled")
    return wire, RTCDtlsTransport(wire, [theirs])  # type: ignore[arg-type]


async def shake_hands(wire: Wire, peer: RTCDtlsTransport) -> None:
    wire.dtls.start(asyncio.get_running_loop().time())
    wire.flush()
    algorithm, value = certificate("ours").fingerprint
    named = [RTCDtlsFingerprint(algorithm=algorithm, value=value)]
    await asyncio.gather(peer.start(RTCDtlsParameters(fingerprints=named)), wire.keep_time())


async def talk(wire: Wire, peer: RTCDtlsTransport) -> None:
    assert wire.dtls.srtp is not None
    assert (wire.dtls.state, peer.state) == (State.UP, "connected")
    await peer._send_rtp(rtp(1))
    await peer._send_rtp(REPORT)
    voice, report = wire.media
    assert wire.dtls.srtp.unprotect(voice) == rtp(1)
    assert wire.dtls.srtp.unprotect_rtcp(report) == REPORT
    assert peer._rx_srtp.unprotect(wire.dtls.srtp.protect(rtp(2))) == rtp(2)
    assert peer._rx_srtp.unprotect_rtcp(wire.dtls.srtp.protect_rtcp(REPORT)) == REPORT


@pytest.mark.rfc(5764, "4.2")
@pytest.mark.parametrize("client", [True, False])
async def test_we_and_aiortc_come_to_the_same_keys_and_say_goodbye(client: bool) -> None:
    wire, peer = joined(client)
    await shake_hands(wire, peer)
    await talk(wire, peer)
    if client:
        await peer.stop()
        assert wire.dtls.state is State.CLOSED
    else:
        wire.dtls.close()
        wire.flush()
        async with asyncio.timeout(5):
            while peer.state != "closed":
                await asyncio.sleep(0)
    await peer.stop()


@pytest.mark.world
@pytest.mark.rfc(6347, "4.2.4")
@pytest.mark.parametrize(
    ("client", "theirs", "ours"),
    [
        pytest.param(True, [True], [], id="their flight"),
        pytest.param(False, [False, True], [], id="their second flight"),
        # of these the other end keeps the rest, and takes what is repeated for replays
        pytest.param(True, [], [False, True], id="a part of our second flight"),
        pytest.param(False, [], [False, True], id="a part of our flight"),
    ],
)
async def test_what_only_openssl_can_make_good_is_made_good_by_its_clock(
    client: bool, theirs: list[bool], ours: list[bool]
) -> None:
    wire, peer = joined(client, mtu=300)
    wire.lost, wire.ours_lost = theirs, ours
    await shake_hands(wire, peer)
    await talk(wire, peer)
    assert (wire.lost, wire.ours_lost) == ([], [])
    await peer.stop()
