"""Two sessions and a network: what is heard, by which codec, from whom, and what is told of it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import numpy as np
import pytest

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.codecs import CODECS, OPUS, PCMA, PCMU, Codec
from siptg.rtp.codecs.opus_packet import corrects
from siptg.rtp.digits.tones import ToneReceiver, ToneSender
from siptg.rtp.digits.ways import Way as KeyWay
from siptg.rtp.packet import RtpPacket
from siptg.rtp.session import Hearing
from siptg.rtp.sounds.noise import Noise
from siptg.rtp.sounds.tones import tone
from tests.support.network import EVENT, Network, Way, agree, losing, say
from tests.support.sines import heard, vowel

SILENCE = np.zeros(160, np.int16)


def hum(rate: int, hz: float = 440.0) -> Iterator[Frame]:
    return tone([hz], rate, -20.0)


def some(frames: Iterator[Frame], count: int) -> list[Frame]:
    return list(itertools.islice(frames, count))


def join(frames: list[Frame]) -> Samples:
    return np.concatenate(frames)


@pytest.mark.parametrize("codec", [PCMU, PCMA, OPUS], ids=lambda codec: codec.name)
def test_a_tone_is_heard_with_its_level(codec: Codec) -> None:
    network = Network()
    a, b = network.ends()
    agree(a, b, codec)
    out = join(say(network, a, b, some(hum(a.rate), 100))[-50:])
    found = heard(out, 440, b.rate)
    assert found.level == pytest.approx(-20, abs=0.3) and found.snr > 25
    counted = b.counted()
    assert counted.packets_received == 98 and counted.lost == counted.concealed == 0
    assert counted.expected == 98 and a.counted().packets_sent == 100


@pytest.mark.rfc(3264, "6.1")
def test_they_may_take_any_of_the_codecs_agreed_at_any_time() -> None:
    network = Network()
    a, b = network.ends()
    agree(a, b)
    b.hear(Hearing({0: PCMU, 8: PCMA, 96: OPUS}, {EVENT: 8000}), 8000)
    said, out = hum(8000), list[Frame]()
    for codec, number in ((PCMU, 0), (PCMA, 8), (OPUS, 96), (PCMU, 0)):
        a.outbound.speak(codec, number, 8000)
        out = say(network, a, b, some(said, 60))
        assert b.codec is codec and b.rate == 8000
        found = heard(join(out[-40:]), 440, 8000)
        assert found.level == pytest.approx(-20, abs=0.5) and found.snr > 20
    assert b.counted().garbage == 0


def test_a_codec_of_another_rate_is_heard_at_the_rate_that_the_bridge_runs_at() -> None:
    """They answered G.722 and PCMU, and use what they like; a bridge reads and writes at one."""
    g722 = CODECS.get("g722") or pytest.skip("no G.722 in this installation")
    network = Network()
    a, b = network.ends()
    agree(a, b)
    b.hear(Hearing({0: PCMU, 9: g722}), 8000)
    a.outbound.speak(g722, 9, 16_000)
    out = say(network, a, b, some(hum(16_000, 1000), 60))
    assert b.codec is g722 and b.rate == 8000 == b.outbound.rate
    found = heard(join(out[-40:]), 1000, 8000)
    assert found.level == pytest.approx(-20, abs=0.5) and found.snr > 25
    b.tune(16_000)
    out = say(network, a, b, some(hum(16_000, 1000), 60))
    assert heard(join(out[-40:]), 1000, 16_000).snr > 25
    a.outbound.speak(PCMU, 0, 8000)  # and the other way round
    out = say(network, a, b, some(hum(8000, 1000), 60))
    assert b.codec is PCMU and b.rate == 16_000
    assert heard(join(out[-40:]), 1000, 16_000).snr > 25


def test_what_is_agreed_anew_in_mid_call_is_heard_without_a_break() -> None:
    """Another number for the codec that is heard, and a better codec they do not use yet."""
    network = Network()
    a, b = network.ends()
    agree(a, b)
    said = hum(8000)
    say(network, a, b, some(said, 30))
    b.hear(Hearing({97: PCMU}), 8000)
    a.outbound.speak(PCMU, 97, 8000)
    flying = say(network, a, b, some(said, 3))  # those of the number before are no longer expected
    b.hear(Hearing({96: OPUS, 97: PCMU}), 48_000)
    out = say(network, a, b, some(said, 60))
    assert b.codec is PCMU and b.rate == 48_000
    assert heard(join(out[-40:]), 440, 48_000).snr > 25
    assert len(flying) == 3 and b.counted().garbage == 2


def test_a_number_that_was_not_agreed_is_counted_and_not_heard() -> None:
    network = Network()
    a, b = network.ends()
    agree(a, b)
    for n in range(50):
        assert not b.receive(bytes(RtpPacket(77, n, n * 160, 9, b"\x00" * 160)), network.now)
    assert b.counted().garbage == 50 and b.counted().packets_received == 0
    assert not b.read(network.now).any()


def test_before_anything_is_agreed_all_is_silence() -> None:
    network = Network()
    a, _ = network.ends()
    assert not a.receive(bytes(RtpPacket(0, 1, 1, 9, b"\x00" * 160)), network.now)
    assert not a.read(network.now).any() and a.pull(network.now) == ()
    assert a.past() is None and a.between_packets
    a.write(SILENCE, network.now)
    assert a.counted().packets_sent == 0 and a.codec is None


def test_what_is_taken_back_is_no_longer_heard() -> None:
    network = Network()
    a, b = network.ends()
    agree(a, b)
    say(network, a, b, some(hum(8000), 20))
    b.hear(Hearing({}), 8000)
    out = say(network, a, b, some(hum(8000), 20))
    assert b.codec is None and not join(out).any()


def test_counts_do_not_go_back_where_the_codec_changes() -> None:
    network = Network()
    a, b = network.ends(Way(lost=losing([n % 5 == 4 for n in range(50)])))
    agree(a, b)
    b.hear(Hearing({0: PCMU, 8: PCMA}), 8000)
    say(network, a, b, some(hum(8000), 50))
    before = b.counted().concealed
    a.outbound.speak(PCMA, 8, 8000)
    say(network, a, b, some(hum(8000), 20))
    assert before >= 8 and b.counted().concealed >= before


@pytest.mark.rfc(4733, "2.5.2")
@pytest.mark.parametrize("lost", [[], [True], [False, True, True], [True] * 3 + [False]])
def test_a_key_is_told_once_whichever_of_its_packets_come(lost: list[bool]) -> None:
    network, told = Network(), list[str]()
    there = Way()
    a, b = network.ends(there)
    agree(a, b)
    b.on_digit = told.append
    say(network, a, b, some(hum(8000), 10))
    there.lost = losing(lost)
    a.press("12##")
    say(network, a, b, some(hum(8000), 60))
    assert told == ["1", "2", "#", "#"]


def test_a_key_that_comes_by_three_ways_at_once_is_told_once() -> None:
    """An end that sends events, leaks the tone, and asks by INFO too."""
    network, told = Network(), list[str]()
    a, b = network.ends()
    agree(a, b)
    b.on_digit, b.tones = told.append, ToneReceiver(8000)
    keys = ToneSender(8000)
    keys.press("5")
    leak = [frame for _ in range(8) if (frame := keys.next()) is not None]
    say(network, a, b, some(hum(8000), 5))
    a.press("5")
    say(network, a, b, [SILENCE] * 4)
    b.pressed("5", KeyWay.INFO, network.now)
    say(network, a, b, [SILENCE] * 6 + leak)
    say(network, a, b, [SILENCE] * 20)
    assert told == ["5"]


def test_keys_as_tones_are_heard_where_they_know_no_other_way_and_not_passed_on() -> None:
    network, told = Network(), list[str]()
    a, b = network.ends()
    agree(a, b, events=False)
    b.on_digit, b.tones = told.append, ToneReceiver(8000)
    say(network, a, b, [SILENCE] * 10)
    a.press("147", KeyWay.INBAND)
    out = join(say(network, a, b, [SILENCE] * 40))
    assert told == ["1", "4", "7"]
    ear, again = ToneReceiver(8000), ""
    for frame in out.reshape(-1, 160):
        again += ear.receive(frame) or ""
    assert again == ""


@pytest.mark.rfc(3389, "3.1")
@pytest.mark.parametrize("level", [30, 50])
def test_comfort_noise_is_heard_where_they_are_silent_and_as_loud_as_they_say(level: int) -> None:
    network = Network()
    a, b = network.ends()
    agree(a, b)
    b.hear(Hearing({0: PCMU}, {}, frozenset({13})), 8000)
    say(network, a, b, some(hum(8000), 20))
    number, stamp, ssrc = a.outbound._sequence, a.outbound.timestamp, a.ssrc
    b.receive(bytes(RtpPacket(13, number, stamp, ssrc, bytes(Noise(level)))), network.now)
    out = [b.read(network.beat()) for _ in range(60)]
    loud = np.sqrt(np.mean(join(out[-40:]).astype(float) ** 2))
    assert 20 * np.log10(loud / 32_768) == pytest.approx(-level, abs=1.5)
    b.receive(bytes(RtpPacket(13, number + 1, stamp + 9600, ssrc, b"")), network.now)
    assert b.counted().garbage == 1
    a.outbound._timestamp += 160 * 60
    a.outbound._sequence += 1
    out = say(network, a, b, some(hum(8000), 40))
    assert heard(join(out[-20:]), 440, 8000).snr > 25


@pytest.mark.rfc(3550, "8.2")
def test_a_source_that_takes_another_name_is_heard_on() -> None:
    network = Network()
    a, b = network.ends()
    agree(a, b)
    said = hum(8000)
    say(network, a, b, some(said, 50))
    a.reports.sources.sender.renew(random.Random(9))
    out = say(network, a, b, some(said, 50))
    assert heard(join(out[-30:]), 440, 8000).snr > 25
    assert b.counted().changes == 1
    silent = [frame for frame in out if not frame.any()]
    assert len(silent) <= 2


@pytest.mark.rfc(3550, "8.2")
def test_two_ends_of_one_name_take_others_say_goodbye_and_lose_nothing() -> None:
    network, there, back = Network(), Way(), Way()
    a, b = network.ends(there, back)
    agree(a, b)
    shared = a.ssrc
    b.reports.sources.sender.ssrc = shared
    said = hum(8000)
    out = [frame for _ in range(50) for frame in say(network, a, b, some(said, 1))]
    say(network, b, a, some(said, 20))
    out += say(network, a, b, some(said, 50))
    assert shared not in (a.ssrc, b.ssrc) and a.ssrc != b.ssrc
    assert heard(join(out[-40:]), 440, 8000).snr > 25
    gone = [p.ssrcs for packets in there.said + back.said for p in packets if hasattr(p, "ssrcs")]
    assert (shared,) in gone
    for way in (there, back):
        numbers = [one.sequence for one in way.packets]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert a.counted().packets_sent == len(there.packets)  # under both names
    assert a.counted().collisions + b.counted().collisions >= 1


def test_what_they_lose_of_us_turns_error_correction_on_and_off() -> None:
    network = Network()
    there = Way(lost=losing([n % 10 == 3 for n in range(10)], again=True))
    a, b = network.ends(there)
    agree(a, b, OPUS, 16_000, fmtp="useinbandfec=1")
    said = itertools.cycle(vowel(16_000).reshape(-1, 320))
    say(network, a, b, some(said, 400))
    assert any(corrects(one.payload) for one in there.packets[-50:])
    there.lost = losing([])
    say(network, a, b, some(said, 900))
    assert not any(corrects(one.payload) for one in there.packets[-50:])


def test_only_what_is_good_counts_as_heard() -> None:
    network = Network()
    a, b = network.ends()
    agree(a, b)
    assert b.heard == float("-inf")
    b.receive(b"\x80\x00", network.now)
    b.receive(bytes(RtpPacket(77, 1, 1, 1, b"x")), network.now)
    b.receive_rtcp(b"\x81\xc8\x00\x01garbage", network.now)
    assert b.heard == float("-inf")
    say(network, a, b, some(hum(8000), 5))
    assert b.heard == pytest.approx(network.now, abs=0.03)
