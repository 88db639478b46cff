"""The way of packets on loopback: ports, RTCP, names, ICMP, and what is left after the end."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from siptg.rtp.offer import Policy
from siptg.rtp.path import open_pair
from siptg.rtp.rtcp.packets import Goodbye, ReceiverReport, SenderReport, parse
from siptg.rtp.stream import MediaStream
from tests.support.background import open_files
from tests.support.streams import LOOPBACK, Time, answer, ends, plain_socket, received, wants

NOWHERE = 9
"""The port of "discard"."""


def test_rtp_has_an_even_port_and_rtcp_the_one_above() -> None:
    for ports in (None, range(41_000, 41_010), range(41_001, 41_004)):
        rtp, rtcp = open_pair(LOOPBACK, ports)
        port = rtp.getsockname()[1]
        assert port % 2 == 0 and rtcp.getsockname()[1] == port + 1
        assert ports is None or (port in ports and port + 1 in ports)
        rtp.close()
        rtcp.close()


def test_a_range_that_is_used_up_or_has_no_pair_is_told() -> None:
    first = open_pair(LOOPBACK, range(41_020, 41_022))
    with pytest.raises(OSError, match="in use"):
        open_pair(LOOPBACK, range(41_020, 41_022))
    for one in first:
        one.close()
    for ports in (range(41_021, 41_022), range(41_020, 41_021), range(0)):
        with pytest.raises(OSError, match="no two ports in a row"):
            open_pair(LOOPBACK, ports)


def test_a_port_whose_neighbour_is_taken_is_let_go_of() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as neighbour:
        neighbour.bind((LOOPBACK, 41_031))
        before = open_files()
        with pytest.raises(OSError, match="in use"):
            open_pair(LOOPBACK, range(41_030, 41_032))
        assert open_files() == before
        rtp, rtcp = open_pair(LOOPBACK, range(41_030, 41_034))
        assert rtp.getsockname()[1] == 41_032
        rtp.close()
        rtcp.close()


@pytest.mark.rfc(5761, "5.1.1")
async def test_where_rtcp_shares_the_port_the_other_one_is_let_go_of(hours: Time) -> None:
    async with ends(hours) as pair:
        before = len(open_files())
        pair.agree()
        assert len(open_files()) == before - 2
        pair.talk(700)
        for one in (pair.a, pair.b):
            assert one.stats.far_reports >= 2 and one.stats.rtcp_garbage == 0


@pytest.mark.rfc(3550, "11")
async def test_else_it_goes_to_the_port_above_or_to_where_they_say(hours: Time) -> None:
    for lines in ((), (f"rtcp:{0}",)):
        with plain_socket() as rtp, plain_socket() as elsewhere:
            port = rtp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as above:
                above.bind((LOOPBACK, port + 1))
                above.setblocking(False)
                said = [f"rtcp:{elsewhere.getsockname()[1]}"] if lines else []
                async with ends(hours) as pair:
                    pair.a.offer()
                    pair.a.accept(answer(port, *said))
                    pair.talk(300, pair.a)
                    pair.a.close()
                    wanted, other = (elsewhere, above) if lines else (above, elsewhere)
                    reports = [parse(data) for data in received(wanted)]
                    assert received(other) == []
                    assert isinstance(reports[0][0], SenderReport)
                    assert isinstance(reports[-1][-1], Goodbye)
                    assert all(data[1] & 0x7F == 0 for data in received(rtp))


@pytest.mark.rfc(5506, "3.4.2")
@pytest.mark.parametrize("mux", [True, False])
async def test_the_shortest_report_is_one(hours: Time, mux: bool) -> None:
    """Eight bytes: somebody is there, and has heard nothing yet."""
    with plain_socket() as them:
        async with ends(hours, wants(rtcp_mux=mux)) as pair:
            pair.a.offer()
            pair.a.accept(answer(them.getsockname()[1], *(["rtcp-mux"] if mux else [])))
            to = (LOOPBACK, pair.a.address[1] + (not mux))
            them.sendto(bytes(ReceiverReport(77)), to)
            pair.talk(1)
            assert pair.a._session.reports.received == 1
            assert pair.a.stats.garbage == 0 and pair.a.heard == pytest.approx(hours.now, abs=0.1)


async def test_reports_of_other_hosts_are_not_read(hours: Time) -> None:
    with plain_socket("127.0.0.2") as stranger:
        async with ends(hours) as pair:
            pair.agree()
            stranger.sendto(bytes(ReceiverReport(77)), pair.a.address)
            pair.talk(5)
            assert pair.a._session.reports.received == 0 and pair.a.stats.elsewhere == 1


async def test_a_port_where_nobody_listens_any_more_is_counted(hours: Time) -> None:
    async with ends(hours) as pair:
        pair.agree()
        pair.talk(50)
        pair.b.close()
        pair.talk(50, pair.a)
        stats = pair.a.stats
        assert stats.unreachable >= 20 and stats.packets_sent == 100


async def test_a_name_is_asked_for_beside_and_then_it_sounds(hours: Time) -> None:
    async with ends(hours) as pair:
        said = pair.b.answer(pair.a.offer())
        pair.a.accept(said.replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 localhost"))
        assert pair.a._path.latch.target is None
        pair.talk(5, pair.a)
        assert pair.b.stats.packets_received == 0
        async with asyncio.timeout(5):
            while pair.a._path.latch.target is None:
                await asyncio.sleep(0.001)
        assert pair.a._path.latch.target == pair.b.address
        pair.talk(60)
        assert pair.tone_in(pair.b, 40).rest.max() < -25


async def test_a_name_that_is_said_again_is_not_asked_for_again(hours: Time) -> None:
    """A re-INVITE of one who has a name must not stop the sound."""
    named = (b"c=IN IP4 127.0.0.1", b"c=IN IP4 localhost")
    async with ends(hours) as pair:
        pair.a.accept(pair.b.answer(pair.a.offer()).replace(*named))
        async with asyncio.timeout(5):
            while pair.a._path.latch.target is None:
                await asyncio.sleep(0.001)
        pair.talk(40)
        pair.a.accept(pair.b.answer(pair.a.offer()).replace(*named))
        assert pair.a._path.latch.target == pair.b.address
        pair.talk(40)
        assert pair.tone_in(pair.b, 60).rest.max() < -25
        assert pair.a.stats.packets_sent == pair.b.stats.packets_received + 1 == 80


@pytest.mark.parametrize("name", ["nobody.invalid", "0.0.0.0"])
async def test_where_nobody_can_be_nothing_is_sent_and_no_name_asked_for(
    hours: Time, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 6337 and RFC 3264: no address yet, or a hold. A name given to a socket would be asked for
    by the system, and all calls would wait for that.
    """
    async with ends(hours) as pair:
        pair.agree()
        pair.talk(5)
        sent = list[Any]()
        wire = pair.a._path._wire
        monkeypatch.setattr(wire, "_sendto", lambda data, to: sent.append(to))
        held = pair.b.offer().replace(b"c=IN IP4 127.0.0.1", f"c=IN IP4 {name}".encode())
        pair.a.answer(held)
        assert pair.a._path.latch.target is None and pair.a._path._asking is None
        pair.talk(700)
        pair.a.close()
        assert sent == [] and pair.a.held_by_remote


