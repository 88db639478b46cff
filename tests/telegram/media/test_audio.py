"""A Telegram call's sound: silence before and after, Opus at any rate, carried or not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest

from siptg.app.bridge import Bridge
from siptg.rtp.audio import Carrier, Frame, Tunable
from siptg.rtp.codecs import OPUS, PCMU
from siptg.rtp.codecs.opus_packet import corrects
from siptg.rtp.effort import Effort
from siptg.rtp.packet import RtpPacket
from siptg.rtp.rtcp.packets import Goodbye, ReceiverReport, ReportBlock, SenderReport, parse
from siptg.telegram.media.audio import CallAudio
from siptg.telegram.signalling.messages import OPUS_TYPE
from tests.support.joined import Joined, PortLeg, SessionPort, hum, windows
from tests.support.network import Network, agree
from tests.support.sines import vowel
from tests.support.streams import Time, by_hand


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Time:
    return by_hand(monkeypatch)


class Call:
    """Two ends of a call, without a network between them."""

    def __init__(self, hours: Time, rate: int = 48_000) -> None:
        self.hours = hours
        self.a, self.b = CallAudio(seed=1), CallAudio(seed=2)
        self.sent: list[bytes] = []
        self.reports: list[bytes] = []
        for one in (self.a, self.b):
            one.tune(rate)

    def attach(self) -> None:
        def send(data: bytes) -> None:
            self.sent.append(data)
            self.b.receive(data, self.hours.now)

        def report(data: bytes) -> None:
            self.reports.append(data)
            self.b.receive_rtcp(data, self.hours.now)

        def back(data: bytes) -> None:
            self.a.receive(data, self.hours.now)

        self.a.attach(send, report)
        self.b.attach(back, lambda data: self.a.receive_rtcp(data, self.hours.now))

    def talk(self, frames: Iterator[Frame], beats: int) -> list[Frame]:
        heard = []
        for frame in itertools.islice(frames, beats):
            self.hours.now += 0.02
            self.a.read()
            self.a.write(frame)
            heard.append(self.b.read())
        return heard

    @property
    def packets(self) -> list[RtpPacket]:
        return [RtpPacket.parse(data) for data in self.sent]


def test_it_is_a_port_that_can_be_tuned_and_carried() -> None:
    made = CallAudio()
    assert isinstance(made, Tunable) and isinstance(made, Carrier)


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_before_there_is_media_all_is_silence_and_nothing_is_kept(hours: Time, rate: int) -> None:
    call = Call(hours, rate)
    heard = call.talk(iter(hum(rate)), 20)
    assert all(len(frame) == rate // 50 and not frame.any() for frame in heard)
    assert call.a.payload_format is None and call.a.pull() == () and call.a.past() is None
    call.a.carry([RtpPacket(111, 1, 1, 1, b"x")])
    call.attach()
    assert call.sent == [] and call.a.packets_sent == 0


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_a_tone_crosses_at_the_rate_of_the_bridge(hours: Time, rate: int) -> None:
    call = Call(hours, rate)
    call.attach()
    found = windows(np.concatenate(call.talk(iter(hum(rate)), 100)[-50:]), rate, 440)
    assert abs(found.level + 20).max() < 0.5 and found.rest.max() < -25
    assert {one.payload_type for one in call.packets} == {OPUS_TYPE}
    assert {one.ssrc for one in call.packets} == {call.a.ssrc}
    assert call.b.packets_received == call.a.packets_sent == 100


def test_another_rate_in_mid_call_leaves_no_gap_in_numbers(hours: Time) -> None:
    call = Call(hours)
    call.attach()
    for rate in (48_000, 8000, 16_000):
        for one in (call.a, call.b):
            one.tune(rate)
        heard = call.talk(iter(hum(rate)), 60)
        assert windows(np.concatenate(heard[-30:]), rate, 440).rest.max() < -25
    packets = call.packets
    assert np.all(np.diff([one.timestamp for one in packets]) == 960)
    assert np.all(np.diff([one.sequence for one in packets]) == 1)
    with pytest.raises(ValueError, match="Opus does not speak at 11025"):
        call.a.tune(11_025)
    assert call.a.rate == 16_000


def test_after_the_end_it_is_silent_and_says_goodbye_once(hours: Time) -> None:
    call = Call(hours)
    call.attach()
    call.talk(iter(hum(48_000)), 50)
    call.a.attach(None, None)
    call.a.attach(None, None)
    bye = parse(call.reports[-1])
    assert isinstance(bye[-1], Goodbye) and bye[-1].ssrcs == (call.a.ssrc,)
    sent = len(call.sent), len(call.reports)
    call.talk(iter(hum(48_000)), 50)
    assert not call.a.read().any() and (len(call.sent), len(call.reports)) == sent
    assert call.a.payload_format is None and call.a.pull() == ()


def test_a_new_path_goes_on_where_the_old_one_ended(hours: Time) -> None:
    call = Call(hours)
    call.attach()
    call.talk(iter(hum(48_000)), 50)
    call.attach()
    call.talk(iter(hum(48_000)), 50)
    packets = call.packets
    assert np.all(np.diff([one.sequence for one in packets]) == 1)
    assert np.all(np.diff([one.timestamp for one in packets]) == 960)


@pytest.mark.rfc(3550, "6.4")
def test_reports_are_sent_and_what_they_lose_turns_error_correction_on(hours: Time) -> None:
    call = Call(hours, 16_000)
    call.attach()
    said = itertools.cycle(vowel(16_000).reshape(-1, 320))
    call.talk(said, 500)
    reports = [parse(data)[0] for data in call.reports]
    assert len(reports) >= 2 and all(isinstance(one, SenderReport) for one in reports)
    assert not any(corrects(one.payload) for one in call.packets)
    last = call.packets[-1].sequence
    lossy = ReceiverReport(5, (ReportBlock(call.a.ssrc, 40, 40, last),))
    call.a.receive_rtcp(bytes(lossy), hours.now)
    call.talk(said, 25)
    assert any(corrects(one.payload) for one in call.packets[-25:])


def test_the_encoder_follows_effort(hours: Time) -> None:
    effort = Effort()
    made = CallAudio(effort=effort)
    made.attach(lambda data: None, lambda data: None)
    effort.complexity = 2
    made.write(np.zeros(960, np.int16))
    opus = made.session.outbound._opus
    assert opus is not None and opus.complexity == 2


def test_garbage_is_counted_and_not_heard(hours: Time) -> None:
    call = Call(hours)
    call.attach()
    said = iter(hum(48_000))
    call.talk(said, 60)
    for data in (b"", b"\x80", bytes(12), bytes(RtpPacket(9, 1, 1, 1, b"x")), b"\xff" * 99):
        call.b.receive(data, hours.now)
        call.b.receive_rtcp(data, hours.now)
    heard = call.talk(said, 60)
    assert windows(np.concatenate(heard), 48_000, 440).rest.max() < -25
    assert call.b.session.counted().garbage == 5


@pytest.mark.parametrize("ear", [False, True])
def test_opus_of_a_telephone_is_carried_to_telegram_as_it_is(hours: Time, ear: bool) -> None:
    network = Network(now=hours.now)
    phone, leg = network.ends()
    agree(phone, leg, OPUS, 48_000)
    call = CallAudio(seed=3)
    sent: list[bytes] = []
    call.attach(sent.append, lambda data: None)
    legs = (PortLeg("sip", SessionPort(network, leg, OPUS)), PortLeg("telegram", call))
    bridge = Bridge(cast(Any, legs[0]), cast(Any, legs[1]))
    heard: list[tuple[Frame, Frame]] = []
    if ear:
        bridge.ears.append(lambda a, b: heard.append((a, b)))
    payloads = []
    for frame in itertools.islice(hum(48_000), 200):
        hours.now = network.beat()
        phone.write(frame, network.now)
        bridge.tick()
    payloads = [RtpPacket.parse(data).payload for data in sent]
    theirs = OPUS.encoder(48_000, "")
    made = [theirs.encode(frame) for frame in itertools.islice(hum(48_000), 200)]
    assert len(payloads) > 190 and payloads[2:] == made[2 : len(payloads)]
    assert len(heard) == (200 if ear else 0)
    assert (
        not ear or windows(np.concatenate([a for a, _ in heard[50:]]), 48_000, 440).rest.max() < -25
    )


def test_1_khz_keeps_its_level_from_a_pbx_to_telegram_and_back() -> None:
    """Within half a decibel, both ways at once (also in `test_bridge_carried`)."""
    joined = Joined(PCMU, 8000, other=OPUS)
    tone = list(itertools.islice(hum(8000, 1000), 200))
    joined.talk(tone, itertools.islice(hum(joined.there.rate, 1000), 200))
    found = windows(np.concatenate(joined.heard[-80:]), joined.there.rate, 1000)
    assert abs(found.level + 20).max() < 0.5
