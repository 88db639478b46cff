"""Packets that pass a bridge as they came, who listens meanwhile, turns to samples and back."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from siptg.rtp.codecs import CODECS, OPUS, PCMA, PCMU, Codec
from siptg.rtp.codecs.opus_packet import duration
from siptg.rtp.sequence import ahead
from tests.support.joined import Joined, hum, listen, windows
from tests.support.network import EVENT, Network, Way, losing
from tests.support.paper import PaperPort
from tests.support.sines import sine

BOTH = pytest.mark.parametrize(
    ("codec", "rate"),
    [(PCMU, 8000), (OPUS, 8000), (OPUS, 48_000)],
    ids=["PCMU", "opus8", "opus48"],
)


def talked(joined: Joined, beats: int, hz: float = 440.0) -> None:
    """A tone from here and another one from there; more of it goes on where it was."""
    said = itertools.islice(hum(joined.rate, hz), joined.beats, joined.beats + beats)
    joined.talk(said, itertools.islice(hum(joined.rate, 880), joined.beats, None))


@BOTH
def test_payloads_pass_unchanged(codec: Codec, rate: int) -> None:
    joined = Joined(codec, rate)
    talked(joined, 300)
    sent = [one.payload for one in joined.sent]
    passed = [one.payload for one in joined.passed]
    assert len(passed) >= 295
    assert passed[2:] == sent[2 : len(passed)]  # the first may be samples
    assert joined.passed.numbers == list(range(len(passed)))
    assert joined.passed.stamps == [n * codec.clock_rate // 50 for n in range(len(passed))]
    assert {one.ssrc for one in joined.passed} == {joined.b.session.ssrc}


@BOTH
def test_what_was_lost_before_the_bridge_is_lost_behind_it(codec: Codec, rate: int) -> None:
    lost = [n % 50 in (30, 41, 42, 43) for n in range(300)]
    joined = Joined(codec, rate, to_bridge=Way(lost=losing(lost)))
    talked(joined, 300)
    first = joined.passed[0]
    ticks = codec.clock_rate // 50
    came = {ahead(one.sequence, first.sequence): one for one in joined.passed}
    sent = joined.sent
    for number, packet in enumerate(sent[:290]):
        if lost[number]:
            assert number not in came
        elif number > 1:
            assert came[number].payload == packet.payload
            assert ahead(came[number].timestamp, first.timestamp, 32) == number * ticks
    assert joined.there.counted().lost == sum(lost)
    assert joined.there.counted().concealed == pytest.approx(sum(lost), abs=3)


@BOTH
def test_jitter_and_doubles_are_smoothed_and_nothing_is_missing(codec: Codec, rate: int) -> None:
    chance = random.Random(5)
    way = Way(late=lambda n: chance.uniform(0, 0.025), doubled=True)
    joined = Joined(codec, rate, to_bridge=way)
    talked(joined, 500)
    assert joined.passed.numbers[50:] == list(
        range(joined.passed.numbers[50], joined.passed.numbers[-1] + 1)
    )
    assert [one.payload for one in joined.passed[50:]] == [
        one.payload
        for one in joined.sent[joined.passed.numbers[50] : joined.passed.numbers[-1] + 1]
    ]


@BOTH
@pytest.mark.parametrize("hz", [440.0, 1000.0])
def test_a_recorder_that_comes_and_goes_is_not_heard(codec: Codec, rate: int, hz: float) -> None:
    joined, alone = Joined(codec, rate), Joined(codec, rate)
    talked(alone, 300, hz)
    talked(joined, 100, hz)
    ear, off = listen(joined.bridge)
    talked(joined, 75, hz)
    off()
    talked(joined, 60, hz)
    again, off = listen(joined.bridge)
    talked(joined, 65, hz)
    assert joined.to_there.sent == alone.to_there.sent  # to the bit
    heard, usual = windows(joined.decoded(), rate, hz), windows(alone.decoded(), rate, hz)
    assert heard.between(0.5, 5.8).rest.max() == usual.between(0.5, 5.8).rest.max() < -25
    for one, beats in ((ear, 75), (again, 65)):
        assert len(one.frames) == beats
        for side, pitch in ((0, hz), (1, 880.0)):
            found = windows(one.side(side), rate, pitch).between(0.3, 10)
            assert found.rest.max() < -25 and abs(found.level + 20).max() < 0.5


@BOTH
def test_who_listens_hears_gaps_mended(codec: Codec, rate: int) -> None:
    joined = Joined(codec, rate, to_bridge=Way(lost=losing([False] * 150 + [True] * 2)))
    ear, _ = listen(joined.bridge)
    talked(joined, 250)
    found = windows(ear.side(0), rate, 440).between(0.3, 4.9)
    assert found.level.min() > -27  # a gap of 40 ms, made up


@pytest.mark.parametrize("ptime", [10, 20, 40, 60])
def test_packets_of_other_lengths_pass_too_and_are_overheard(ptime: int) -> None:
    joined = Joined(OPUS, 16_000, ptime)
    ear, _ = listen(joined.bridge)
    talked(joined, 300)
    payloads = [one.payload for one in joined.passed[20:]]
    assert payloads == [one.payload for one in joined.sent[20 : 20 + len(payloads)]]
    assert joined.passed.stamps[20:] == [n * 48 * ptime for n in range(20, len(joined.passed))]
    assert windows(ear.side(0), 16_000, 440).between(1, 5.8).rest.max() < -25


def samples_for(joined: Joined, beats: int, hz: float = 440.0) -> None:
    """Somebody puts in samples of his own: packets are not carried for so long."""
    joined.b.carries = False
    talked(joined, beats, hz)
    joined.b.carries = True


@pytest.mark.parametrize("hz", [440.0, 1000.0])
@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
def test_turns_to_samples_and_back_are_not_heard_in_pcmu(hz: float, ptime: int) -> None:
    joined = Joined(PCMU, 8000, ptime)
    for beats in (60, 41, 37, 33):
        talked(joined, beats, hz)
        samples_for(joined, beats + 5, hz)
    passed, decode = joined.passed, PCMU.decoder(8000).decode
    assert passed.numbers == list(range(len(passed)))
    ends = [at + len(one.payload) for at, one in zip(passed.stamps, passed, strict=True)]
    assert passed.stamps[1:] == ends[:-1]
    sound = np.concatenate([decode(one.payload) for one in passed])
    found = windows(sound, 8000, hz).between(0.3, len(sound) / 8000 - 0.1)
    assert found.rest.max() < -30 and abs(found.level + 20).max() < 0.2
    assert np.ptp(np.unwrap(found.turn)) < 0.15  # less than half a sample


@pytest.mark.parametrize("ptime", [10, 20, 40, 60])
@pytest.mark.parametrize("rate", [8000, 48_000])
def test_turns_to_samples_and_back_leave_no_gap_in_opus(rate: int, ptime: int) -> None:
    """An encoder of ours is 6.5 ms behind (RFC 6716 §2.1): that is what each turn shifts the tone
    by, and what it takes to do so.
    """
    joined = Joined(OPUS, rate, ptime)
    for beats in (60, 41):
        talked(joined, beats)
        samples_for(joined, beats + 5)
    talked(joined, 30)
    passed = joined.passed
    assert passed.numbers == list(range(len(passed)))
    ends = [at + duration(one.payload) for at, one in zip(passed.stamps, passed, strict=True)]
    assert passed.stamps[1:] == ends[:-1]
    sound = joined.decoded()
    assert len(sound) / rate == pytest.approx(joined.beats * 0.02, abs=0.1)
    found = windows(sound, rate, 440).between(0.3, len(sound) / rate - 0.1)
    assert np.median(found.rest) < -28
    disturbed = found.at[found.rest > -20]
    turns = [60, 125, 166, 212]
    behind = [min(abs(at - turn * 0.02) for turn in turns) for at in disturbed]
    assert len(disturbed) <= 40 and max(behind, default=0.0) < 0.13
    assert found.level.min() > -32


def test_keys_pressed_while_packets_are_carried_take_their_place() -> None:
    joined, told = Joined(OPUS, 48_000), list[str]()
    joined.there.on_digit = told.append
    talked(joined, 100)
    joined.b.session.press("5#")
    talked(joined, 100)
    assert told == ["5", "#"]
    keys = [one for one in joined.passed if one.payload_type == EVENT]
    assert len(keys) >= 10
    assert joined.passed.numbers == list(range(len(joined.passed)))
    assert joined.passed.stamps == sorted(joined.passed.stamps)
    assert joined.passed[-1].payload in [one.payload for one in joined.sent[-5:]]
    assert joined.there.counted().lost == 0


def test_a_source_that_begins_anew_is_one_stream_behind_the_bridge() -> None:
    joined = Joined(PCMU, 8000)
    talked(joined, 100)
    joined.here.reports.sources.sender.renew(random.Random(3))
    joined.here.outbound._sequence += 5000
    joined.here.outbound._timestamp += 77_777
    talked(joined, 100)
    assert joined.passed.numbers == list(range(len(joined.passed)))
    assert np.diff(joined.passed.stamps).max() <= 480
    assert joined.there.counted().changes == 0 and joined.there.counted().lost == 0
    assert windows(joined.decoded(), 8000, 440).between(2.5, 3.8).rest.max() < -30


@pytest.mark.parametrize("ppm", [-200, 200])
def test_their_clock_drifts_for_ten_minutes_and_samples_follow_at_the_right_time(ppm: int) -> None:
    """By 120 ms, six packets: ours leave as they come, so the far end sees their clock."""
    network = Network()
    joined = Joined(PCMU, 8000, network=network)
    said = hum(8000)
    every = round(1e6 / abs(ppm))
    for beat in range(30_000):
        now = network.beat()
        slip = beat % every == every - 1
        for _ in range((2 if ppm > 0 else 0) if slip else 1):
            joined.here.write(next(iter(said)), now)
        joined.bridge.tick()
        joined.there.read(now)
    count = len(joined.passed)
    assert joined.passed.stamps == [n * 160 for n in range(count)]
    joined.b.carries = False
    talked(joined, 20)
    steps = np.diff(joined.passed.stamps[count - 2 :])
    assert list(steps) == [160] * len(steps)


def test_a_leg_without_packets_takes_the_place_of_one_that_was_carried() -> None:
    joined = Joined(PCMU, 8000)
    talked(joined, 50)
    paper = PaperPort(says=7, rate=8000)
    joined.bridge.b.audio = paper  # type: ignore[misc]
    talked(joined, 50)
    assert len(paper.heard) == 50
    assert joined.here.read(joined.network.now).any()


@pytest.mark.parametrize(("codec", "other"), [(PCMU, OPUS), (OPUS, PCMU), (PCMU, PCMA)])
def test_levels_pass_unchanged_from_codec_to_codec(codec: Codec, other: Codec) -> None:
    """1 kHz at −20 dBFS arrives within half a decibel."""
    rate = codec.rates[0]
    joined = Joined(codec, rate, other=other)
    joined.talk(sine(1000, rate, 4.0).reshape(-1, rate // 50))
    sound = np.concatenate(joined.heard[-100:])
    found = windows(sound, joined.there.rate, 1000)
    assert abs(found.level + 20).max() < 0.5 and found.rest.max() < -25
    assert joined.a.rate == joined.b.rate == 8000


def test_g722_and_pcmu_are_joined_by_resampling() -> None:
    g722 = CODECS.get("g722") or pytest.skip("no G.722 in this installation")
    for codec, other in ((PCMU, g722), (g722, PCMU)):
        rate = codec.rates[0]
        joined = Joined(codec, rate, other=other)
        joined.talk(sine(1000, rate, 4.0).reshape(-1, rate // 50))
        found = windows(np.concatenate(joined.heard[-100:]), joined.there.rate, 1000)
        assert abs(found.level + 20).max() < 0.5 and found.rest.max() < -25
