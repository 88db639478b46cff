"""Clocks that drift apart, for an hour, and delays that change: followed in the sound, unheard."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from siptg.rtp.audio import Samples
from siptg.rtp.codecs import OPUS, PCMU
from siptg.rtp.packet import RtpPacket
from siptg.rtp.playout.playout import Playout
from tests.support import net

HOUR = 3600.0


class Tone:
    """440 Hz as a codec: the payload says where in the tone it begins. 11 periods are 25 ms."""

    def __init__(self, rate: int) -> None:
        self.rate, self._size = rate, rate // 50
        self._wave = net.tone(rate, 0.045)
        self._again = rate // 40

    def decode(self, payload: bytes) -> Samples:
        begin = int(payload) * self._size % self._again
        return self._wave[begin : begin + self._size]

    def recover(self, payload: bytes, samples: int) -> Samples | None:
        return None

    def conceal(self, samples: int) -> Samples | None:
        return None


def tones(rate: int, seconds: float, ppm: float) -> Iterator[net.Arrival]:
    for number in range(round(seconds * 50)):
        stamp = number * rate // 50 & 0xFFFFFFFF
        at = 0.05 + (number + 1) * 0.02 * (1 + ppm * 1e-6)
        yield at, RtpPacket(0, number & 0xFFFF, stamp, 1, b"%d" % number)


def worst_beside_the_tone(out: Samples, rate: int) -> float:
    """In dB, the first second left out; minute by minute, for memory."""
    minute = 60 * rate
    return max(
        float(net.beside_a_sine(out[begin : begin + minute], rate, 440).max())
        for begin in range(rate, len(out) - rate, minute - rate // 50)
    )


@pytest.mark.parametrize("ppm", [200, -200])
def test_an_hour_of_drift_is_followed_with_no_click_in_a_tone(ppm: int) -> None:
    """The hardest sound: no pause, and a mismatch of phase shows. 0.72 s have to go in or out."""
    rate, delays = 8000, []
    playout = Playout(Tone(rate), rate)
    out = net.heard(
        playout,
        tones(rate, HOUR + 2, ppm),
        HOUR,
        each=lambda beat, one: delays.append(one.buffer.delay) if beat % 50 == 0 else None,
    )
    buffer = playout.buffer
    assert (buffer.lost, buffer.late, buffer.dropped, buffer.underruns) == (0, 0, 0, 0)
    assert (playout.concealed, playout.garbage) == (0, 0)
    changed = playout.pace.stretched if ppm > 0 else playout.pace.shrunk
    assert changed == pytest.approx(0.72, abs=0.03)
    assert playout.pace.stretched * playout.pace.shrunk == 0.0
    assert min(delays) > 0.0088 and max(delays) < 0.055
    tone = net.tone(rate, 1)
    assert net.steepest(out[rate:]) <= 1.01 * net.steepest(tone)
    assert worst_beside_the_tone(out, rate) < -36


@pytest.mark.parametrize("ppm", [200, -200])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_so_it_is_at_other_rates(rate: int, ppm: int) -> None:
    playout = Playout(Tone(rate), rate)
    out = net.heard(playout, tones(rate, 402, ppm), 400)
    assert (playout.concealed, playout.buffer.dropped, playout.buffer.late) == (0, 0, 0)
    assert playout.pace.stretched + playout.pace.shrunk == pytest.approx(0.08, abs=0.03)
    assert net.steepest(out[rate:]) <= 1.02 * net.steepest(net.tone(rate, 1)) + 1
    assert worst_beside_the_tone(out, rate) < -36


@pytest.mark.parametrize("ppm", [200, -200])
@pytest.mark.parametrize("codec", [PCMU, OPUS], ids=["PCMU", "opus"])
def test_drift_in_talk_is_followed_in_its_pauses_and_packets_meet_the_beats_again(
    codec: net.AnyCodec, ppm: int
) -> None:
    rate = 8000 if codec is PCMU else 16_000
    minute, whole = net.talk(rate, 30), []
    sent = net.packets(np.tile(minute, 7), codec.encoder(rate, ""), rate, codec.clock_rate)
    playout = Playout(codec.decoder(rate), codec.clock_rate)
    out = net.heard(
        playout,
        net.arrivals(sent, codec.clock_rate, ppm=ppm),
        200,
        each=lambda beat, one: whole.append(one.whole),
    )
    assert (playout.concealed, playout.buffer.lost, playout.buffer.dropped) == (0, 0, 0)
    changed = playout.pace.stretched - playout.pace.shrunk
    assert changed == pytest.approx(0.04 * ppm / 200, abs=0.021)
    assert np.mean(whole) > 0.97
    assert net.steepest(out) <= 1.25 * net.steepest(minute)


def test_sixty_milliseconds_of_a_route_are_gained_and_lost_without_dropping() -> None:
    sound = net.talk(8000, 60)
    sent = net.packets(sound, PCMU.encoder(8000, ""), 8000, 8000)
    for delays in ((0.2, 0.26), (0.2, 0.14)):
        playout = Playout(PCMU.decoder(8000), 8000)
        coming = [
            *net.arrivals(sent[:1000], 8000, delay=delays[0]),
            *((at + 20, one) for at, one in net.arrivals(sent[1000:], 8000, delay=delays[1])),
        ]
        coming.sort(key=lambda one: one[0])
        net.heard(playout, coming, 60)
        assert playout.buffer.dropped == playout.buffer.late == playout.buffer.lost == 0
        assert playout.concealed <= 3
        assert playout.buffer.delay < 0.035


def test_a_minute_of_silence_hides_a_drift_that_the_next_packet_shows() -> None:
    """Clocks go on apart while she is mute: it is no jitter when she is back."""
    rate = 8000
    coming = list(tones(rate, 90, 400))
    coming = [one for number, one in enumerate(coming) if not 500 <= number < 3500]
    coming = [(at, packet._replace(sequence=number)) for number, (at, packet) in enumerate(coming)]
    targets: list[float] = []
    playout = Playout(Tone(rate), rate)
    net.heard(playout, coming, 90, each=lambda beat, one: targets.append(one.buffer.target))
    assert max(targets) < 0.022
    assert playout.concealed == playout.buffer.underruns == playout.buffer.lost == 0
