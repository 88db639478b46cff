"""What is heard over bad networks: delay, concealment and what is counted, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.rtp.audio import Samples
from siptg.rtp.codecs import CODECS, OPUS, PCMU
from siptg.rtp.codecs.opus import OpusEncoder
from siptg.rtp.codecs.opus_packet import corrects
from siptg.rtp.packet import RtpPacket
from siptg.rtp.playout.playout import Playout
from tests.rtp.playout.test_jitter import Counting
from tests.support import net
from tests.support.weather import share_of_tone

RATE = 8000
SIZE = RATE // 50
TWO_PERCENT = [number % 50 == 17 for number in range(50)]


def through(
    sound: Samples,
    seconds: float,
    *,
    ms: int = 20,
    phase: float = 0.007,
    late: Callable[[int], float] = lambda number: 0.0,
    lost: list[bool] | None = None,
    bunch: float = 0.0,
    ppm: float = 0.0,
) -> tuple[Samples, Playout]:
    """A sound as PCMU over a network, and what the playout made of it."""
    sent = net.packets(sound, PCMU.encoder(RATE, ""), RATE, RATE, ms)
    coming = net.arrivals(
        sent, RATE, late=late, lost=lost or (), bunch=bunch, ppm=ppm, length=ms / 1000
    )
    playout = Playout(PCMU.decoder(RATE), RATE)
    return net.heard(playout, coming, seconds, phase=phase), playout


def onsets(
    ms: int, phase: float, late: Callable[[int], float], lost: list[bool], bunch: float = 0.0
) -> tuple[list[float], Playout]:
    """Seconds from the arrival of each 40th packet, loud from its first sample on, to its being
    heard.
    """
    size = RATE * ms // 1000
    sound = np.zeros(RATE * 40, np.int16)
    marked = list(range(400 // ms * 10, len(sound) // size, 40 * 20 // ms))
    for number in marked:
        sound[number * size : number * size + 80] = 12_000
    sent = net.packets(sound, PCMU.encoder(RATE, ""), RATE, RATE, ms)
    coming = net.arrivals(sent, RATE, late=late, lost=lost, bunch=bunch, length=ms / 1000)
    playout = Playout(PCMU.decoder(RATE), RATE)
    out = net.heard(playout, coming, 40.2, phase=phase)
    came = {packet.sequence: at for at, packet in coming}
    loud = np.flatnonzero((out > 6000) & (np.concatenate(([0], out[:-1])) <= 6000)) / RATE + phase
    delays = []
    for number in marked:
        at = came.get(sent[number].sequence)
        if at is not None:
            following = loud[loud > at]
            if len(following) and following[0] - at < 0.3:
                delays.append(float(following[0] - at))
    assert len(delays) > 0.9 * len(marked)
    return delays, playout


@pytest.mark.parametrize("phase", [0.0, 0.003, 0.0065, 0.0101, 0.013, 0.0199])
def test_on_a_calm_network_sound_waits_less_than_40_ms(phase: float) -> None:
    chance = random.Random(7)
    delays, playout = onsets(20, phase, lambda n: chance.uniform(0, 0.001), [])
    assert max(delays) <= 0.033
    assert (playout.concealed, playout.buffer.underruns) == (0, 0)
    assert playout.buffer.target <= 0.021


@pytest.mark.parametrize("ms", [10, 30, 40, 60])
def test_it_does_so_for_other_packet_lengths(ms: int) -> None:
    for phase in (0.0, 0.009, 0.0151):
        delays, playout = onsets(ms, phase, lambda n: 0.0, [])
        assert max(delays) <= 0.04
        assert (playout.concealed, playout.buffer.late) == (0, 0)


@pytest.mark.parametrize("shape", ["uniform", "normal"])
def test_with_30_ms_of_jitter_and_loss_it_waits_less_than_100_ms_and_loses_no_more(
    shape: str,
) -> None:
    chance = random.Random(5)
    late: dict[str, Callable[[int], float]] = {
        "uniform": lambda n: chance.uniform(0, 0.03),
        "normal": lambda n: max(0.0, chance.gauss(0.015, 0.01)),
    }
    for phase in (0.0, 0.007, 0.0171):
        delays, playout = onsets(20, phase, late[shape], TWO_PERCENT)
        assert max(delays) < 0.1 and np.mean(delays) < 0.055
        buffer = playout.buffer
        assert buffer.lost + buffer.late == 40
        assert playout.concealed - 40 <= 6  # of 2000: while it learns


@pytest.mark.parametrize(("ms", "bunch"), [(20, 0.06), (20, 0.12), (10, 0.04), (60, 0.12)])
def test_bunches_cost_their_own_delay_and_no_sound(ms: int, bunch: float) -> None:
    delays, playout = onsets(ms, 0.007, lambda n: 0.0, [], bunch)
    assert max(delays) <= bunch + 0.035
    assert playout.concealed <= 2 and playout.buffer.late == playout.buffer.dropped == 0


@pytest.mark.parametrize("each", [3, 4, 7, 8])
def test_what_is_late_again_and_again_is_waited_for(each: int) -> None:
    """A gap puts off the look at the delay, but gaps in a row must not put it off for ever."""
    sound = net.talk(RATE, 30)
    _, playout = through(sound, 30, late=lambda n: 0.1 if n % each == 2 else 0.0)
    assert playout.buffer.target == pytest.approx(0.11, abs=0.01)
    assert playout.concealed < 60  # of 1500: while it learns


def test_a_network_that_turns_bad_is_followed_at_once_and_back_by_and_by() -> None:
    chance, targets = random.Random(3), []
    sent = net.packets(net.talk(RATE, 60), PCMU.encoder(RATE, ""), RATE, RATE)
    coming = net.arrivals(
        sent, RATE, late=lambda n: chance.uniform(0, 0.06) if 1000 < n < 1500 else 0.0
    )
    playout = Playout(PCMU.decoder(RATE), RATE)
    net.heard(playout, coming, 60, each=lambda beat, one: targets.append(one.buffer.target))
    assert max(targets[:1000]) < 0.021
    assert min(targets[1060:1500]) > 0.05 and max(targets) < 0.08
    assert targets[1800] > 0.05 and targets[2400] < 0.021
    assert playout.buffer.delay < 0.035 and playout.concealed <= 6
    assert playout.buffer.dropped == playout.buffer.late == 0
    assert playout.pace.shrunk == pytest.approx(0.06, abs=0.021)


def test_a_target_can_be_bounded() -> None:
    for most in (0.06, 0.2):
        playout = Playout(PCMU.decoder(RATE), RATE, most=most)
        sent = net.packets(net.talk(RATE, 20), PCMU.encoder(RATE, ""), RATE, RATE)
        net.heard(playout, net.arrivals(sent, RATE, bunch=0.3), 20)
        assert playout.buffer.target == pytest.approx(most)


def test_lost_frames_of_a_tone_are_mended_without_a_step() -> None:
    """One, two and three frames at a time, PCMU: the codec has no concealment of its own."""
    sound = net.tone(RATE, 20)
    for run in (1, 2, 3):
        lost = [40 <= number < 40 + run for number in range(50)]
        out, playout = through(sound, 20, lost=lost)
        assert playout.concealed == playout.buffer.lost == 20 * run
        assert net.steepest(out[RATE:-RATE]) <= 1.02 * net.steepest(sound)
        beside = net.beside_a_sine(out[RATE:-RATE], RATE, 440)
        assert np.median(beside) < -38
        if run == 1:
            assert beside.max() < -12  # a fifth of its level is faded away at the gap's end


def test_a_pause_without_packets_is_neither_loss_nor_concealment() -> None:
    """Discontinuous transmission of talk: what is silent is not sent."""
    sound = net.talk(RATE, 30)
    sent = [
        one
        for number, one in enumerate(net.packets(sound, PCMU.encoder(RATE, ""), RATE, RATE))
        if net.rms(sound[number * SIZE : (number + 1) * SIZE]) > 20
    ]
    sent = [one._replace(sequence=number & 0xFFFF) for number, one in enumerate(sent, 65_000)]
    assert len(sent) < 1300
    playout = Playout(PCMU.decoder(RATE), RATE)
    out = net.heard(playout, net.arrivals(sent, RATE), 30.2)
    buffer = playout.buffer
    assert (buffer.lost, buffer.late, buffer.dropped, playout.concealed) == (0, 0, 0, 0)
    assert net.rms(out) == pytest.approx(net.rms(sound), rel=0.05)


def test_numbers_that_were_keys_are_no_loss() -> None:
    """Telephone events take numbers of the stream while sound is held back."""
    playout = Playout(PCMU.decoder(RATE), RATE)
    sent = net.packets(net.tone(RATE, 2), PCMU.encoder(RATE, ""), RATE, RATE)
    for at, packet in net.arrivals(sent, RATE, delay=0.0):
        if 40 <= sent.index(packet) < 50:
            playout.buffer.aside(packet.sequence)
        else:
            playout.push(packet, at)
        playout.read(at + 0.003)
    assert (playout.buffer.lost, playout.concealed) == (0, 0)


def test_comfort_noise_is_heard_where_nothing_is_said() -> None:
    sound = net.tone(RATE, 1)
    sent = net.packets(sound, PCMU.encoder(RATE, ""), RATE, RATE)
    playout = Playout(PCMU.decoder(RATE), RATE)
    playout.fill = lambda count: np.full(count, 7, np.int16)
    out = net.heard(playout, net.arrivals(sent, RATE), 2)
    assert set(out[:400]) == {7} and set(out[-RATE // 2 :]) == {7}
    assert net.rms(out[2000:6000]) > 5000


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@pytest.mark.rfc(6716, "2.1.7")
def test_opus_repairs_a_lost_packet_out_of_the_next(rate: int) -> None:
    """At the floor its successor comes too late for that; after a loss it is waited for."""
    lost = [number % 40 == 25 for number in range(200)]
    sound, encoder = net.talk(rate, 60), OpusEncoder(rate, "useinbandfec=1")
    encoder.loss(5)
    sent = net.packets(sound, encoder, rate, 48_000)
    for phase in (0.007, 0.019):
        playout = Playout(OPUS.decoder(rate), 48_000)
        out = net.heard(playout, net.arrivals(sent, 48_000, lost=lost), 60, phase=phase)
        assert playout.buffer.lost == 75
        # of a pause there is nothing to correct
        assert playout.recovered >= 50 and playout.recovered + playout.concealed <= 78
        assert playout.buffer.delay < 0.05
        assert net.rms(out) == pytest.approx(net.rms(sound), rel=0.15)


@pytest.mark.parametrize("ms", [20, 60])
@pytest.mark.parametrize("jitter", [0.004, 0.03])
def test_the_packet_that_repairs_is_waited_for_with_its_own_jitter(ms: int, jitter: float) -> None:
    """Of the repairs that the packets hold most are heard; the first losses say that they are
    worth it.
    """
    chance = random.Random(3)
    count = 60_000 // ms
    lost = [number > 9 and chance.random() < 0.05 for number in range(count)]
    encoder = OpusEncoder(16_000, "useinbandfec=1")
    encoder.loss(5)
    sent = net.packets(net.talk(16_000, 60), encoder, 16_000, 48_000, ms)
    repairable = sum(
        one and not other and corrects(behind.payload)
        for one, other, behind in zip(lost, lost[1:], sent[1:], strict=False)
    )
    coming = net.arrivals(
        sent, 48_000, lost=lost, late=lambda n: chance.uniform(0, jitter), length=ms / 1000
    )
    playout = Playout(OPUS.decoder(16_000), 48_000)
    net.heard(playout, coming, 60)
    assert repairable > 20
    assert playout.recovered >= 0.85 * repairable - 2
    assert playout.buffer.delay < jitter + ms / 1000 + 0.03


@pytest.mark.parametrize("hz", [440.0, 1000.0])
def test_a_steady_tone_is_no_noise_to_the_concealment(hz: float) -> None:
    """SILK takes it for noise, and would fill its gaps with noise."""
    lost = [number % 20 == 13 for number in range(500)]
    encoder = OpusEncoder(48_000, "useinbandfec=1")
    encoder.loss(5)
    sent = net.packets(net.tone(48_000, 10, hz), encoder, 48_000, 48_000)
    playout = Playout(OPUS.decoder(48_000), 48_000)
    out = net.heard(playout, net.arrivals(sent, 48_000, lost=lost), 10)
    assert playout.buffer.lost == 25
    assert share_of_tone(out[24_000:-24_000], 48_000, hz) > 0.98


def test_what_cannot_repair_is_not_waited_for() -> None:
    """PCMU never can; Opus without correction is waited for once, to see."""
    lost = [number % 40 == 25 for number in range(200)]
    _, playout = through(net.talk(RATE, 30), 30, lost=lost)
    assert playout.buffer.target < 0.021
    sent = net.packets(net.talk(16_000, 60), OPUS.encoder(16_000, ""), 16_000, 48_000)
    playout = Playout(OPUS.decoder(16_000), 48_000)
    net.heard(playout, net.arrivals(sent, 48_000, lost=lost), 60)
    assert playout.buffer.target < 0.021 and playout.recovered == 0
    assert playout.buffer.lost <= playout.concealed <= playout.buffer.lost + 5


@pytest.mark.parametrize("key", sorted(CODECS))
def test_every_codec_comes_through_whatever_its_clock(key: str) -> None:
    codec = CODECS[key]
    rate = codec.rates[0]
    sound = net.tone(rate, 4)
    sent = net.packets(sound, codec.encoder(rate, ""), rate, codec.clock_rate)
    lost = [number == 100 for number in range(200)]
    playout = Playout(codec.decoder(rate), codec.clock_rate)
    out = net.heard(playout, net.arrivals(sent, codec.clock_rate, lost=lost), 4)
    assert (playout.buffer.lost, playout.concealed, playout.garbage) == (1, 1, 0)
    assert playout.buffer.target < 0.021 and playout.buffer.underruns == 0
    heard = out[rate : 3 * rate]
    assert net.rms(heard) == pytest.approx(net.rms(sound), rel=0.1)
    assert np.median(net.beside_a_sine(heard, rate, 440)) < -20


class Repairing(Counting):
    """Its packets repair the one before: as the value 77."""

    asked: int = 0

    def recover(self, payload: bytes, samples: int) -> Samples | None:
        self.asked += 1
        return np.full(samples, 77, np.int16)


def test_of_several_lost_packets_the_last_is_repaired_and_the_others_concealed() -> None:
    decoder = Repairing()
    playout, out = Playout(decoder, RATE), []
    for number in range(40):
        for one in (number * 2, number * 2 + 1):  # two at a time: so the next is always there
            if one not in (20, 30, 31, 32):
                playout.push(RtpPacket(0, one, one * 160, 1, b"160:%d" % (one + 1)), number * 0.04)
        out += [int(playout.read(number * 0.04 + half)[-1]) for half in (0.005, 0.025)]
    around = out.index(20)
    assert out[around : around + 3] == [20, 77, 22]
    around = out.index(30)
    assert out[around : around + 5] == [30, -1, -1, 77, 34]
    assert (playout.recovered, playout.concealed, playout.buffer.lost) == (2, 2, 4)
    assert decoder.asked == 2


def test_another_rate_of_the_same_codec_goes_on_in_the_sound() -> None:
    """The Opus decoder is changed in the middle, as a bridge tunes it."""
    sent = net.packets(net.tone(48_000, 4), OPUS.encoder(48_000, ""), 48_000, 48_000, 60)
    playout = Playout(OPUS.decoder(48_000), 48_000)
    coming = net.arrivals(sent, 48_000, length=0.06)
    first = net.heard(playout, [one for one in coming if one[0] <= 2.007], 2.02)
    playout.change(OPUS.decoder(16_000))
    frames = []
    later = iter([one for one in coming if one[0] > 2.007])
    following = next(later)
    for beat in range(101, 190):
        while following[0] <= beat * 0.02 + 0.007:
            playout.push(following[1], following[0])
            following = next(later)
        frames.append(playout.read(beat * 0.02 + 0.007))
    second = np.concatenate(frames)
    whole = np.concatenate((first[::3], second))[16_000:]
    # the decoders' own delays differ by a part of a sample
    assert net.beside_a_sine(whole, 16_000, 440).max() < -22
    assert playout.concealed == playout.buffer.lost == 0


def test_another_codec_starts_from_nothing() -> None:
    playout = Playout(PCMU.decoder(RATE), RATE)
    sent = net.packets(net.tone(RATE, 0.5), PCMU.encoder(RATE, ""), RATE, RATE)
    net.heard(playout, net.arrivals(sent, RATE), 0.4)
    playout.change(Counting())
    assert not playout.buffer.recent and playout.rate == RATE
    assert len(playout.read(0.41)) == SIZE


PUSHES = st.tuples(
    st.sampled_from([0, 0, 1, 1, 2, 7, 80, 159, 160, 161, 320, 1600, 24_000, 1 << 31, -160, -800]),
    st.sampled_from([1, 1, 1, 1, 0, 2, 5, 700, -1, -3]),
    st.sampled_from([1, 1, 1, 1, 1, 1, 2]),
    st.sampled_from([b"", b"x", b"x" * 80, b"x" * 160, b"x" * 240, b"x" * 960, b"x" * 5000]),
    st.floats(-0.05, 0.3),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(PUSHES, st.sampled_from(["read", "read", "pull", "change", "wait"])), max_size=150
    )
)
def test_whatever_comes_each_read_is_one_frame_and_nothing_grows(
    steps: list[tuple[int, int, int, bytes, float] | str],
) -> None:
    playout = Playout(PCMU.decoder(RATE), RATE, ticks_of=len)
    now = stamp = sequence = 0
    at = 0.0
    for step in steps:
        if step == "read":
            at += 0.02
            assert len(playout.read(at)) == SIZE
        elif step == "pull":
            at += 0.02
            given_ = 0
            while playout.pull(at) is not None:
                given_ += 1
            assert given_ <= 9
        elif step == "wait":
            at += 1.7
        elif step == "change":
            playout.change(PCMU.decoder(RATE))
        else:
            assert not isinstance(step, str)
            ticks, numbers, ssrc, payload, later = step
            stamp, sequence = (stamp + ticks) & 0xFFFFFFFF, (sequence + numbers) & 0xFFFF
            now += 1
            playout.push(RtpPacket(0, sequence, stamp, ssrc, payload), at + later)
    buffer = playout.buffer
    assert len(buffer.waiting) <= now and len(playout._rest) <= RATE
    assert 0.0 < buffer.low < buffer.target < 0.22
    assert min(buffer.lost, buffer.late, buffer.duplicate, buffer.dropped, playout.concealed) >= 0
