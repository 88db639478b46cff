"""Timers of many machines: in order, cancelled without a trace, cheap where many are alike."""

from __future__ import annotations

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st

from siptg.machine import Symbol
from siptg.timers import TimerQueue


class Timer(Symbol):
    A = "A"
    B = "B"
    C = "C"


class Owner:
    def __init__(self, name: str = "", log: list[tuple[float, str]] | None = None) -> None:
        self.name, self.log = name, log if log is not None else []

    def fire(self, timer: Symbol, now: float) -> None:
        self.log.append((now, f"{self.name}{timer.name}"))


def test_timers_set_and_timers_of_a_fixed_length_fire_in_one_order() -> None:
    queue, owner = TimerQueue(), Owner()
    queue.after(owner, Timer.A, 32.0, 0.0)
    queue.set(owner, Timer.B, 31.0)
    queue.after(owner, Timer.C, 5.0, 26.5)
    assert (queue.next_deadline(), len(queue)) == (31.0, 3)
    queue.fire_due(40.0)
    assert owner.log == [(31.0, "B"), (31.5, "C"), (32.0, "A")]
    assert (queue.next_deadline(), len(queue)) == (None, 0)


def test_a_timer_that_is_set_again_is_moved_and_one_of_many_can_be_cancelled() -> None:
    queue, owner = TimerQueue(), Owner()
    for timer in Timer:
        queue.after(owner, timer, 1.0, 0.0)
    queue.set(owner, Timer.A, 3.0)
    queue.cancel(owner, Timer.B)
    queue.fire_due(10.0)
    assert owner.log == [(1.0, "C"), (3.0, "A")]


def test_a_clock_that_goes_back_does_not_disturb_the_order() -> None:
    queue, owner = TimerQueue(), Owner()
    queue.after(owner, Timer.A, 1.0, 5.0)
    queue.after(owner, Timer.B, 1.0, 4.0)
    queue.fire_due(10.0)
    assert owner.log == [(5.0, "B"), (6.0, "A")]


def test_a_cancelled_timer_does_not_keep_its_owner() -> None:
    queue, owner = TimerQueue(), Owner()
    gone = weakref.ref(owner)
    queue.set(owner, Timer.A, 900.0)
    queue.after(owner, Timer.B, 32.0, 0.0)
    queue.cancel(owner, Timer.A, Timer.B)
    del owner
    gc.collect()
    assert gone() is None and queue.next_deadline() is None


def test_cancelled_timers_do_not_pile_up() -> None:
    queue, owner = TimerQueue(), Owner()
    for n in range(10_000):
        queue.set(owner, Timer.A, 1000.0 + n)
    assert len(queue._heap) < 200 and len(queue) == 1


acts = st.tuples(
    st.integers(0, 3), st.sampled_from(list(Timer)), st.sampled_from([0.2, 0.5, 5.0, 32.0, -1.0])
)


@given(st.lists(acts, max_size=60))
def test_whatever_is_set_and_cancelled_fires_as_a_plain_table_of_deadlines_says(
    given: list[tuple[int, Timer, float]],
) -> None:
    queue, log = TimerQueue(), list[tuple[float, str]]()
    owners = [Owner(str(n), log) for n in range(4)]
    wanted: dict[str, float] = {}
    for now, (who, timer, seconds) in enumerate(given):
        queue.fire_due(float(now))
        wanted = {name: at for name, at in wanted.items() if at > now}
        name = f"{who}{timer.name}"
        wanted.pop(name, None)
        if seconds < 0:
            queue.cancel(owners[who], timer)
        elif who % 2:
            queue.set(owners[who], timer, now + seconds)
            wanted[name] = now + seconds
        else:
            queue.after(owners[who], timer, seconds, float(now))
            wanted[name] = now + seconds
    assert (len(queue), queue.next_deadline()) == (len(wanted), min(wanted.values(), default=None))
    before = len(log)
    queue.fire_due(1e9)
    assert sorted(log[before:]) == sorted((at, name) for name, at in wanted.items())
    assert [at for at, _ in log[before:]] == sorted(at for at, _ in log[before:])
