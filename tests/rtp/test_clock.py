"""The beat: turns, its order, what it skips, and who broke it."""

from __future__ import annotations

import asyncio
import socket

import pytest

from siptg.rtp.clock import TURNS, MediaClock
from siptg.rtp.wire import Wire, open_socket


async def test_each_tick_comes_once_a_beat_and_ticks_are_spread_over_the_turns() -> None:
    clock, seen = MediaClock(), list[tuple[int, int]]()
    for number in range(2 * TURNS):
        clock.add(lambda number=number: seen.append((clock.turns, number)))  # type: ignore[misc]
    clock.beat()
    assert sorted(number for _, number in seen) == list(range(2 * TURNS))
    turns = [turn for turn, _ in seen]
    assert {turn: turns.count(turn) for turn in turns} == {n + 1: 2 for n in range(TURNS)}
    clock.beat()
    assert len(seen) == 4 * TURNS and clock.beats == 2
    clock.poller.close()


async def test_a_tick_that_breaks_is_taken_off_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, seen = MediaClock(), list[str]()

    def broken() -> None:
        raise RuntimeError("that was one call's fault")

    clock.add(broken)
    clock.add(lambda: seen.append("x"))
    clock.beat()
    clock.beat()
    assert (seen, clock.failures) == (["x", "x"], 1)
    assert "taken off the beat" in caplog.text
    clock.poller.close()


async def test_a_tick_that_was_removed_by_another_one_of_its_turn_does_not_come() -> None:
    clock, seen = MediaClock(), list[str]()

    def first() -> None:
        seen.append("first")
        clock.remove(second)

    def second() -> None:
        seen.append("second")

    clock.add(first)
    for _ in range(TURNS - 1):
        clock.add(lambda _=_: None)  # type: ignore[misc]
    clock.add(second)  # in the turn of the first
    clock.beat()
    assert seen == ["first"]
    clock.poller.close()


@pytest.mark.looptime
async def test_it_keeps_time_without_drift() -> None:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    async with MediaClock(loop.time) as clock:
        clock.add(lambda: times.append(loop.time()))
        await asyncio.sleep(60.01)
    assert len(times) == pytest.approx(3000, abs=1)
    assert times[-1] - times[0] == pytest.approx((len(times) - 1) * 0.02, abs=0.006)
    assert clock.lateness() <= 0.001


@pytest.mark.looptime
async def test_an_idle_clock_does_not_beat_and_one_that_was_asleep_begins_at_once() -> None:
    loop = asyncio.get_running_loop()
    async with MediaClock(loop.time) as clock:
        await asyncio.sleep(10)
        assert clock.turns == 0
        begun, first = loop.time(), loop.create_future()
        clock.add(lambda: None if first.done() else first.set_result(loop.time()))
        assert await first - begun <= 0.021


async def test_wires_are_emptied_before_each_turn() -> None:
    clock, heard = MediaClock(), list[bytes]()
    wire = Wire(open_socket(("127.0.0.1", 0)), lambda data, source, arrived: heard.append(data))
    wire.give_to(clock.poller)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for n in range(5):
            sender.sendto(b"%d" % n, wire.address)
    await asyncio.sleep(0)
    assert heard == [], "the loop leaves it alone"
    clock.turn()
    assert heard == [b"0", b"1", b"2", b"3", b"4"]
    wire.close()
    assert len(clock.poller) == 0
    clock.poller.close()


async def test_a_late_beat_is_told_by_percentiles() -> None:
    clock = MediaClock()
    for late in [0] * 98 + [7, 30]:
        clock._late[late] += 1
    assert (clock.lateness(0.5), clock.lateness(0.99), clock.lateness(1.0)) == (0.0, 0.007, 0.03)
    clock.forget_lateness()
    assert clock.lateness() == 0.0
    clock.poller.close()
