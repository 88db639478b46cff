"""Media with ntgcalls: muted both ways, Opus by settings, bad weather, another network."""

from __future__ import annotations

import asyncio
import subprocess

import numpy as np
import pytest

from siptg.rtp.audio import Frame
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.events import Lost, Muted
from siptg.telegram.media.opus import OpusSettings
from tests.support.engines import both_hear, two_ends
from tests.support.engines import until as holds
from tests.support.weather import bad_weather, share_of_tone
from tests.world.engine import Engine
from tests.world.paper import talking, until, we_hear_her

pytestmark = [pytest.mark.world, pytest.mark.netns]


@pytest.mark.parametrize("version, outgoing", [("9.0.0", True), ("13.0.0", False)])
async def test_each_sees_that_the_other_is_muted(version: str, outgoing: bool) -> None:
    async with talking(Engine, version, outgoing=outgoing) as (call, olga, told, ear):
        engine = olga.engine
        await asyncio.gather(we_hear_her(ear), engine.hears(440))
        call.mute(True)
        await holds(lambda: engine.remote[-1:] == ["MICROPHONE IDLING"])
        sent = call.audio.packets_sent
        engine.mute(True)
        assert (await until(told, Muted)).muted and call.muted
        await asyncio.sleep(1.0)
        assert call.audio.packets_sent == sent
        call.mute(False)
        engine.mute(False)
        assert not (await until(told, Muted)).muted
        await holds(lambda: engine.remote[-1:] == ["MICROPHONE ACTIVE"])
        await asyncio.gather(we_hear_her(ear), engine.hears(440))


async def test_she_hears_us_in_longer_packets() -> None:
    opus = OpusSettings(60, pauses=True)
    async with talking(Engine, "9.0.0", outgoing=True, opus=opus) as (call, olga, _told, ear):
        await asyncio.gather(we_hear_her(ear), olga.engine.hears(440))
        before = call.audio.packets_sent
        await asyncio.sleep(1.2)
        assert call.audio.packets_sent - before <= 1.2 / (opus.ptime / 1000) + 3


def recorded(call: TelegramCall, frames: list[Frame]) -> None:
    """What the beat reads from now on is kept as well."""
    read = call.audio.read

    def kept() -> Frame:
        frames.append(frame := read())
        return frame

    call.audio.read = kept  # type: ignore[method-assign]


async def test_in_bad_weather_the_tone_is_heard_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """5 % lost, 50 ms of jitter, out of order, both ways."""
    with bad_weather(monkeypatch, ours=1):
        async with talking(Engine, "9.0.0", outgoing=True) as (call, olga, _told, ear):
            await asyncio.gather(we_hear_her(ear), olga.engine.hears(440))
            await asyncio.sleep(1)
            frames: list[Frame] = []
            recorded(call, frames)
            heard = len(olga.engine.heard)
            await asyncio.sleep(5)
            share = share_of_tone(np.concatenate(frames), call.audio.rate, 880)
            quality, theirs = call.audio.quality(), olga.engine.heard[heard:]
    print(f"share {share:.3f}; {quality}; she heard {theirs}")
    # her packets hold 60 ms, and of a tone they repair the one before but partly
    assert share > 0.98 - quality.loss
    assert len(theirs) > 3 and all(abs(hz - 440) < 5 for hz in theirs)
    assert 0.005 < quality.loss < 0.15 and quality.jitter_ms > 5
    assert quality.mos is not None and 2.5 < quality.mos < 4.3


async def test_in_bad_weather_two_of_us_hear_each_other_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with bad_weather(monkeypatch, ours=2):
        async with two_ends(talking=True, addresses=("10.77.0.1",)) as (a, b):
            await both_hear(a, b, 20)
            await asyncio.sleep(3)  # until the delay and error correction have settled
            frames: list[Frame] = []
            beat = b.beat

            def kept() -> None:
                frames.append(frame := b.audio.read())
                b.ear.write(frame)
                b.audio.write(b.next_frame())

            b.clock.remove(beat)
            b.clock.add(kept)
            await asyncio.sleep(8)
            b.clock.remove(kept)
            share = share_of_tone(np.concatenate(frames), b.audio.rate, 440)
            quality = b.audio.quality()
    print(f"share {share:.3f}; {quality}")
    assert share > 0.97 and 0.01 < quality.loss < 0.2
    assert quality.mos is not None and 2.5 < quality.mos < 4.3


# another network


def ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True)


def device_of(address: str) -> str:
    return {"10.77.0.1": "va", "10.77.1.1": "vb"}[address]


async def test_an_address_that_goes_away_costs_a_second() -> None:
    async with talking(Engine, "9.0.0", outgoing=True) as (call, olga, told, ear):
        await asyncio.gather(we_hear_her(ear), olga.engine.hears(440))
        news = asyncio.create_task(until(told, Lost))
        media = call._media
        assert media is not None
        old = media._path.connection
        gone = old._nominated[1].local_candidate.host
        device = device_of(gone)
        ip("addr", "del", f"{gone}/24", "dev", device)
        ip("addr", "add", "10.77.7.1/24", "dev", device)
        await holds(lambda: media._path.connection is not old, 5)
        packets = call.audio.packets_received
        await holds(lambda: call.audio.packets_received > packets + 10)
        olga.engine.heard.clear()
        await olga.engine.hears(440)
        assert not news.done()
        news.cancel()


async def test_without_any_network_the_call_waits_for_a_new_one() -> None:
    async with two_ends(talking=True, addresses=None) as (a, b):
        await both_hear(a, b)
        old = [end.media._path.connection for end in (a, b)]
        for address in ("10.77.0.1", "10.77.1.1"):
            ip("addr", "del", f"{address}/24", "dev", device_of(address))
        await asyncio.sleep(2.5)
        ip("addr", "add", "10.77.9.1/24", "dev", "va")
        await both_hear(a, b, 15)
        assert all(end.media._path.connection not in old for end in (a, b))
        assert "closed" not in a.told + b.told


async def test_a_restart_that_she_does_not_answer_moves_the_sound() -> None:
    """An ntgcalls that has called says nothing to our new credentials, and goes on."""
    async with talking(Engine, "9.0.0", outgoing=False) as (call, olga, _told, ear):
        await asyncio.gather(we_hear_her(ear), olga.engine.hears(440))
        media = call._media
        assert media is not None
        old = media._path.connection
        media.restart()
        await holds(lambda: media._path.connection is not old, 5)
        olga.engine.heard.clear()
        await olga.engine.hears(440)
        assert call.audio.session.counted().lost < 20
