"""Pass-through: packets undecoded when their samples would be played, and back, seamlessly."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from siptg.rtp.audio import Samples
from siptg.rtp.codecs import OPUS, PCMU
from siptg.rtp.codecs.opus_packet import duration
from siptg.rtp.packet import RtpPacket
from siptg.rtp.playout.playout import Playout
from tests.rtp.playout.test_jitter import Counting, packet
from tests.support import net

Passing = Callable[[int], bool]


def passed(
    playout: Playout,
    coming: Sequence[net.Arrival],
    beats: int,
    passing: Passing,
    decoded: Callable[[RtpPacket], Samples],
    phase: float = 0.007,
) -> Samples:
    """What the far end hears of a bridge that passes packets on at some beats, samples at others.

    It turns to packets where `whole` allows it, and does not send again what is `ahead`.
    """
    out: list[Samples] = []
    waiting = list(coming)[::-1]
    packets, again = False, 0
    for beat in range(beats):
        now = beat * 0.02 + phase
        while waiting and waiting[-1][0] <= now:
            at, one = waiting.pop()
            playout.push(one, at)
        if passing(beat) and (packets or playout.whole):
            packets = True
            while (one_or_none := playout.pull(now)) is not None:
                out.append(decoded(one_or_none))
        else:
            if packets:
                again, packets = playout.ahead, False
            frame = playout.read(now)
            assert len(frame) == playout.rate // 50
            if again:
                again -= 1
            else:
                out.append(frame)
    return np.concatenate(out)


def by_turns(beat: int) -> bool:
    return beat // 37 % 2 == 1


@pytest.mark.parametrize("ms", [10, 20, 30, 40, 60])
def test_a_tone_passes_every_switch_with_level_and_phase(ms: int) -> None:
    law = PCMU.decoder(8000)
    for phase in (0.0, 0.007, 0.0151):
        sound = net.tone(8000, 15)
        sent = net.packets(sound, PCMU.encoder(8000, ""), 8000, 8000, ms)
        playout = Playout(PCMU.decoder(8000), 8000, ticks_of=len)
        coming = net.arrivals(sent, 8000, length=ms / 1000)
        out = passed(playout, coming, 740, by_turns, lambda p: law.decode(p.payload), phase)
        assert len(out) == pytest.approx(740 * 160, abs=640)
        heard = out[8000:]
        assert net.beside_a_sine(heard, 8000, 440).max() < -34
        assert net.steepest(heard) <= 1.01 * net.steepest(sound)
        assert net.rms(heard) == pytest.approx(net.rms(sound), rel=0.01)
        assert (playout.concealed, playout.buffer.lost, playout.buffer.late) == (0, 0, 0)


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@pytest.mark.parametrize("ms", [20, 40, 60])
def test_so_does_it_in_opus_whose_decoder_has_to_be_primed(rate: int, ms: int) -> None:
    sound = net.tone(rate, 10)
    sent = net.packets(sound, OPUS.encoder(rate, ""), rate, 48_000, ms)
    ear = OPUS.decoder(rate)
    truth = {one.sequence: ear.decode(one.payload) for one in sent}
    alone = net.beside_a_sine(np.concatenate(list(truth.values()))[rate:], rate, 440).max()
    playout = Playout(OPUS.decoder(rate), 48_000, ticks_of=duration)
    coming = net.arrivals(sent, 48_000, length=ms / 1000)
    out = passed(playout, coming, 490, by_turns, lambda p: truth[p.sequence])
    assert len(out) == pytest.approx(490 * rate // 50, abs=rate * 80 // 1000)
    heard = out[rate:]
    assert net.beside_a_sine(heard, rate, 440).max() < alone + 1.5
    assert net.rms(heard) == pytest.approx(net.rms(sound), rel=0.03)
    assert (playout.concealed, playout.buffer.lost, playout.buffer.late) == (0, 0, 0)


def test_talk_passes_the_switches_as_a_decoder_that_heard_all_would_give_it() -> None:
    sound = net.talk(16_000, 10)
    sent = net.packets(sound, OPUS.encoder(16_000, ""), 16_000, 48_000)
    ear = OPUS.decoder(16_000)
    truth = {one.sequence: ear.decode(one.payload) for one in sent}
    whole = np.concatenate(list(truth.values())).astype(np.float64)
    playout = Playout(OPUS.decoder(16_000), 48_000, ticks_of=duration)
    coming = net.arrivals(sent, 48_000)
    out = passed(playout, coming, 490, by_turns, lambda p: truth[p.sequence])
    begin = next(n for n in range(0, len(out), 320) if np.abs(out[n : n + 320]).max() > 0)
    start = int(np.flatnonzero(np.abs(whole).reshape(-1, 320).max(axis=1))[0]) * 320
    heard = out[begin:].astype(np.float64)
    wrong = heard - whole[start : start + len(heard)]
    assert net.rms(wrong) < 0.02 * net.rms(whole)


@pytest.mark.parametrize("ms", [10, 20, 40, 60])
def test_each_packet_is_heard_once_whenever_the_bridge_turns(ms: int) -> None:
    chance = random.Random(ms)
    turns = [chance.random() < 0.5 for _ in range(500)]
    coming = [(n * ms / 1000, packet(n, ms)) for n in range(8000 // ms)]
    playout = Playout(Counting(), 8000, ticks_of=lambda payload: int(payload.split(b":")[0]))
    ear = Counting()
    out = passed(playout, coming, 390, turns.__getitem__, lambda p: ear.decode(p.payload))
    heard = out[out > 0]
    assert (np.diff(heard) >= 0).all()
    number, count = np.unique(heard, return_counts=True)
    assert set(count[1:-1]) == {ms * 8} and list(number) == list(range(1, len(number) + 1))
    assert len(heard) > 380 * 160


def test_only_pulling_gives_all_packets_in_order_at_a_steady_pace() -> None:
    chance = random.Random(2)
    coming = sorted(
        ((n * 0.02 + chance.uniform(0, 0.03), packet(n)) for n in range(1000)), key=lambda a: a[0]
    )
    playout = Playout(Counting(), 8000)
    got: list[int] = []
    per_beat: list[int] = []
    for beat in range(1010):
        now = beat * 0.02 + 0.007
        while coming and coming[0][0] <= now:
            at, one = coming.pop(0)
            playout.push(one, at)
        before = len(got)
        while (one_or_none := playout.pull(now)) is not None:
            got.append(one_or_none.sequence)
        per_beat.append(len(got) - before)
    assert got == list(range(1000))
    assert per_beat[50:900].count(1) >= 845
    assert playout.buffer.delay < 0.06


@pytest.mark.parametrize("ppm", [2000, -2000])
def test_drift_is_followed_by_whole_beats_while_packets_pass(ppm: int) -> None:
    """Nothing is lost: a beat without a packet, or one with two."""
    got: list[int] = []
    doubles = none = 0
    playout = Playout(Counting(), 8000)
    coming = [(n * 0.02 * (1 + ppm * 1e-6), packet(n)) for n in range(6000)][::-1]
    for beat in range(5900):
        now = beat * 0.02 + 0.007
        while coming and coming[-1][0] <= now:
            at, one = coming.pop()
            playout.push(one, at)
        count = 0
        while (one_or_none := playout.pull(now)) is not None:
            got.append(one_or_none.sequence)
            count += 1
        doubles, none = doubles + (count == 2), none + (count == 0)
    assert got == list(range(len(got))) and len(got) > 5880
    expected = 5900 * 2000e-6
    assert (none if ppm > 0 else doubles) == pytest.approx(expected, abs=3)
    assert (doubles if ppm > 0 else none) <= 2
    assert playout.buffer.late == playout.buffer.dropped == 0


def test_a_lost_packet_leaves_its_beat_empty() -> None:
    playout, beats = Playout(Counting(), 8000), []
    for beat in range(40):
        if beat != 20:
            playout.push(packet(beat), beat * 0.02)
        got: list[int] = []
        while (one := playout.pull(beat * 0.02 + 0.015)) is not None:
            got.append(one.sequence)
        beats.append(got)
    at = beats.index([19])
    assert beats[at : at + 4] == [[19], [], [21], [22]]
    assert playout.buffer.lost == 1


def test_a_single_call_a_beat_will_do_for_packets_of_a_beat() -> None:
    playout, got = Playout(Counting(), 8000), []
    for beat in range(60):
        playout.push(packet(beat), beat * 0.02)
        one = playout.pull(beat * 0.02 + 0.015)
        if one is not None:
            got.append(one.sequence)
    assert got == list(range(len(got))) and len(got) >= 58


def test_a_payload_whose_length_nobody_knows_counts_as_a_beat() -> None:
    def unknown(payload: bytes) -> int:
        raise ValueError("no table of contents")

    for ticks_of in (unknown, lambda payload: 160, lambda payload: 0):
        playout, got = Playout(Counting(), 8000, ticks_of=ticks_of), 0
        for beat in range(60):
            playout.push(packet(beat), beat * 0.02)
            while playout.pull(beat * 0.02 + 0.015) is not None:
                got += 1
        assert got >= 58
    endless = Playout(Counting(), 8000, ticks_of=lambda payload: -5)
    for beat in range(60):
        endless.push(packet(beat), beat * 0.02)
        while endless.pull(beat * 0.02 + 0.015) is not None:
            pass


def test_left_over_samples_are_given_up_in_their_time_by_who_does_not_wait_for_the_whole() -> None:
    """60 ms packets: one frame is read, then packets are pulled. The next packet comes two beats
    later, as its samples would.
    """
    playout, beats = Playout(Counting(), 8000, ticks_of=lambda payload: 480), []
    for beat in range(30):
        now = beat * 0.02 + 0.015
        if beat % 3 == 0:
            playout.push(packet(beat // 3, 60), beat * 0.02)
        if beat < 10:
            frame = playout.read(now)
            beats.append(int(frame[-1]))
            if beats[-1] == 3:  # the first third of the third packet
                assert not playout.whole
                break
    first = beat + 1
    for beat in range(first, first + 6):
        if beat % 3 == 0:
            playout.push(packet(beat // 3, 60), beat * 0.02)
        one = playout.pull(beat * 0.02 + 0.015)
        beats.append(-1 if one is None else one.sequence + 1)
    assert beats[first:] == [-1, -1, 4, -1, -1, 5]
