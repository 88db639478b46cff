"""A call's media between two ends: muted, restarted, lied to, closed."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from siptg.telegram.media import path, watch
from siptg.telegram.media.ice import CallIce
from siptg.telegram.signalling.messages import MediaState, write
from tests.support.background import open_files
from tests.support.engines import End, both_hear, two_ends, until


def frozen_out(end: End) -> None:
    """Nothing leaves it any more, as though its phone slept."""
    for port in end.media._path.connection._ports:
        port.sendto = lambda data, address: None


async def test_both_are_heard() -> None:
    async with two_ends(talking=True) as (a, b):
        await both_hear(a, b)
        assert a.told == b.told == ["up"]


# muted


@pytest.mark.parametrize("who", ["the caller", "the called"])
async def test_muting_is_told_and_nothing_is_said_meanwhile(who: str) -> None:
    async with two_ends(talking=True) as ends:
        mute, hear = ends if who == "the caller" else ends[::-1]
        await both_hear(*ends)
        mute.media.mute(True)
        await hear.waits(("muted", True))
        sent = mute.audio.packets_sent
        await asyncio.sleep(0.3)
        assert mute.audio.packets_sent == sent and "silent" not in hear.told
        mute.media.mute(False)
        await hear.waits(("muted", False))
        await both_hear(*ends)


async def test_who_is_muted_before_there_is_media_says_so_when_the_channel_opens() -> None:
    async with two_ends(up=False) as (a, b):
        a.media.mute(True)
        await b.waits(("muted", True))
        assert "muted" not in str(a.told)  # that she is to be heard is no news


@pytest.mark.parametrize("video", ["inactive", "active", "paused", 7, None])
async def test_video_of_hers_changes_nothing_and_her_state_comes_by_either_way(
    video: object,
) -> None:
    async with two_ends(talking=True) as (a, b):
        state = json.loads(write(MediaState(True))) | {"videoState": video}
        state["screencastState"] = video
        text = json.dumps(state).encode()
        b.media.receive(text)
        await b.waits(("muted", True))
        b.media.receive(write(MediaState(False)))
        await b.waits(("muted", False))
        b.told.clear()
        channel = a.media._channel
        assert channel is not None
        await until(lambda: channel._open)
        channel.say(text)
        await b.waits(("muted", True))
        await both_hear(a, b)


async def test_a_path_without_sound_is_told_unless_she_is_muted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "NO_SOUND_AFTER", 1.0)
    async with two_ends() as (a, b):  # nobody says a word
        a.media.mute(True)
        await a.waits("no sound")
        await asyncio.sleep(1.0)
        assert "no sound" not in b.told
        a.media.mute(False)
        await b.waits("no sound")


# another path


def restarts(end: End) -> int:
    return end.media.counters["restarts"]


@pytest.mark.parametrize("who", ["the caller", "the called", "both"])
async def test_a_restart_moves_the_sound_to_new_sockets_in_the_same_session(who: str) -> None:
    async with two_ends(talking=True) as (a, b):
        await both_hear(a, b)
        before = [end.media._path.connection for end in (a, b)]
        begun = a.audio.packets_received, b.audio.packets_received
        for end, asked in ((a, who != "the called"), (b, who != "the caller")):
            if asked:
                end.media.restart()
        await until(lambda: all(e.media._path.connection not in before for e in (a, b)))
        await both_hear(a, b)
        await asyncio.sleep(1.5)
        # whatever crossed: they do not restart each other for ever
        assert restarts(a) == restarts(b) == 1
        await both_hear(a, b)
        assert a.told == b.told == ["up"]
        for end, packets in zip((a, b), begun, strict=True):
            assert end.audio.packets_received > packets
            assert end.audio.session.counted().lost < 10


async def test_restarts_without_number_are_made_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, most = set[CallIce](), 0
    async with two_ends(talking=True) as (a, b):
        new = b.media._path._new

        def counting() -> CallIce:
            nonlocal most
            ice = new()
            made.add(ice)
            most = max(most, sum(not one._closed for one in made))
            return ice

        monkeypatch.setattr(b.media._path, "_new", counting)
        setup = json.loads(next(t for t in a.said if b"InitialSetup" in t))
        for n in range(500):
            b.media.receive(json.dumps(setup | {"ufrag": f"evil{n}", "pwd": "x" * 24}).encode())
            b.media.receive(b'{"@type": "Candidates", "candidates": []}')
        await asyncio.sleep(1.5)
        assert len(made) <= 3 and most <= 2
        assert b.told == ["up"] and b.media._dtls.state == "connected"


async def test_a_path_that_dies_is_sought_until_it_is_there_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(path, "RESTART_WITHIN", 0.5)
    async with two_ends(talking=True) as (a, b):
        await both_hear(a, b)
        for end in (a, b):
            end.hears = False
            await end.media._path.connection.close()  # as aioice does without consent
        await until(lambda: restarts(a) > 1)
        assert "closed" not in a.told + b.told
        for end in (a, b):
            end.hears = True
        await both_hear(a, b, 15)


async def test_without_any_address_it_waits_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_ends(talking=True) as (a, b):
        await both_hear(a, b)
        gather = CallIce.gather_candidates
        monkeypatch.setattr(a.media._path, "is_cut_off", lambda: True)
        monkeypatch.setattr(CallIce, "gather_candidates", _nothing)
        old, said = a.media._path.connection, len(a.said)
        await until(lambda: restarts(a) > 1)
        assert len(a.said) == said
        monkeypatch.setattr(CallIce, "gather_candidates", gather)
        monkeypatch.setattr(a.media._path, "is_cut_off", lambda: False)
        await until(lambda: a.media._path.connection is not old)
        await both_hear(a, b)


async def _nothing(self: CallIce) -> None:
    return


async def test_a_peer_that_falls_silent_is_told_and_so_is_its_return(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "SILENT_AFTER", 1.0)
    async with two_ends(talking=True) as (a, b):
        await both_hear(a, b)
        heard = b.media._path.connection
        b.media._path.connection.media = None
        monkeypatch.setattr(heard.__class__, "check_incoming", lambda *args, **named: None)
        frozen_out(a)
        await b.waits("silent")
        b.told.clear()
        monkeypatch.undo()
        b.media.restart()
        await b.waits("up")
        await both_hear(a, b)


# lies


@pytest.mark.parametrize("liar", ["the caller", "the called"])
async def test_a_false_fingerprint_is_a_failure_of_security(liar: str) -> None:
    async with two_ends(up=False) as (a, b):
        lies, believes = (a, b) if liar == "the caller" else (b, a)

        def alter(text: bytes) -> bytes:
            said = json.loads(text)
            for one in said.get("fingerprints", []):
                one["fingerprint"] = ":".join(["AB"] * 32)
            return json.dumps(said).encode()

        lies.alter = alter
        await until(lambda: bool(believes.told))
        assert believes.told[0].startswith("security")
        assert not believes.audio.packets_sent


# the end


async def test_who_hangs_up_closes_the_other_end_at_once() -> None:
    async with two_ends(talking=True) as (a, b):
        await both_hear(a, b)
        await a.media.close()
        await b.waits("closed", 1.0)


Stage = Callable[[End, End], Awaitable[None]]


async def at_once(a: End, b: End) -> None:
    return


async def in_the_middle(a: End, b: End) -> None:
    await until(lambda: bool(a.said))


async def talking(a: End, b: End) -> None:
    await asyncio.gather(a.waits("up"), b.waits("up"))


async def restarting(a: End, b: End) -> None:
    await talking(a, b)
    a.media.restart()
    await until(lambda: a.media._path._pending is not None)


@pytest.mark.parametrize("stage", [at_once, in_the_middle, talking, restarting])
async def test_closed_at_any_time_nothing_is_left(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with two_ends():
        pass  # what the first one loads
    tasks, files, threads = len(asyncio.all_tasks()), open_files(), threading.active_count()
    async with two_ends(up=False) as (a, b):
        await stage(a, b)
    for _ in range(300):
        if len(asyncio.all_tasks()) == tasks and not timers():
            break
        await asyncio.sleep(0.01)
    gc.collect()
    assert len(asyncio.all_tasks()) == tasks
    assert open_files() == files and threading.active_count() == threads
    assert not timers() and not caplog.records


def timers() -> list[asyncio.TimerHandle]:
    loop = asyncio.get_running_loop()
    return [one for one in loop._scheduled if not one.cancelled()]  # type: ignore[attr-defined]


def resident() -> int:
    """Kilobytes."""
    text = Path("/proc/self/status").read_text()
    return next(int(x.split()[1]) for x in text.splitlines() if "RssAnon" in x)


async def test_fifty_short_calls_leave_nothing_behind() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc to look into")

    async def calls(count: int) -> None:
        for _ in range(count):
            async with two_ends():
                pass

    await calls(10)
    tasks, files, threads = len(asyncio.all_tasks()), open_files(), threading.active_count()
    gc.collect()
    before = resident()
    await calls(50)
    await asyncio.sleep(0.05)
    gc.collect()
    assert len(asyncio.all_tasks()) == tasks and not timers()
    assert open_files() == files and threading.active_count() == threads
    assert resident() - before < 50 * 40  # a call has some 400 kB while it stands
