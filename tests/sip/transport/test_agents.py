"""Calls between two agents over real sockets of each transport and address family."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from siptg.sip.agent import Session, UserAgent
from siptg.sip.events import Answered, Ended, Renegotiated
from siptg.sip.transport.stream import StreamLimits
from siptg.sip.transport.tls import TlsSettings
from tests.support.agents import agent, certificates, uri_of
from tests.support.wire import PaperMedia

WAYS = [
    pytest.param("UDP", marks=pytest.mark.rfc(3261, "18")),
    pytest.param("TCP", marks=pytest.mark.rfc(3261, "18")),
    pytest.param("TLS", marks=pytest.mark.rfc(3261, "26.3.1")),
    pytest.param("WS", marks=pytest.mark.rfc(7118, "5")),
    pytest.param("WSS", marks=pytest.mark.rfc(7118, "5")),
]


def _has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


HOSTS = ["127.0.0.1", *(["::1"] if _has_ipv6() else [])]


async def answer_all(served: UserAgent) -> None:
    async for session in served.sessions():
        session.set_media(PaperMedia())
        session.ring()
        session.answer()


async def until(session: Session, kind: type) -> object:
    async with asyncio.timeout(10):
        async for event in session.events():
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind}")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("transport", WAYS)
async def test_a_call_is_made_changed_and_ended(transport: str, host: str, tmp_path: Path) -> None:
    tls = certificates(tmp_path, host)
    async with agent(transport, host, tls) as bob, agent(transport, host, tls) as alice:
        serving = asyncio.create_task(answer_all(bob))
        session = alice.invite(uri_of("bob", bob.address, transport), PaperMedia())
        await until(session, Answered)
        session.reoffer()
        await until(session, Renegotiated)
        session.hangup()
        assert await until(session, Ended) == Ended(200, "OK", by_remote=False)
        assert f"SIP/2.0/{transport} " in str(session.request.headers.get("Via"))
        serving.cancel()


@pytest.mark.parametrize("transport", ["TCP", "TLS", "WS"])
@pytest.mark.rfc(5923, "1")
async def test_the_one_who_was_called_uses_the_callers_connection(
    transport: str, tmp_path: Path
) -> None:
    tls = certificates(tmp_path, "127.0.0.1")
    async with agent(transport, tls=tls) as bob, agent(transport, tls=tls) as alice:
        session = alice.invite(uri_of("bob", bob.address, transport), PaperMedia())
        incoming = await anext(bob.sessions())
        incoming.set_media(PaperMedia())
        incoming.answer()
        await until(session, Answered)
        await until(incoming, Answered)
        incoming.hangup()
        assert await until(incoming, Ended) == Ended(200, "OK", by_remote=False)
        made = {name for name in bob.counters if name.endswith("not_connected")}
        assert made == set() and connections(bob) == connections(alice) == 1


def connections(user_agent: UserAgent) -> int:
    bundle = user_agent._bundle
    assert bundle is not None
    return sum(len(getattr(carrier, "_all", ())) for carrier in bundle._carriers.values())


@pytest.mark.rfc(3261, "26.3.1")
@pytest.mark.parametrize(
    ("names", "trusting", "why"),
    [(("127.0.0.1",), False, "self-signed"), (("other.example",), True, "not valid for")],
)
async def test_a_server_that_cannot_prove_its_name_is_not_called(
    names: tuple[str, ...], trusting: bool, why: str, tmp_path: Path
) -> None:
    tls = certificates(tmp_path, *names)
    ours = TlsSettings(authorities=tls.authorities if trusting else None)
    async with agent("TLS", tls=tls) as bob, agent("TLS", tls=ours) as alice:
        session = alice.invite(uri_of("bob", bob.address, "TLS"), PaperMedia())
        ended = await until(session, Ended)
        assert isinstance(ended, Ended) and ended.status == 503
        assert "is not accepted" in ended.reason and why in ended.reason
        unchecked = TlsSettings(verify=False)
    async with agent("TLS", tls=tls) as bob, agent("TLS", tls=unchecked) as alice:
        serving = asyncio.create_task(answer_all(bob))
        await until(alice.invite(uri_of("bob", bob.address, "TLS"), PaperMedia()), Answered)
        serving.cancel()


async def test_without_a_listener_calls_can_be_made_all_the_same(tmp_path: Path) -> None:
    tls = certificates(tmp_path, "localhost")
    ours = TlsSettings(authorities=tls.authorities)
    async with agent("TLS", tls=tls) as bob, agent("TLS", tls=ours) as alice:
        session = alice.invite(uri_of("bob", bob.address, "TLS", "localhost"), PaperMedia())
        incoming = await anext(bob.sessions())
        incoming.set_media(PaperMedia())
        incoming.answer()
        await until(incoming, Answered)
        incoming.reoffer()
        await until(incoming, Renegotiated)
        session.hangup()
        await until(incoming, Ended)


class Bulky(PaperMedia):
    """Media with much to say."""

    def offer(self) -> bytes:
        return super().offer() + b"a=x:" + b"y" * 1500 + b"\r\n"


@pytest.mark.rfc(3261, "18.1.1")
@pytest.mark.parametrize("takes", [True, False])
async def test_a_request_too_large_for_a_datagram_goes_over_tcp_where_that_is_taken(
    takes: bool,
) -> None:
    seen: list[str] = []
    ways = ("UDP", "TCP") if takes else ("UDP",)
    bob = UserAgent(("127.0.0.1", 0), transports=ways)
    alice = UserAgent(("127.0.0.1", 0))
    async with bob, alice:
        bob.trace = lambda sign, now, peer, data: seen.append(f"{sign}{data[:6].decode()}")
        serving = asyncio.create_task(answer_all(bob))
        target = uri_of("bob", bob.address, "UDP")
        for _ in range(2):
            session = alice.invite(target, Bulky())
            await until(session, Answered)
            way = "TCP" if takes else "UDP"
            assert str(session.request.headers.get("Via")).startswith(f"SIP/2.0/{way} ")
            session.hangup()
            await until(session, Ended)
        assert seen.count("<INVITE") == 2
        assert alice.counters["no_tcp"] == (0 if takes else 1)
        serving.cancel()


async def talk(bob: UserAgent, *said: bytes, pause: float = 0.0) -> bytes:
    """What a raw connection hears until it is closed, or for a second."""
    reader, writer = await asyncio.open_connection(*bob.address)
    heard = b""
    try:
        for part in said:
            writer.write(part)
            await asyncio.sleep(pause)
        async with asyncio.timeout(1.0):
            while some := await reader.read(4096):
                heard += some
            heard += b"<closed>"
    except TimeoutError:
        pass
    except ConnectionError:
        heard += b"<closed>"
    writer.close()
    return heard


OPTIONS = (
    b"OPTIONS sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK%d\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:bob@127.0.0.1>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@pytest.mark.rfc(3261, "18.3")
async def test_messages_come_out_of_any_cut_of_the_stream() -> None:
    stream = b"".join(OPTIONS % (n, n) for n in range(5))
    async with agent("TCP") as bob:
        heard = await talk(bob, *(stream[n : n + 97] for n in range(0, len(stream), 97)))
        assert heard.count(b"SIP/2.0 200 OK") == 5


@pytest.mark.rfc(5626, "4.4.1")
async def test_a_ping_is_answered_with_a_pong() -> None:
    async with agent("TCP") as bob:
        assert await talk(bob, b"\r\n\r\n") == b"\r\n"


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01" + b"\x00" * 300,
        OPTIONS.replace(b"Content-Length: 0", b"Content-Length: x") % (1, 1),
        OPTIONS.replace(b"Content-Length: 0\r\n", b"") % (1, 1),
        b"x" * 40_000,
    ],
)
async def test_a_stream_that_cannot_be_followed_is_closed(said: bytes) -> None:
    async with agent("TCP") as bob:
        assert (await talk(bob, said)).endswith(b"<closed>")
        assert bob.counters["tcp_garbage"] == 1
        assert b"200 OK" in await talk(bob, OPTIONS % (1, 1))


async def test_who_is_slow_or_says_nothing_is_cut_off() -> None:
    limits = StreamLimits(first_message=0.2, message=0.2, idle=0.3)
    async with agent("TCP", streams=limits) as bob:
        silent = talk(bob)
        slow = talk(bob, OPTIONS % (1, 1), *[b"O"] * 3, pause=0.15)
        idle = talk(bob, OPTIONS % (2, 2))
        heard = await asyncio.gather(silent, slow, idle)
        assert [some[-8:] for some in heard] == [b"<closed>"] * 3
        assert bob.counters["tcp_half_open"] == 1 and connections(bob) == 0


async def test_one_source_has_only_so_many_connections() -> None:
    async with agent("TCP", streams=StreamLimits(per_source=3)) as bob:
        open_ones = [await asyncio.open_connection(*bob.address) for _ in range(3)]
        assert await talk(bob, OPTIONS % (1, 1)) == b"<closed>"
        for _, writer in open_ones:
            writer.close()
        await asyncio.sleep(0.1)
        assert b"200 OK" in await talk(bob, OPTIONS % (2, 2))


async def test_a_call_ends_where_its_connection_is_lost_and_cannot_be_made_again() -> None:
    async with agent("TCP") as alice:
        async with agent("TCP") as bob:
            serving = asyncio.create_task(answer_all(bob))
            session = alice.invite(uri_of("bob", bob.address, "TCP"), PaperMedia())
            await until(session, Answered)
            for held in list(bob._sessions.values()):
                bob._sessions.clear()
                assert held
            serving.cancel()
        session.hangup()
        ended = await until(session, Ended)
        assert isinstance(ended, Ended) and not ended.by_remote
        assert alice.stack.sessions == {}
