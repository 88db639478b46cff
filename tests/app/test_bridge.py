"""The bridge between two parties made of paper: an hour of call in no time."""

from __future__ import annotations

import asyncio

import pytest

from siptg.app.bridge import Bridge, Parted, play_to
from siptg.app.causes import Cause
from siptg.app.legs import Answered, Digit, Ended, Held, LegEvent, Ringing
from tests.support.paper import PaperBeat, PaperLeg, TunablePort, steady


def test_each_party_hears_the_other() -> None:
    a, b = PaperLeg("a", says=1), PaperLeg("b", says=2)
    Bridge(a, b).tick()
    assert (a.audio.heard, b.audio.heard) == ([2], [1])


def test_the_leg_that_can_choose_follows_the_rate_of_the_other() -> None:
    a, b = PaperLeg("a", rate=8000), PaperLeg("b")
    b.audio = TunablePort(rate=48_000)
    Bridge(a, b).tick()
    assert b.audio.rate == 8000


def test_of_two_legs_that_cannot_choose_the_higher_is_resampled() -> None:
    """PCMU and G.722."""
    a, b = PaperLeg("a", says=1000, rate=8000), PaperLeg("b", says=-1000, rate=16_000)
    bridge = Bridge(a, b)
    for _ in range(20):
        bridge.tick()
    assert len(a.audio.heard) == len(b.audio.heard) == 20
    assert a.audio.heard[-1] == pytest.approx(-1000, abs=10)
    assert b.audio.heard[-1] == pytest.approx(1000, abs=10)
    b.audio = TunablePort(rate=16_000)  # another leg took its place
    bridge.tick()
    assert b.audio.rate == 8000


@pytest.mark.looptime
async def test_control_crosses_the_bridge_for_an_hour_and_the_end_is_reported() -> None:
    a = PaperLeg("a", (5, Digit("7")), (1, Held(True)), (3600, Ended(Cause.HANGUP, "bye")))
    b = PaperLeg("b", (1, Ringing()), (1, Answered()))
    seen: list[tuple[str, LegEvent]] = []
    bridge = Bridge(a, b, watch=lambda leg, event: seen.append((leg.id, event)))
    assert await bridge.run(PaperBeat(seconds=60)) == Parted(a, Cause.HANGUP, "bye")
    assert (a.told, b.told) == (["ring", "answer"], ["press 7", "hold True"])
    assert [leg for leg, _ in seen] == ["b", "b", "a", "a", "a"]
    assert asyncio.get_running_loop().time() == pytest.approx(3606, abs=0.1)


@pytest.mark.looptime
async def test_ringback_is_heard_until_the_answer_and_by_the_first_leg_alone() -> None:
    a = PaperLeg("a", (4, Ended(Cause.HANGUP)), says=1)
    b = PaperLeg("b", (1, Ringing()), (1, Answered()), says=2)
    await Bridge(a, b, steady(77, 3600)).run(PaperBeat())
    changes = [v for n, v in enumerate(a.audio.heard) if n == 0 or a.audio.heard[n - 1] != v]
    assert changes == [2, 77, 2]
    assert set(b.audio.heard) == {1}
    assert a.audio.heard.count(77) == pytest.approx(50, abs=2)


@pytest.mark.looptime
async def test_early_media_takes_the_place_of_ringback() -> None:
    a = PaperLeg("a", (3, Ended(Cause.HANGUP)))
    b = PaperLeg("b", (1, Ringing()), (1, Ringing(early_audio=True)), says=2)
    await Bridge(a, b, steady(77, 3600)).run(PaperBeat())
    assert a.audio.heard[-1] == 2 and 77 in a.audio.heard


@pytest.mark.looptime
async def test_after_the_end_the_bridge_is_off_the_beat() -> None:
    beat = PaperBeat()
    await Bridge(PaperLeg("a", (1, Ended(Cause.LOST))), PaperLeg("b")).run(beat)
    assert beat.ticks == []


@pytest.mark.looptime
async def test_a_cancelled_bridge_leaves_both_legs_as_they_are() -> None:
    a, b, beat = PaperLeg("a"), PaperLeg("b"), PaperBeat()
    running = asyncio.create_task(Bridge(a, b).run(beat))
    await asyncio.sleep(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (a.told, b.told, beat.ticks) == ([], [], [])


@pytest.mark.looptime
async def test_a_sound_is_played_to_one_leg_to_its_end() -> None:
    leg, beat = PaperLeg("a"), PaperBeat()
    await play_to(leg, steady(66, 3), beat)
    assert leg.audio.heard == [66] * 150
    assert asyncio.get_running_loop().time() == pytest.approx(3.02, abs=0.05)
    assert beat.ticks == []
