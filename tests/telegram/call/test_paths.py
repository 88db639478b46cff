"""Whole calls at the lab: by TCP reflectors, and without direct paths no address of ours leaves."""

from __future__ import annotations

import asyncio
import socket

import pytest
from telethon.tl import types as tl

from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.events import Answered, Ringing
from siptg.telegram.lab import calls as lab_calls
from siptg.telegram.lab.reflector import LabReflector
from siptg.telegram.media import gathering
from siptg.telegram.media.ports import HostPort
from siptg.telegram.media.servers import Reflector
from tests.support.two import two, until

IN_FULL = "0000:0000:0000:0000:0000:0000:0000:0001"
"""As Telegram writes addresses of IPv6."""


async def answered(one: TelegramCall, other: TelegramCall) -> None:
    await until(other, Ringing)
    await other.answer()
    await asyncio.gather(until(one, Answered), until(other, Answered))


@pytest.mark.parametrize("switches", ["", '{"network_standalone_reflectors": true}'])
async def test_by_a_tcp_reflector_no_address_of_ours_leaves(
    switches: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted: list[bytes] = []
    post = TelegramCall._post

    def spy(call: TelegramCall, text: bytes) -> None:
        posted.append(text)
        post(call, text)

    monkeypatch.setattr(TelegramCall, "_post", spy)
    async with LabReflector() as relay, two() as stage:
        stage.lab.calls.p2p_allowed = False
        stage.lab.calls.custom_parameters = switches
        dead = Reflector(1, "127.0.0.1", 9, b"", True)
        stage.lab.calls.relays = dead, relay.seen_by(5, tcp=True)
        ours = await stage.call()
        theirs = await anext(stage.bob.calls())
        await answered(ours, theirs)
        for call in (ours, theirs):
            assert call._media is not None
            ports = call._media._path.connection._ports
            assert len(ports) == 1 and not isinstance(ports[0], HostPort)
        ours.hang_up()
        await ours.wait_over(5.0)
        await theirs.wait_over(5.0)
        assert relay.counters["relayed"] > 4
    said = b"\n".join(posted)
    assert b"reflector-2-" in said and b"typ relay" in said
    assert not any(word in said for word in (b"typ host", b"typ srflx", b"127.0.0.1"))
    if switches:
        assert b"reflector-2-1.reflector" in said and b"reflector-2-2.reflector" in said


@pytest.mark.parametrize("works", ["IPv4", "IPv6"])
@pytest.mark.parametrize("switches", ["", '{"network_standalone_reflectors": true}'])
async def test_of_both_addresses_of_one_server_whichever_works_carries_the_call(
    switches: str, works: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the other one somebody listens who says nothing."""
    monkeypatch.setattr(gathering, "HEAD_START", 0.05)
    live, dead = ("127.0.0.1", "::1") if works == "IPv4" else ("::1", "127.0.0.1")
    family = socket.AF_INET6 if ":" in dead else socket.AF_INET
    async with LabReflector(live) as relay, two() as stage:
        with socket.socket(family, socket.SOCK_DGRAM) as silent:
            silent.bind((dead, relay.address[1]))
            both = tl.PhoneConnection(5, "127.0.0.1", IN_FULL, relay.address[1], bytes(range(16)))
            monkeypatch.setattr(lab_calls, "_connections", lambda relays: [both])
            stage.lab.calls.p2p_allowed = False
            stage.lab.calls.custom_parameters = switches
            ours = await stage.call()
            theirs = await anext(stage.bob.calls())
            await answered(ours, theirs)
            for call in (ours, theirs):
                assert call._media is not None
                assert [port.here for port in call._media._path.connection._ports] == [live]
            ours.hang_up()
            await ours.wait_over(5.0)
            await theirs.wait_over(5.0)
        assert relay.counters["relayed"] > 4
