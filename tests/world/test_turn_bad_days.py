"""Calls by TURN on bad days: servers that die, are full, or no longer know us."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from aioice.turn import TurnClientMixin

from siptg.telegram.media import watch
from siptg.telegram.media.ice import CallIce
from siptg.telegram.media.turn import TurnPort
from tests.support.engines import End, both_hear, two_ends
from tests.support.engines import until as comes
from tests.support.paths import joined
from tests.world.coturn import Coturn
from tests.world.namespace import ADDRESSES
from tests.world.nat import Nat
from tests.world.test_relays import begun
from tests.world.test_telegram import scene, they_talk
from tests.world.test_turn import an_end, hears, until

pytestmark = [pytest.mark.world, pytest.mark.netns]

THERE = ADDRESSES[1]


@contextlib.asynccontextmanager
async def two_servers(folder: Path, *more: str) -> AsyncIterator[dict[str, Coturn]]:
    """By their addresses."""
    async with contextlib.AsyncExitStack() as stack:
        made = {}
        for host in ADDRESSES:
            own = folder / host
            own.mkdir()
            made[host] = await stack.enter_async_context(Coturn(own, host, more=more))
        yield made


def relayed_at(end: End) -> str:
    return end.media._path.connection._nominated[1].local_addr[0]


def restarts_on_silence(*ends: End) -> None:
    """As a call does."""
    for end in ends:
        end.media._events = attrs.evolve(end.media._events, silent=end.media.restart)


@pytest.mark.parametrize("way", ["udp", "tcp"])
async def test_the_relay_that_is_used_dies_and_another_takes_over_in_the_same_session(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENT_AFTER", 1.5)
    async with two_servers(tmp_path) as coturns:
        relays = [coturn.server(way) for coturn in coturns.values()]
        async with two_ends(talking=True, relays=relays) as ends:
            await both_hear(*ends)
            restarts_on_silence(*ends)
            dead = relayed_at(ends[0])
            await coturns[dead].__aexit__()
            for end in ends:
                path = end.media._path
                await comes(
                    lambda path=path: path.connection._nominated and dead not in _hosts(path)  # type: ignore[misc]
                )
            await both_hear(*ends)
            assert not [what for end in ends for what in end.told if what == "closed"]


def _hosts(path: Any) -> set[str]:
    pair = path.connection._nominated[1]
    return {pair.local_addr[0], pair.remote_addr[0]}


@pytest.mark.parametrize("way", ["udp", "tcp"])
async def test_the_only_relay_is_started_anew_and_the_same_session_goes_on(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENT_AFTER", 1.5)
    async with (
        Coturn(tmp_path) as coturn,
        two_ends(talking=True, relays=[coturn.server(way)]) as ends,
    ):
        await both_hear(*ends)
        restarts_on_silence(*ends)
        before = [end.media._path.connection for end in ends]
        await coturn.__aexit__()
        await coturn.__aenter__()  # it knows nothing of what it gave
        await comes(lambda: all(e.media._path.connection not in before for e in ends), 20)
        await both_hear(*ends)
        assert "closed" not in ends[0].told + ends[1].told


async def test_the_relay_of_a_call_with_ntgcalls_dies(tmp_path: Path) -> None:
    async with two_servers(tmp_path) as coturns, scene(versions=("9.0.0",)) as stage:
        stage.lab.calls.p2p_allowed = False
        stage.lab.calls.relays = tuple(coturn.server() for coturn in coturns.values())
        call, there = await begun(stage, outgoing=True)
        await they_talk(stage, call, lambda: there.engine.hears(440))
        assert call._media is not None
        path = call._media._path
        dead = path.connection._nominated[1].local_addr[0]
        await coturns[dead].__aexit__()
        await comes(lambda: bool(path.connection._nominated) and dead not in _hosts(path), 20)
        there.engine.heard.clear()
        await they_talk(stage, call, lambda: there.engine.hears(440))
        await call.hangup()
        await call.wait_over(5.0)


async def used_instead(other: Coturn, first: CallIce, second: CallIce) -> None:
    """`first` takes what its server has; `second` finds the other one alone."""
    await first.gather_candidates()
    async with joined(first, second):
        assert [line.split()[4] for line in second.lines()] == [other.host]
        await hears(first, second)


async def test_of_a_server_that_is_full_another_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """486: the user's quota is one allocation."""
    async with two_servers(tmp_path, "--user-quota=1") as coturns:
        full, other = coturns.values()
        first, second = an_end(full.server()), an_end(full.server(), other.server(), caller=False)
        await used_instead(other, first, second)
        refusals = [one.getMessage() for one in caplog.records if "refused us" in one.getMessage()]
        assert len(refusals) == 1 and "(486" in refusals[0]
        await until(lambda: "delete: realm" in full.log)
        third = an_end(full.server())
        await third.gather_candidates()
        assert len(third.lines()) == 1  # there is room again
        await third.close()


