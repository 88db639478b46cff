"""The play-out buffer: packets of any length, in any order, late, doubled, after a freeze. Time by
hand.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.rtp.audio import Samples
from siptg.rtp.packet import RtpPacket
from siptg.rtp.playout.arrivals import MOST_PACKETS
from siptg.rtp.playout.jitter import LARGEST, SMALLEST, JitterBuffer
from siptg.rtp.playout.playout import Playout

RATE = 8000


class Counting:
    """A codec whose payload is how many samples of which value; it makes up −1."""

    rate = RATE

    def decode(self, payload: bytes) -> Samples:
        if payload == b"bad":
            raise ValueError("bad")
        count, value = payload.split(b":")
        return np.full(int(count), int(value), np.int16)

    def recover(self, payload: bytes, samples: int) -> Samples | None:
        return None

    def conceal(self, samples: int) -> Samples | None:
        return np.full(samples, -1, np.int16)


def packet(
    n: int, ms: int = 20, *, start: int = 0, ssrc: int = 1, value: int | None = None, gap: int = 0
) -> RtpPacket:
    """The n-th of packets of `ms`, its clock `gap` ms further than that."""
    ticks = ms * RATE // 1000
    payload = b"%d:%d" % (ticks, n + 1 if value is None else value)
    stamp = start * 160 + n * ticks + gap * RATE // 1000
    return RtpPacket(0, (start + n) & 0xFFFF, stamp & 0xFFFFFFFF, ssrc, payload)


def played(arrivals: list[tuple[float, RtpPacket]], beats: int) -> tuple[list[int], Playout]:
    """The last sample of each 20 ms frame, with arrivals at their times."""
    out, play, waiting = [], Playout(Counting(), RATE), sorted(arrivals, key=lambda a: a[0])
    for beat in range(beats):
        now = beat * 0.02
        while waiting and waiting[0][0] <= now + 1e-9:
            at, what = waiting.pop(0)
            play.push(what, at)
        frame = play.read(now)
        assert len(frame) == RATE // 50
        out.append(int(frame[-1]))
    return out, play


def without_silence(out: list[int]) -> list[int]:
    """What was heard, up to the last sound that came: concealment behind it is not the point."""
    last = max(n for n, v in enumerate(out) if v > 0)
    return [v for v in out[: last + 1] if v]


def test_even_packets_come_out_evenly_after_the_first_delay() -> None:
    out, play = played([(n * 0.02, packet(n)) for n in range(50)], 53)
    assert out[0] == 0 and without_silence(out) == list(range(1, 51))
    assert (play.buffer.lost, play.buffer.late, play.buffer.underruns) == (0, 0, 0)


@pytest.mark.parametrize("ms", [10, 20, 40, 60, 120])
def test_time_counts_not_packets(ms: int) -> None:
    count = 2400 // ms
    out, _ = played([(n * ms / 1000, packet(n, ms)) for n in range(count)], 123)
    heard = [v for v in out if v > 0]
    assert heard == sorted(heard) and len(heard) >= 119


def test_lengths_change_within_a_stream() -> None:
    """20, 60, 20, 120, 10 … ms: each is there when its sound is whole."""
    arrivals, at = [], 0
    for n, ms in enumerate([20, 20, 60, 20, 120, 10, 10, 20, 40] * 20):
        payload = b"%d:%d" % (ms * 8, n + 1)
        arrivals.append(((at + ms) / 1000, RtpPacket(0, n, at * 8, 1, payload)))
        at += ms
    out, play = played(arrivals, at // 20 + 10)
    heard = [v for v in without_silence(out) if v > 0]
    assert heard == sorted(heard) and set(heard) >= set(range(20, 181)) - {
        n
        for n in range(1, 181)
        if n % 9 in (6, 7)  # of two packets of 10 ms one begins a frame
    }
    assert play.concealed <= 8 and play.buffer.dropped == 0


def test_the_burst_at_the_start_is_not_taken_for_jitter() -> None:
    burst = [(0.0, packet(n, 10)) for n in range(20)]
    rest = [(0.01 * (n - 19), packet(n, 10)) for n in range(20, 120)]
    out, play = played(burst + rest, 62)
    heard = [v for v in out if v > 0]
    assert heard == sorted(heard) and play.buffer.target <= 0.06
    assert len(heard) >= 50 and play.buffer.dropped == 0


@pytest.mark.rfc(3550, "5.1")
def test_reordered_packets_play_in_order_and_are_counted() -> None:
    order = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
    out, play = played([(i * 0.02, packet(n)) for i, n in enumerate(order)], 15)
    heard = [v for v in without_silence(out) if v > 0]
    assert heard == list(range(1, 11)) and play.buffer.reordered == 5


def test_doubles_are_counted_and_played_once() -> None:
    arrivals = [(n * 0.02, packet(n)) for n in range(10) for _ in range(2)]
    arrivals += [(n * 0.02 + 0.05, packet(n)) for n in range(10)]
    out, play = played(arrivals, 16)
    assert without_silence(out) == list(range(1, 11))
    assert (play.buffer.duplicate, play.buffer.late) == (20, 0)


def test_a_lost_packet_is_concealed_and_the_next_is_in_its_place() -> None:
    out, play = played([(n * 0.02, packet(n)) for n in range(20) if n != 7], 24)
    heard = without_silence(out)
    assert heard == [1, 2, 3, 4, 5, 6, 7, -1, *range(9, 21)]
    assert (play.buffer.lost, play.concealed) == (1, 1)


def test_a_packet_that_comes_after_its_gap_was_passed_is_late_and_not_lost() -> None:
    arrivals = [(n * 0.02, packet(n)) for n in range(20) if n != 7]
    out, play = played([*arrivals, (0.26, packet(7))], 24)
    heard = without_silence(out)
    assert heard[:12] == [1, 2, 3, 4, 5, 6, 7, -1, 9, 10, 11, 12] and 8 not in heard
    assert (play.buffer.lost, play.buffer.late, play.buffer.reordered) == (0, 1, 1)
    assert play.buffer.target > 0.1  # so young a stream takes it for the network's way


def test_a_packet_that_comes_late_while_nothing_else_is_there_is_played() -> None:
    arrivals = [(n * 0.02 + (0.05 if n >= 7 else 0.0), packet(n)) for n in range(20)]
    out, play = played(arrivals, 26)
    assert without_silence(out) == [1, 2, 3, 4, 5, 6, 7, -1, -1, *range(8, 21)]
    assert (play.buffer.lost, play.buffer.late, play.buffer.underruns) == (0, 0, 1)


def test_when_nothing_comes_it_is_concealed_for_a_while_and_then_silent() -> None:
    out, play = played([(n * 0.02, packet(n)) for n in range(5)], 100)
    tail = out[out.index(5) + 1 :]
    assert tail[:50] == [-1] * 50 and tail[51:] == [0] * len(tail[51:])
    assert play.concealed == 0  # she may have muted: nothing is known to be lost


@pytest.mark.rfc(3551, "4.1")
@pytest.mark.parametrize("gap", [40, 200, 1000, 20_000])
def test_a_pause_whose_numbers_go_on_is_no_loss(gap: int) -> None:
    """Silence suppression: the clock runs on, packets do not."""
    first = [(n * 0.02, packet(n)) for n in range(20)]
    then = [(n * 0.02 + gap / 1000, packet(n, gap=gap)) for n in range(20, 40)]
    out, play = played(first + then, 44 + gap // 20)
    assert [v for v in out if v > 0] == list(range(1, 41))
    silent = out.index(21) - out.index(20) - 1
    assert silent == gap // 20
    assert (play.buffer.lost, play.buffer.late, play.concealed) == (0, 0, 0)


@pytest.mark.parametrize("seconds", [0.5, 2.0, 5.0, 60.0])
def test_a_clock_that_stood_still_while_she_was_mute_goes_on_without_loss(seconds: float) -> None:
    first = [(n * 0.02, packet(n)) for n in range(20)]
    then = [(n * 0.02 + seconds, packet(n)) for n in range(20, 60)]
    out, play = played(first + then, 64 + int(seconds * 50))
    assert [v for v in out if v > 0] == list(range(1, 61))
    assert play.buffer.target == pytest.approx(SMALLEST)


def test_after_a_freeze_old_sound_is_thrown_away() -> None:
    """Twelve seconds asleep, then everything at once: she is heard as she is now, not as she
    was.
    """
    before = [(n * 0.02, packet(n)) for n in range(20)]
    burst = [(12.0, packet(n)) for n in range(20, 600)]
    after = [(12.0 + (n - 599) * 0.02, packet(n)) for n in range(600, 650)]
    out, play = played(before + burst + after, 660)
    first = next(v for v in out[600:] if v > 0)
    assert first > 580 and play.buffer.delay <= 0.1
    assert play.buffer.dropped > 500 and play.buffer.lost == 0


def test_a_short_freeze_is_caught_up_with_without_throwing_anything_away() -> None:
    arrivals = [(max(n * 0.02, 2.3 if n > 100 else 0.0), packet(n)) for n in range(400)]
    out, play = played(arrivals, 400)
    assert play.buffer.dropped == play.buffer.lost == play.buffer.late == 0
    assert out[-1] > 395 and 0.25 < play.pace.shrunk < 0.35


@pytest.mark.rfc(3550, "8.2")
def test_a_new_source_or_a_jump_in_time_begins_anew() -> None:
    old = [(n * 0.02, packet(n)) for n in range(10)]
    new = [(0.2 + n * 0.02, packet(n, ssrc=2, start=40_000, value=100 + n)) for n in range(10)]
    out, _ = played(old + new, 25)
    assert [v for v in out if v >= 100] == list(range(100, 110))
    jump = [(n * 0.02, packet(n, gap=3_600_000)) for n in range(10, 20)]
    out, _ = played(old + jump, 25)
    assert [v for v in out if v > 0][-10:] == list(range(11, 21))
    back = [(n * 0.02, packet(n, gap=-3_600_000)) for n in range(10, 20)]
    out, _ = played(old + back, 25)
    assert [v for v in out if v > 0][-10:] == list(range(11, 21))


@pytest.mark.parametrize("gap", [-1500, -300, 300, 1500])
def test_a_small_jump_of_the_clock_costs_a_moment_at_most(gap: int) -> None:
    """A gateway that changes its source behind the same numbers."""
    old = [(n * 0.02, packet(n)) for n in range(50)]
    new = [(n * 0.02, packet(n, gap=gap)) for n in range(50, 200)]
    out, play = played(old + new, 204)
    heard = [v for v in out if v > 0]
    assert heard == sorted(heard) and heard[-1] == 200 and len(heard) > 190
    assert play.buffer.delay < 0.05


@pytest.mark.rfc(3550, "8.2")
def test_a_stranger_between_the_packets_is_not_listened_to() -> None:
    """Two sources at once: the one that was there first is heard, whole."""
    ours = [(n * 0.02, packet(n)) for n in range(60)]
    theirs = [(n * 0.02 + 0.01, packet(n, ssrc=9, value=5000 + n)) for n in range(10, 50)]
    wild = [(0.505, packet(25, gap=50_000_000, value=7000))]
    out, play = played(ours + theirs + wild, 64)
    assert without_silence(out) == list(range(1, 61))
    assert play.buffer.lost == play.buffer.dropped == 0


@pytest.mark.rfc(3550, "5.1")
def test_numbers_wrap() -> None:
    start = 0xFFFF - 5
    arrivals = []
    for n in range(20):
        stamp = (0xFFFFFFFF - 5 * 160 + n * 160) & 0xFFFFFFFF
        arrivals.append(
            (n * 0.02, RtpPacket(0, (start + n) & 0xFFFF, stamp, 1, b"160:%d" % (n + 1)))
        )
    out, play = played(arrivals, 24)
    assert without_silence(out) == list(range(1, 21)) and play.buffer.lost == 0


def test_garbage_payloads_cost_their_own_time_only() -> None:
    arrivals = [(n * 0.02, packet(n)) for n in range(10)]
    for payload in (b"bad", b"0:1", b"99999:1"):
        arrivals[4] = (arrivals[4][0], packet(4)._replace(payload=payload))
        out, play = played(arrivals, 14)
        heard = [v for v in out if v > 0]
        assert heard == [1, 2, 3, 4, 6, 7, 8, 9, 10] and play.garbage == 1
        assert (play.buffer.lost, out.index(6) - out.index(4)) == (0, 2)


def test_sound_that_nobody_read_for_a_while_is_left_out() -> None:
    play = Playout(Counting(), RATE)
    out = []
    for n in range(270):
        play.push(packet(n), n * 0.02)
        if not 50 <= n < 250:
            out.append(int(play.read(n * 0.02)[-1]))
    assert min(out[50:]) > 245 and play.buffer.dropped > 190


def test_memory_is_bounded_whatever_comes() -> None:
    buffer = JitterBuffer(RATE)
    for n in range(5 * MOST_PACKETS):
        buffer.push(packet(n % 3000 * 7 % 400), 0.0)
        buffer.push(packet(n), 0.0)
        buffer.push(packet(n, gap=-7), 0.0)
        buffer.push(packet(n, ssrc=n), 0.0)
    assert len(buffer.waiting) <= MOST_PACKETS
    assert len(buffer.transit.late) <= 128 and len(buffer.recent) <= 16


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
    assert SMALLEST - 1e-9 <= play.buffer.target <= LARGEST + 0.01
