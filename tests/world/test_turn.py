"""Our own two ends by coturn: UDP, TCP and TLS, refusals, refreshing, and what is given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from aioice.turn import TurnClientMixin

from siptg.rtp.clock import MediaClock
from siptg.telegram.media.ice import CallIce
from siptg.telegram.media.servers import RelayServer
from tests.support.background import open_files
from tests.support.paths import joined
from tests.world.coturn import Coturn

pytestmark = [pytest.mark.world, pytest.mark.netns]

WITHIN = 10.0


def an_end(*servers: RelayServer, caller: bool = True, p2p: bool = False) -> CallIce:
    return CallIce(caller=caller, addresses=None, servers=servers, p2p=p2p)


async def until(holds: Callable[[], object], what: str = "") -> None:
    try:
        async with asyncio.timeout(WITHIN):
            while not holds():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(what) from None


async def hears(one: CallIce, other: CallIce) -> None:
    heard: list[bytes] = []
    other.media = lambda data, arrived: heard.append(data)
    for n in range(50):
        one.send_now(b"\x80 some sound" + bytes(n % 4))
        await asyncio.sleep(0.005)
    await until(lambda: len(heard) >= 45, f"{len(heard)} of 50 heard")
    assert set(heard) == {b"\x80 some sound" + bytes(n) for n in range(4)}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def certificate(authority: trustme.CA, folder: Path) -> tuple[Path, Path]:
    made = authority.issue_cert("10.77.0.1")
    chain, key = folder / "cert.pem", folder / "key.pem"
    made.cert_chain_pems[0].write_to_path(chain)
    made.private_key_pem.write_to_path(key)
    return chain, key


async def test_ends_hear_each_other_by_udp_tcp_and_tls_and_give_back_what_they_had(
    tmp_path: Path, authority: trustme.CA
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with (
        Coturn(tmp_path, certificate=certificate(authority, tmp_path)) as coturn,
        MediaClock() as clock,
    ):
        tls = coturn.server("tls", ca_file=str(tmp_path / "ca.pem"))
        files, tasks = open_files(), asyncio.all_tasks()
        for one, other in (("udp", "tcp"), ("tls", "udp"), ("tls", "tls")):
            servers = [tls if way == "tls" else coturn.server(way) for way in (one, other)]
            ends = [an_end(server, caller=n == 0) for n, server in enumerate(servers)]
            async with joined(*ends):
                for end in ends:
                    end.give_to(clock.poller)
                await hears(*ends)
                await hears(*ends[::-1])
                assert all("raddr 0.0.0.0 rport 9" in line for line in ends[0].lines())
        for _ in range(10):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == tasks
        await until(lambda: not open_files() - files)
        await until(lambda: coturn.freed == 6, coturn.log[-2000:])
        assert coturn.allocations == 6


async def test_a_certificate_that_nobody_vouches_for_is_refused_unless_that_was_wanted(
    tmp_path: Path, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    async with Coturn(tmp_path, certificate=certificate(authority, tmp_path)) as coturn:
        strict, easy = an_end(coturn.server("tls")), an_end(coturn.server("tls", verify=False))
        with caplog.at_level("INFO"):
            await asyncio.gather(strict.gather_candidates(), easy.gather_candidates())
        assert (len(strict.lines()), len(easy.lines())) == (0, 1)
        assert "CERTIFICATE_VERIFY_FAILED" in caplog.text
        await strict.close()
        await easy.close()


async def test_one_refused_peer_does_not_fail_the_others(tmp_path: Path) -> None:
    async with Coturn(tmp_path, denied=["10.77.1.1"]) as coturn:
        us, she = an_end(coturn.server()), an_end(coturn.server(), caller=False)
        refused = "1 1 udp 2130706431 10.77.1.1 4000 typ host"
        assert await us.add_line(refused)  # the most wanted of all
        async with joined(us, she):
            await hears(us, she)
        assert "error 403" in coturn.log


async def test_a_wrong_password_is_said_once_and_other_servers_are_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Coturn(tmp_path) as coturn:
        wrong = RelayServer(coturn.host, coturn.port, True, False, "siptg", "guess")
        end = an_end(wrong, coturn.server("tcp"))
        await end.gather_candidates()
        assert len(end.lines()) == 1
        refusals = [one for one in caplog.records if "refused us" in one.getMessage()]
        assert len(refusals) == 1 and "guess" not in caplog.text
        await end.close()


async def test_an_allocation_is_refreshed_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """coturn gives ten minutes at least: our clock is told of one second."""
    refresh = TurnClientMixin.refresh
    monkeypatch.setattr(TurnClientMixin, "refresh", lambda client, _: refresh(client, 1))
    async with Coturn(tmp_path) as coturn:
        ends = [an_end(coturn.server(), caller=n == 0) for n in range(2)]
        async with joined(*ends):
            await until(lambda: coturn.refreshed >= 2, coturn.log[-2000:])
            await hears(*ends)


async def test_reflexive_and_relayed_candidates_of_one_server_with_dead_ones_beside_it(
    tmp_path: Path,
) -> None:
    async with Coturn(tmp_path) as coturn:
        dead = RelayServer("10.77.0.77", 3478, True, True, "u", "p")
        end = an_end(dead, coturn.server(stun=True), dead, p2p=True)
        await end.gather_candidates()
        await until(lambda: len(end.lines()) == 3)
        kinds = sorted(line.split()[7] for line in end.lines())
        # nobody translates addresses here: what the server sees is what we have
        assert kinds == ["host", "host", "relay"]
        await end.close()


async def test_a_server_that_does_not_take_its_allocation_back_holds_the_end_up_for_a_second(
    tmp_path: Path,
) -> None:
    async with Coturn(tmp_path) as coturn:
        end = an_end(coturn.server(), coturn.server("tcp"))
        await end.gather_candidates()
        assert len(end.lines()) == 2
    async with asyncio.timeout(WITHIN):
        await end.close()