async def test_of_a_server_without_a_port_to_give_another_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """508."""
    ports = "--min-port=50000", "--max-port=50000"
    async with two_servers(tmp_path, *ports) as coturns:
        full, other = coturns.values()
        first, second = an_end(full.server()), an_end(full.server(), other.server(), caller=False)
        await used_instead(other, first, second)
        refusals = [one.getMessage() for one in caplog.records if "refused us" in one.getMessage()]
        assert len(refusals) == 1 and "(508" in refusals[0]


def refreshes_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, when a nonce of one second is stale. coturn gives ten minutes at least: our clock is
    told of three seconds.
    """
    refresh = TurnClientMixin.refresh
    monkeypatch.setattr(TurnClientMixin, "refresh", lambda client, _: refresh(client, 3))


def binds_anew(end: CallIce) -> None:
    """With its next packet, as every few minutes."""
    for port in end._ports:
        assert isinstance(port, TurnPort)
        for channel in port._client.channel_refresh_at:
            port._client.channel_refresh_at[channel] = 0.0


async def test_a_nonce_that_goes_stale_in_mid_call_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshes_soon(monkeypatch)
    async with Coturn(tmp_path, more=("--stale-nonce=1",)) as coturn:
        ends = [an_end(coturn.server(way), caller=way == "udp") for way in ("udp", "tcp")]
        async with joined(*ends):
            await until(lambda: coturn.log.count("error 438") >= 2, coturn.log)
            await until(lambda: coturn.refreshed >= 2, coturn.log)
            bound = coturn.log.count("BIND processed, success")
            for end in ends:
                binds_anew(end)
            await hears(*ends)
            await hears(*ends[::-1])
            await until(lambda: coturn.log.count("BIND processed, success") == bound + 2)
            assert all(end.dropped == 0 for end in ends)
        await until(lambda: coturn.freed == 2, coturn.log)


@pytest.mark.parametrize("by", ["refreshing", "binding"])
async def test_a_server_that_no_longer_knows_our_address_is_asked_anew(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """437, or 400 of coturn: the port that a NAT gave us is another. Nobody waits for silence."""
    if by == "refreshing":
        refreshes_soon(monkeypatch)
    async with Coturn(tmp_path) as coturn, Nat((coturn.host, coturn.port), THERE) as nat:
        behind = attrs.evolve(coturn.server(), host=nat.address[0], port=nat.address[1])
        async with two_ends(talking=True, relays=[behind]) as ends:
            await both_hear(*ends)
            before = [end.media._path.connection for end in ends]
            nat.forget()
            if by == "binding":
                for ice in before:
                    binds_anew(ice)
            await comes(lambda: all(e.media._path.connection not in before for e in ends))
            await both_hear(*ends)
            assert coturn.log.count("Wrong nonce") and "silent" not in ends[0].told + ends[1].told


@pytest.mark.parametrize("way", ["udp", "tcp"])
async def test_the_address_that_we_reach_a_relay_from_is_taken_away(
    way: str, tmp_path: Path
) -> None:
    mobile = "10.77.2.1"
    subprocess.run(["ip", "addr", "add", f"{mobile}/24", "dev", "va"], check=True)
    async with Coturn(tmp_path) as coturn:
        addresses, relays = (mobile,), [coturn.server(way)]
        async with two_ends(talking=True, addresses=addresses, relays=relays) as ends:
            await both_hear(*ends)
            before = [end.media._path.connection for end in ends]
            assert all(port.here == mobile for ice in before for port in ice._ports)
            for end in ends:
                end.media._addresses = (THERE,)
            subprocess.run(["ip", "addr", "del", f"{mobile}/24", "dev", "va"], check=True)
            await comes(lambda: all(e.media._path.connection not in before for e in ends))
            await both_hear(*ends)
            assert "silent" not in ends[0].told + ends[1].told
