"""The locator against a DNS server on loopback, and calls that go to the next server when one
does not answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import cast

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from siptg.sip.agent import UserAgent
from siptg.sip.events import Answered, Ended
from siptg.sip.locate.locator import Locator
from siptg.sip.timers import Times
from siptg.sip.uri import Uri
from tests.sip.transport.test_agents import answer_all, until
from tests.support.agents import agent
from tests.support.wire import PaperMedia

Zone = Mapping[tuple[str, str], list[str]]


class DnsServer(asyncio.DatagramProtocol):
    """Answers from a table."""

    def __init__(self, zone: Zone) -> None:
        self.zone, self.asked = zone, list[str]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        kind, name = dns.rdatatype.to_text(question.rdtype), question.name.to_text().rstrip(".")
        self.asked.append(f"{kind} {name}")
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        lines = self.zone.get((kind, name), [])
        if lines:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *lines))
        self.transport.sendto(answer.to_wire(), addr)


@contextlib.asynccontextmanager
async def dns_server(zone: Zone) -> AsyncIterator[tuple[DnsServer, Locator]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: DnsServer(zone), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    try:
        yield server, Locator(nameservers=["127.0.0.1"], port=port, chance=lambda: 0.5)
    finally:
        transport.close()


@pytest.mark.rfc(3263, "4.2")
async def test_naptr_srv_and_addresses_are_asked_for_once() -> None:
    zone = {
        ("NAPTR", "example.org"): ['10 10 "s" "SIP+D2T" "" _sip._tcp.example.org.'],
        ("SRV", "_sip._tcp.example.org"): [
            "0 1 5070 one.example.org.",
            "1 1 5071 two.example.org.",
        ],
        ("A", "one.example.org"): ["192.0.2.1"],
        ("A", "two.example.org"): ["192.0.2.2"],
    }
    async with dns_server(zone) as (server, locator):
        for _ in range(2):
            targets = await locator.locate(Uri.parse("sip:example.org"), ["UDP", "TCP"])
            assert [(t.transport, t.address, t.port) for t in targets] == [
                ("TCP", "192.0.2.1", 5070),
                ("TCP", "192.0.2.2", 5071),
            ]
        assert len(server.asked) == len(set(server.asked))
        locator.failed("TCP", ("192.0.2.1", 5070))
        targets = await locator.locate(Uri.parse("sip:example.org"), ["UDP", "TCP"])
        assert [t.address for t in targets] == ["192.0.2.2", "192.0.2.1"]


async def test_a_name_that_leads_nowhere_is_said_to() -> None:
    async with dns_server({}) as (_, locator):
        with pytest.raises(OSError, match=r"no address of nowhere\.example\.org"):
            await locator.locate(Uri.parse("sip:nowhere.example.org"), ["UDP"])


@pytest.mark.rfc(3263, "4.3")
@pytest.mark.parametrize("first", ["silent", "refuses", "503"])
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_call_goes_to_the_next_server_where_the_first_one_fails(
    first: str, transport: str
) -> None:
    times = Times(t1=0.01, t2=0.04)
    async with contextlib.AsyncExitStack() as stack:
        bad = await stack.enter_async_context(agent(transport, "127.0.0.2"))
        port = bad.address[1]
        if first == "refuses":
            await bad.close()
        elif first == "503":
            refusing = asyncio.create_task(refuse_all(bad))
            stack.callback(refusing.cancel)
        else:
            bad.stack.receive = lambda data, flow, now: None  # type: ignore[method-assign]
        good = UserAgent(("127.0.0.1", port), transports=(transport,))
        await stack.enter_async_context(good)
        serving = asyncio.create_task(answer_all(good))
        stack.callback(serving.cancel)
        zone = {
            ("SRV", f"_sip._{transport.lower()}.example.org"): [
                f"0 1 {port} bad.example.org.",
                f"1 1 {port} good.example.org.",
            ],
            ("A", "bad.example.org"): ["127.0.0.2"],
            ("A", "good.example.org"): ["127.0.0.1"],
        }
        _, locator = await stack.enter_async_context(dns_server(zone))
        alice = UserAgent(("127.0.0.1", 0), transports=(transport,), locator=locator, times=times)
        await stack.enter_async_context(alice)
        for _ in range(2):
            session = alice.invite(Uri.parse("sip:bob@example.org"), PaperMedia())
            await until(session, Answered)
            session.hangup()
            await until(session, Ended)
        failed = alice.counters["way_failed"] + alice.counters["tcp_not_connected"]
        assert failed == 1  # the second call knew better


async def refuse_all(served: UserAgent) -> None:
    async for session in served.sessions():
        session.reject(503)
