"""Candidates of several servers at once, some of them dead; what leaves us, and what is left."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import pytest
from aioice import Candidate, stun

from siptg.rtp.clock import MediaClock
from siptg.rtp.wire import Address
from siptg.telegram.lab.reflector import LabReflector
from siptg.telegram.media import gathering, ice
from siptg.telegram.media.ice import CallIce
from siptg.telegram.media.ports import HostPort
from siptg.telegram.media.reflector import ReflectorPort
from siptg.telegram.media.servers import Reflector, RelayServer
from siptg.telegram.media.targets import MOST_PAIRS, MOST_REMOTE
from tests.support.background import open_files
from tests.support.paths import hears, joined
from tests.support.stun import stun_server

LOOPBACK = ("127.0.0.1",)
TAG = bytes(range(1, 17))
WITHIN = 5.0


class Silent:
    """A server that is dead: its socket is there, and nobody reads it."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host

    def __enter__(self) -> Address:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self._host, 0))
        address: Address = self._socket.getsockname()
        return address

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def an_end(
    *reflectors: Reflector,
    caller: bool = True,
    p2p: bool = False,
    servers: Sequence[RelayServer] = (),
    fixed_tags: bool = False,
    late: ice.Late = lambda _, lines: None,
) -> CallIce:
    return CallIce(
        caller=caller,
        addresses=LOOPBACK,
        servers=servers,
        p2p=p2p,
        reflectors=reflectors,
        fixed_tags=fixed_tags,
        late=late,
    )


@pytest.mark.parametrize("theirs", ["udp", "tcp"])
@pytest.mark.parametrize("ours", ["udp", "tcp"])
async def test_two_ends_hear_each_other_by_a_reflector(ours: str, theirs: str) -> None:
    async with LabReflector() as relay, MediaClock() as clock:
        ends = [
            an_end(relay.seen_by(7, tcp=way == "tcp", tag=TAG), caller=n == 0)
            for n, way in enumerate((ours, theirs))
        ]
        async with joined(*ends):
            await hears(ends[0], ends[1], clock)
            await hears(ends[1], ends[0], clock)
            assert all("typ relay" in line and "reflector-1-" in line for line in ends[0].lines())
        assert relay.counters["relayed"] > 4


async def test_fixed_tags_are_one_and_two() -> None:
    async with LabReflector() as relay:
        ends = [an_end(relay.seen_by(7, tag=TAG), caller=n == 0, fixed_tags=True) for n in range(2)]
        async with joined(*ends):
            names = [end.lines()[0].split()[4] for end in ends]
    assert names == ["reflector-1-1.reflector", "reflector-1-2.reflector"]


async def test_dead_servers_hold_nothing_up_and_numbers_stay_in_order() -> None:
    async with LabReflector() as one, LabReflector() as two:
        with Silent() as dead, Silent() as refused:
            dead_turn = RelayServer(*refused, True, True, "u", "p")
            # closed as well: a port where nobody listens
            closed = RelayServer("127.0.0.1", 9, True, True, "u", "p")
            three = (
                one.seen_by(30, tag=TAG),
                Reflector(20, *dead, TAG, False),
                two.seen_by(10, tag=TAG),
            )
            ends = [an_end(*three, caller=n == 0, servers=(dead_turn, closed)) for n in range(2)]
            async with joined(*ends):
                for end in ends:
                    numbers = sorted(line.split()[4].split("-")[1] for line in end.lines())
                    assert numbers == ["1", "3"]


