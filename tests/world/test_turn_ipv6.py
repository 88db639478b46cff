"""Coturn that is reached by IPv6, or relays at it: which families are had, and which are used."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from siptg.rtp.clock import MediaClock
from siptg.telegram.media.ice import CallIce
from siptg.telegram.media.servers import RelayServer
from tests.support.paths import joined
from tests.world.coturn import Coturn
from tests.world.namespace import ADDRESSES, SIX, take_ipv6
from tests.world.nat import Nat
from tests.world.test_turn import an_end, hears, until

pytestmark = [pytest.mark.world, pytest.mark.netns]

FOUR = ADDRESSES[0]
BLACK_HOLE = "2001:db8::1", "192.0.2.1"


def hosts(end: CallIce) -> list[str]:
    return [line.split()[4] for line in end.lines()]


@pytest.mark.parametrize("only", [False, True], ids=["both families", "IPv6 alone"])
async def test_ends_hear_each_other_by_udp_tcp_and_tls_over_ipv6(
    only: bool, tmp_path: Path
) -> None:
    take_ipv6(only=only)
    authority = trustme.CA()
    made = authority.issue_cert(SIX[0])
    chain, key, ca = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    made.cert_chain_pems[0].write_to_path(chain)
    made.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    # of both families the server relays at IPv4 unless it is asked, alone it has no other
    relays = (SIX[0],) if only else (FOUR, SIX[0])
    async with (
        Coturn(tmp_path, SIX[0], certificate=(chain, key), relays=relays) as coturn,
        MediaClock() as clock,
    ):
        servers = {way: coturn.server(way) for way in ("udp", "tcp")}
        servers["tls"] = coturn.server("tls", ca_file=str(ca))
        for ways in (("udp", "tcp"), ("tls", "udp")):
            ends = [an_end(servers[way], caller=n == 0) for n, way in enumerate(ways)]
            async with joined(*ends):
                for end in ends:
                    end.give_to(clock.poller)
                assert [hosts(end) for end in ends] == [[SIX[0] if only else FOUR]] * 2
                assert "raddr :: rport 9" in ends[0].lines()[0] or not only
                await hears(*ends)
                await hears(*ends[::-1])
        await until(lambda: coturn.freed == 4, coturn.log[-2000:])


async def test_a_server_whose_custom_is_another_family_than_it_has_is_asked_for_the_one_it_has(
    tmp_path: Path,
) -> None:
    take_ipv6()
    async with Coturn(tmp_path, SIX[0], relays=(FOUR,), more=("-A", "keep")) as coturn:
        end = an_end(coturn.server(), coturn.server("tcp"))
        await end.gather_candidates()
        assert hosts(end) == [FOUR, FOUR]
        await end.close()


async def test_peers_of_the_other_family_are_left_out_and_no_harm_to_those_of_ours(
    tmp_path: Path,
) -> None:
    take_ipv6()
    async with Coturn(tmp_path, FOUR) as coturn:
        us, she = an_end(coturn.server()), an_end(coturn.server(), caller=False)
        assert await us.add_line(f"1 1 udp 2130706431 {SIX[1]} 4000 typ host")  # the most wanted
        async with joined(us, she):
            await hears(us, she)
            assert len(us._check_list) == 1 and "error 443" not in coturn.log
            dropped, port = us.dropped, us._ports[0]
            port.sendto(b"\x80 to the other family", (SIX[1], 4000))
            await until(lambda: us.dropped == dropped + 1)
            assert "error 443" in coturn.log
            port.sendto(b"\x80 and again", (SIX[1], 4000))
            assert us.dropped == dropped + 2 and coturn.log.count("BIND processed, error 443") == 1
            await hears(us, she)


@pytest.mark.parametrize("works", SIX[:1] + ADDRESSES[:1], ids=["IPv6", "IPv4"])
async def test_of_a_server_at_both_families_whichever_works_is_used_and_the_dead_one_not_waited_for(
    works: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The dead address is one with no route to it, as on a machine without that family."""
    take_ipv6(only=works == SIX[0])
    dead = BLACK_HOLE[works == SIX[0]]
    async with Coturn(tmp_path, works) as coturn:
        live = coturn.server(stun=True)
        other = RelayServer(dead, live.port, True, True, live.username, live.password)
        ends = [an_end(*pair, caller=pair[0] is live) for pair in ((live, other), (other, live))]
        with caplog.at_level("INFO"):
            async with joined(*ends):
                assert [hosts(end) for end in ends] == [[works]] * 2
                assert not any(end._gathering._tasks - _done(end) for end in ends)
                await hears(*ends)
        said = [one.getMessage() for one in caplog.records if dead in one.getMessage()]
        assert len(said) == 2 and all("unreachable" in one for one in said)


def _done(end: CallIce) -> set[object]:
    return {task for task in end._gathering._tasks if task.done()}


async def test_direct_paths_over_ipv6_alone() -> None:
    take_ipv6(only=True)
    ends = [an_end(caller=n == 0, p2p=True) for n in range(2)]
    async with joined(*ends):
        assert sorted(hosts(ends[0])) == sorted(SIX)
        await hears(*ends)
        await hears(*ends[::-1])


@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
async def test_where_a_server_sees_us_is_a_candidate_of_either_family(
    family: str, tmp_path: Path
) -> None:
    take_ipv6()
    here, there = SIX if family == "IPv6" else ADDRESSES
    async with Coturn(tmp_path, here) as coturn, Nat((here, coturn.port), there) as nat:
        stun = RelayServer(*nat.address, False, True, "", "")
        end = an_end(stun, p2p=True)
        await end.gather_candidates()
        await until(lambda: len(end.lines()) == 6)
        seen = {
            (part[4], int(part[5]))
            for part in (line.split() for line in end.lines())
            if part[7] == "srflx"
        }
        assert seen == nat.outside and len(seen) == 2
        await end.close()