@pytest.mark.parametrize("name", ["no.such.host.test", "a..b", "x" * 70 + ".test", "xn--a.test"])
async def test_a_name_that_nobody_has_is_no_error(
    hours: Time, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with ends(hours) as pair:
        pair.a.offer()
        pair.a.accept(
            answer(NOWHERE, host="127.0.0.1").replace(
                b"c=IN IP4 127.0.0.1", f"c=IN IP4 {name}".encode()
            )
        )
        asked = pair.a._path._asking
        assert asked is not None
        await asyncio.wait([asked], timeout=10)
        assert asked.done() and asked.exception() is None
        assert pair.a._path.latch.target is None
        pair.talk(5)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


async def test_ipv6_is_no_different(hours: Time) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    async with ends(hours, host="::1") as pair:
        pair.agree()
        pair.talk(60)
        for one in (pair.a, pair.b):
            assert pair.tone_in(one, 40).rest.max() < -25
            assert one.stats.elsewhere == one.stats.garbage == 0


def leftovers() -> tuple[int, int, int]:
    """Open files, tasks, and timers that are still to go off."""
    loop = asyncio.get_running_loop()
    timers = [one for one in loop._scheduled if not one.cancelled()]  # type: ignore[attr-defined]
    return len(open_files()), len(asyncio.all_tasks()), len(timers)


@pytest.mark.parametrize("when", ["at once", "offered", "agreed", "talking", "shaking", "asking"])
async def test_after_the_end_no_socket_no_task_and_no_timer_is_left(hours: Time, when: str) -> None:
    await asyncio.sleep(0)
    policy = Policy.DTLS if when == "shaking" else Policy.SDES_OPTIONAL
    before = leftovers()
    async with ends(hours, wants(security=policy), wants(security=policy)) as pair:
        if when != "at once":
            offer = pair.a.offer()
        if when in ("agreed", "talking", "shaking"):
            pair.a.accept(pair.b.answer(offer))
        if when == "talking":
            pair.talk(200)
        if when == "asking":
            pair.a.accept(answer(NOWHERE).replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 localhost"))
        pair.a.close()
        pair.a.close()
        pair.b.close()
        pair.talk(3)  # a beat that was already under way
    for _ in range(5):
        await asyncio.sleep(0)
    assert leftovers() == before


async def test_what_is_agreed_after_the_end_begins_nothing(hours: Time) -> None:
    """An answer that crossed our hanging up."""
    before = leftovers()
    dtls = wants(security=Policy.DTLS)
    async with ends(hours, dtls, dtls) as pair:
        said = pair.b.answer(pair.a.offer())
        pair.b.close()
        pair.a.close()
        pair.a.accept(said.replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 localhost"))
        pair.talk(3)
    for _ in range(5):
        await asyncio.sleep(0)
    assert leftovers() == before


async def test_a_stream_may_be_read_by_the_loop_alone(hours: Time) -> None:
    a, b = await MediaStream.open(LOOPBACK), await MediaStream.open(LOOPBACK)
    a.accept(b.answer(a.offer()))
    for _ in range(5):
        hours.now += 0.02
        a.write(a.read())
        await asyncio.sleep(0.001)
    assert b.stats.packets_received == 5
    a.close()
    b.close()
    await asyncio.sleep(0)