async def test_a_candidate_that_is_late_is_told_when_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reflector begins to answer only after both have told what they have."""
    monkeypatch.setattr(gathering, "MOMENT", 0.01)
    told: dict[CallIce, CallIce] = {}
    adding: set[asyncio.Task[bool]] = set()

    def late(end: CallIce, lines: tuple[str, ...]) -> None:
        adding.update(asyncio.ensure_future(told[end].add_line(line)) for line in lines)

    with Silent("127.0.0.2") as address:  # where none of the ends' own ports can take its place
        pass
    reflector = Reflector(1, *address, TAG, False)
    ends = [an_end(reflector, caller=n == 0, p2p=True, late=late) for n in range(2)]
    told |= {ends[0]: ends[1], ends[1]: ends[0]}
    for one, other in (ends, ends[::-1]):
        await one.gather_candidates()
        one.remote_username, one.remote_password = other.local_username, other.local_password
        assert [line.split()[7] for line in one.lines()] == ["host"]
    async with LabReflector(*address), asyncio.timeout(WITHIN):
        await asyncio.gather(*(one.connect() for one in ends))
        while len(adding) < 2:  # the host candidates may have been faster
            await asyncio.sleep(0.01)
    for one in ends:
        await one.close()


async def test_without_direct_paths_no_address_leaves_and_no_socket_but_to_relays_is_there() -> (
    None
):
    async with LabReflector() as relay, stun_server("127.0.0.1") as told:
        end = an_end(relay.seen_by(1, tag=TAG), servers=(told,))
        await end.gather_candidates()
        assert [line.split()[7] for line in end.lines()] == ["relay"]
        assert not any("127.0.0.1" in line or "192.0.2.7" in line for line in end.lines())
        assert not any(isinstance(port, HostPort) for port in end._ports)
        assert len(end._ports) == 1
        await end.close()


async def test_without_relays_and_direct_paths_there_is_nothing() -> None:
    end = an_end()
    await end.gather_candidates()
    assert end.lines() == () and not end._ports
    await end.close()


async def test_several_stun_servers_tell_one_address_once() -> None:
    async with stun_server("127.0.0.1") as one, stun_server("127.0.0.1") as two:
        with Silent() as dead:
            servers = (one, RelayServer(*dead, False, True, "", ""), two)
            end = an_end(p2p=True, servers=servers)
            await end.gather_candidates()
            kinds = [line.split()[7] for line in end.lines()]
            await end.close()
    assert kinds == ["host", "srflx"]


async def test_packets_that_are_not_of_the_call_are_counted_and_dropped() -> None:
    async with LabReflector() as relay:
        ends = [an_end(relay.seen_by(1, tag=TAG), caller=n == 0) for n in range(2)]
        async with joined(*ends):
            end, port = ends[0], ends[0]._ports[0]
            assert port.wire is not None
            before, own = end.garbage, port._tag  # type: ignore[attr-defined]
            send = relay._udp.sendto
            at = ("127.0.0.1", port.wire.address[1])
            false = [
                b"x",
                bytes(16) + bytes(20),
                own + b"abcd" + b"\xff\xff\xff\xff" + b"abcd",
                own[:12] + b"what" + b"abcd" + b"\x00\x00\x00\x04" + b"abcd",
            ]
            for packet in false:
                send(packet, at)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(own + b"abcd" + b"\x00\x00\x00\x04" + b"\x80abc", at)
            async with asyncio.timeout(WITHIN):
                while end.garbage < before + 5:
                    await asyncio.sleep(0.01)
            assert end.garbage == before + 5


async def test_a_peer_with_ten_thousand_candidates_gets_a_hundred_pairs() -> None:
    async with LabReflector() as relay:
        end = an_end(relay.seen_by(1, tag=TAG), p2p=True)
        await end.gather_candidates()
        lines = [f"1 1 udp 1 10.0.{n >> 8 & 255}.{n & 255} 4000 typ host" for n in range(10_000)]
        lines += [f"1 1 udp 1 reflector-1-{n}.reflector 599 typ relay" for n in range(1, 1000)]
        taken = sum([await end.add_line(line) for line in lines])
        assert taken == MOST_REMOTE == len(end.remote_candidates)
        assert len(end._check_list) <= MOST_PAIRS
        await end.close()


async def test_who_knows_the_password_cannot_make_more_pairs_from_many_addresses() -> None:
    end = an_end(p2p=True)
    await end.gather_candidates()
    end.remote_username, end.remote_password = "them", "secret" * 4
    end._early_checks_done = True
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["PRIORITY"] = 1
    port = end._ports[0]
    for n in range(2 * MOST_PAIRS):
        end.check_incoming(request, ("127.0.0.1", 2000 + n), port.protocol)
    assert len(end.remote_candidates) <= MOST_REMOTE
    assert end.garbage == 2 * MOST_PAIRS - MOST_REMOTE
    await end.close()


async def test_who_is_at_a_reflector_is_not_sought_in_the_network() -> None:
    async with LabReflector() as relay:
        end = an_end(relay.seen_by(1, tag=TAG), p2p=True)
        await end.gather_candidates()
        for line in (
            "1 1 udp 1 reflector-1-5.reflector 599 typ relay",
            "1 1 udp 1 reflector-2-5.reflector 599 typ relay",
            "1 1 udp 1 127.0.0.1 4000 typ host",
        ):
            assert await end.add_line(line)
        pairs = [
            (p.protocol.local_candidate.type, p.remote_candidate.type) for p in end._check_list
        ]
        assert sorted(pairs) == [("host", "host"), ("relay", "relay")]
        await end.close()


async def test_her_answers_are_heard_though_nothing_else_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ice, "CONSENT_EVERY", (0.01, 0.02))
    ends = [an_end(caller=n == 0, p2p=True) for n in range(2)]
    async with joined(*ends):
        for _ in range(3):
            before = ends[0].heard
            async with asyncio.timeout(WITHIN):
                while ends[0].heard == before:
                    await asyncio.sleep(0.01)


async def test_without_consent_nothing_but_checks_is_sent_and_an_answer_brings_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ice, "CONSENT_EVERY", (0.01, 0.02))
    monkeypatch.setattr(ice, "WITHOUT_CONSENT_EVERY", 0.01)
    monkeypatch.setattr(ice, "CONSENT_LASTS", 0.1)
    monkeypatch.setattr(stun, "RETRY_RTO", 0.02)
    ends = [an_end(caller=n == 0, p2p=True) for n in range(2)]
    async with joined(*ends):
        us, she = ends
        heard: list[bytes] = []
        she.media = lambda data, arrived: heard.append(data)
        wire = she._ports[0].wire
        assert wire is not None
        wire._ignore()  # she sleeps
        async with asyncio.timeout(WITHIN):
            while us.consent:
                await asyncio.sleep(0.01)
        us.send_now(b"\x80 not sent")
        wire.listen()
        async with asyncio.timeout(WITHIN):
            while not us.consent:
                await asyncio.sleep(0.01)
        us.send_now(b"\x80 sent")
        async with asyncio.timeout(WITHIN):
            while not heard:
                await asyncio.sleep(0.01)
        assert heard == [b"\x80 sent"]


async def test_after_the_end_no_socket_task_or_timer_is_left() -> None:
    async with LabReflector() as relay, stun_server("127.0.0.1") as told:
        await asyncio.sleep(0)
        files, tasks = open_files(), asyncio.all_tasks()
        with Silent() as dead:
            turn = RelayServer(*dead, True, True, "u", "p")
            three = (
                relay.seen_by(1, tag=TAG),
                relay.seen_by(2, tcp=True, tag=TAG),
                Reflector(3, *dead, TAG, False),
            )
            ends = [an_end(*three, caller=n == 0, p2p=True, servers=(told, turn)) for n in range(2)]
            async with joined(*ends):
                assert len(open_files()) > len(files)
                ports = [port for end in ends for port in end._ports]
        for _ in range(10):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == tasks
        async with asyncio.timeout(WITHIN):
            while open_files() - files:  # the lab's ends of TCP
                await asyncio.sleep(0.01)
        timers = [port._timer for port in ports if isinstance(port, ReflectorPort)]
        assert len(timers) == 4 and all(port.is_closing() for port in ports)
        assert all(timer is not None and timer.cancelled() for timer in timers)
        async with asyncio.timeout(WITHIN):
            while relay._streams:
                await asyncio.sleep(0.01)


async def test_a_server_that_is_lost_in_the_middle_is_a_path_lost() -> None:
    async with LabReflector() as relay:
        ends = [an_end(relay.seen_by(1, tcp=True, tag=TAG), caller=n == 0) for n in range(2)]
        async with joined(*ends):
            for stream in list(relay._streams):
                stream.abort()
            async with asyncio.timeout(WITHIN):
                with pytest.raises(ConnectionError):
                    await ends[0].recv()


async def test_ours_are_of_both_families_where_both_were_chosen() -> None:
    end = CallIce(caller=True, addresses=("127.0.0.1", "::1"), servers=(), p2p=True)
    await end.gather_candidates()
    found = [Candidate.from_sdp(line).host for line in end.lines()]
    await end.close()
    assert found == ["127.0.0.1", "::1"]
