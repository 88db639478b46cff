"""The play-out: packets of any length, in any order, late, doubled, after a freeze. Time by
hand.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.rtp.audio import Samples
from siptg.rtp.jitter import LARGEST, MOST_PACKETS, JitterBuffer
from siptg.rtp.packet import RtpPacket
from siptg.rtp.playout import Playout

RATE = 8000


class Counting:
    """A codec whose payload is how many samples of which value."""

    rate = RATE

    def decode(self, payload: bytes) -> Samples:
        if payload == b"bad":
            raise ValueError("bad")
        count, value = payload.split(b":")
        return np.full(int(count), int(value), np.int16)

    def conceal(self, samples: int) -> Samples:
        return np.full(samples, -1, np.int16)


def packet(
    n: int, ms: int = 20, *, start: int = 0, ssrc: int = 1, value: int | None = None
) -> RtpPacket:
    ticks = ms * RATE // 1000
    payload = b"%d:%d" % (ticks, n + 1 if value is None else value)
    return RtpPacket(0, (start + n) & 0xFFFF, (start * 160 + n * ticks) & 0xFFFFFFFF, ssrc, payload)


def played(arrivals: list[tuple[float, RtpPacket]], beats: int) -> tuple[list[int], Playout]:
    """The first sample of each 20 ms frame, with arrivals at their times."""
    out, play, waiting = [], Playout(Counting(), RATE), sorted(arrivals, key=lambda a: a[0])
    for beat in range(beats):
        now = beat * 0.02
        while waiting and waiting[0][0] <= now + 1e-9:
            at, what = waiting.pop(0)
            play.push(what, at)
        frame = play.read(now)
        assert len(frame) == RATE // 50
        out.append(int(frame[0]))
    return out, play


def without_silence(out: list[int]) -> list[int]:
    """What was heard, up to the last sound that came: concealment behind it is not the point."""
    last = max(n for n, v in enumerate(out) if v > 0)
    return [v for v in out[: last + 1] if v]


def test_even_packets_come_out_evenly_after_the_first_delay() -> None:
    out, play = played([(n * 0.02, packet(n)) for n in range(50)], 53)
    assert out[:2] == [0, 0] and without_silence(out) == list(range(1, 51))
    assert (play.buffer.lost, play.buffer.late) == (0, 0)


@pytest.mark.parametrize("ms", [10, 20, 40, 60, 120])
def test_time_counts_not_packets(ms: int) -> None:
    count = 2400 // ms
    out, _ = played([(n * ms / 1000, packet(n, ms)) for n in range(count)], 120)
    heard = [v for v in out if v > 0]
    assert heard == sorted(heard) and len(heard) >= 108


def test_the_burst_at_the_start_is_not_taken_for_jitter() -> None:
    burst = [(0.0, packet(n, 10)) for n in range(20)]
    rest = [(0.01 * (n - 19), packet(n, 10)) for n in range(20, 120)]
    out, play = played(burst + rest, 62)
    heard = [v for v in out if v > 0]
    assert heard == sorted(heard) and play.buffer.delay <= 0.06
    assert len(heard) >= 50


def test_reordered_packets_play_in_order() -> None:
    order = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
    out, _ = played([(i * 0.02, packet(n)) for i, n in enumerate(order)], 15)
    heard = [v for v in without_silence(out) if v > 0]
    assert heard == list(range(1, 11))


def test_doubles_are_counted_and_played_once() -> None:
    arrivals = [(n * 0.02, packet(n)) for n in range(10) for _ in range(2)]
    out, play = played(arrivals, 14)
    assert [v for v in out if v > 0] == list(range(1, 11))
    assert play.buffer.duplicate + play.buffer.late == 10


def test_a_lost_packet_is_concealed_and_the_next_is_in_its_place() -> None:
    out, _ = played([(n * 0.02, packet(n)) for n in range(20) if n != 7], 24)
    heard = without_silence(out)
    assert heard == [1, 2, 3, 4, 5, 6, 7, -1, *range(9, 21)]


def test_when_nothing_comes_it_is_concealed_for_a_while_and_then_silent() -> None:
    out, _ = played([(n * 0.02, packet(n)) for n in range(5)], 40)
    tail = out[out.index(5) + 1 :]
    assert 1 <= tail.count(-1) <= 6 and tail[-20:] == [0] * 20


def test_after_a_freeze_old_sound_is_thrown_away() -> None:
    """Twelve seconds asleep, then everything at once: she is heard as she is now, not as she
    was.
    """
    before = [(n * 0.02, packet(n)) for n in range(20)]
    burst = [(12.0, packet(n)) for n in range(20, 600)]
    after = [(12.0 + (n - 599) * 0.02, packet(n)) for n in range(600, 650)]
    out, play = played(before + burst + after, 660)
    first = next(v for v in out[600:] if v > 0)
    assert first > 580 and play.buffer.depth() <= 0.5
    assert play.buffer.lost > 500


def test_a_new_source_or_a_jump_in_time_begins_anew() -> None:
    old = [(n * 0.02, packet(n)) for n in range(10)]
    new = [(0.2 + n * 0.02, packet(n, ssrc=2, start=40_000, value=100 + n)) for n in range(10)]
    out, _ = played(old + new, 25)
    assert [v for v in out if v >= 100] == list(range(100, 110))


def test_numbers_wrap() -> None:
    start = 0xFFFF - 5
    arrivals = []
    for n in range(20):
        stamp = (0xFFFFFFFF - 5 * 160 + n * 160) & 0xFFFFFFFF
        arrivals.append(
            (n * 0.02, RtpPacket(0, (start + n) & 0xFFFF, stamp, 1, b"160:%d" % (n + 1)))
        )
    out, _ = played(arrivals, 24)
    assert without_silence(out) == list(range(1, 21))


def test_garbage_payloads_cost_their_own_time_only() -> None:
    arrivals = [(n * 0.02, packet(n)) for n in range(10)]
    bad = packet(4)._replace(payload=b"bad")
    arrivals[4] = (arrivals[4][0], bad)
    out, play = played(arrivals, 14)
    assert [v for v in out if v > 0] == [1, 2, 3, 4, 6, 7, 8, 9, 10] and play.garbage == 1


def test_memory_is_bounded_whatever_comes() -> None:
    buffer = JitterBuffer(RATE)
    for n in range(5 * MOST_PACKETS):
        buffer.push(packet(n % 3000 * 7 % 400), 0.0)
        buffer.push(packet(n), 0.0)
    assert len(buffer._waiting) <= MOST_PACKETS


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 3), st.integers(0, 100), st.sampled_from([10, 20, 60])), max_size=150
    )
)
def test_any_arrivals_give_whole_frames_and_a_sane_delay(
    arrivals: list[tuple[float, int, int]],
) -> None:
    _, play = played([(at, packet(n, ms)) for at, n, ms in arrivals], 170)
    assert 0 < play.buffer.delay <= LARGEST
