"""Opus in a call: how it is said by settings, and whatever shape it comes in."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.codecs import OPUS
from siptg.rtp.codecs.libopus import opuslib
from siptg.rtp.codecs.opus_packet import corrects
from siptg.rtp.packet import RtpPacket
from siptg.rtp.rtcp.packets import ReceiverReport, ReportBlock
from siptg.telegram.media.audio import CallAudio
from siptg.telegram.media.opus import RED_TYPE, OpusSettings, primary
from siptg.telegram.signalling.messages import OPUS_TYPE
from tests.support.joined import hum, windows
from tests.support.sines import vowel
from tests.support.streams import Time, by_hand

RATE = 48_000


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Time:
    return by_hand(monkeypatch)


def spoken(hours: Time, opus: OpusSettings, frames: list[np.ndarray]) -> list[RtpPacket]:
    """What leaves while these are said, one a beat."""
    sent: list[bytes] = []
    audio = CallAudio(seed=1, opus=opus)
    audio.attach(sent.append, lambda data: None)
    for frame in frames:
        hours.now += 0.02
        audio.write(frame)
    return [RtpPacket.parse(data) for data in sent]


def gaps(packets: list[RtpPacket]) -> np.ndarray:
    """Milliseconds from one packet's begin to the next one's."""
    return np.diff([one.timestamp for one in packets]) // 48


def silence(count: int) -> list[np.ndarray]:
    return [np.zeros(960, np.int16)] * count


@pytest.mark.parametrize("ptime", [20, 40, 60])
def test_packets_are_as_long_as_is_set(hours: Time, ptime: int) -> None:
    frames = [frame for frame, _ in zip(hum(RATE), range(120), strict=False)]
    packets = spoken(hours, OpusSettings(ptime), frames)
    assert len(packets) == 120 * 20 // ptime and set(gaps(packets)) == {ptime}
    decoder = OPUS.decoder(RATE)
    heard = np.concatenate([decoder.decode(one.payload) for one in packets])
    assert len(heard) == 120 * 960
    assert windows(heard[-48_000:], RATE, 440).rest.max() < -25


def test_a_length_that_engines_may_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="20, 40, 60 ms, not 30"):
        OpusSettings(30)


@pytest.mark.parametrize("ptime", [20, 60])
def test_pauses_are_kept_short_by_comfort_packets(hours: Time, ptime: int) -> None:
    packets = spoken(hours, OpusSettings(ptime, pauses=True), silence(1000))
    settled = gaps(packets)[20:]
    assert len(packets) < 1000 * 20 // ptime / 3
    assert settled.max() > 200 and settled.max() <= 400


@pytest.mark.parametrize("ptime", [20, 60])
def test_without_pauses_silence_is_said_packet_by_packet(hours: Time, ptime: int) -> None:
    packets = spoken(hours, OpusSettings(ptime), silence(300))
    assert set(gaps(packets)) == {ptime}


@pytest.mark.parametrize("wanted", [True, False])
def test_loss_that_is_reported_turns_correction_on_where_it_is_set(
    hours: Time, wanted: bool
) -> None:
    sent: list[bytes] = []
    audio = CallAudio(seed=1, opus=OpusSettings(corrects=wanted))
    audio.attach(sent.append, lambda data: None)
    said = np.tile(vowel(RATE), 4).reshape(-1, 960)
    for n in range(150):
        hours.now += 0.02
        audio.read()
        audio.write(said[n % len(said)])
        if n == 50:
            last = RtpPacket.parse(sent[-1]).sequence
            report = ReceiverReport(5, (ReportBlock(audio.ssrc, 40, 40, last),))
            audio.receive_rtcp(bytes(report), hours.now)
    packets = [RtpPacket.parse(data) for data in sent]
    assert not any(corrects(one.payload) for one in packets[:50])
    assert any(corrects(one.payload) for one in packets[100:]) is wanted


@pytest.mark.rfc(3550, "6.2")
def test_reports_go_out_about_once_a_second(hours: Time) -> None:
    reports: list[bytes] = []
    audio = CallAudio(seed=1)
    audio.attach(lambda data: None, reports.append)
    for _ in range(50 * 30):
        hours.now += 0.02
        audio.read()
        audio.write(np.zeros(960, np.int16))
    assert 20 <= len(reports) <= 60


def test_an_ssrc_of_ours_has_31_bits() -> None:
    assert all(0 < CallAudio(seed=n).ssrc < 1 << 31 for n in range(50))


# what comes


class Mouth:
    """An engine that says a tone in packets of any length."""

    def __init__(self, ssrc: int = 77, hz: float = 440.0) -> None:
        self.ssrc, self.sequence, self.stamp = ssrc, 100, 5000
        self._hz = hz
        self._encoder = opuslib().Encoder(RATE, 1, opuslib().APPLICATION_VOIP)

    def packet(self, ms: int, kind: int = OPUS_TYPE) -> bytes:
        size = RATE * ms // 1000
        when = (self.stamp + np.arange(size)) / RATE
        tone = (3277 * np.sin(2 * np.pi * self._hz * when)).astype("<i2")
        payload = self._encoder.encode(tone.tobytes(), size)
        made = RtpPacket(kind, self.sequence, self.stamp, self.ssrc, payload)
        self.sequence, self.stamp = self.sequence + 1, self.stamp + size
        return bytes(made)


def listen(hours: Time, audio: CallAudio, ms: int, beats: int, mouth: Mouth) -> np.ndarray:
    """Packets come evenly, the beat reads."""
    heard, said = [], 0
    for beat in range(beats):
        hours.now += 0.02
        while said <= beat * 20:
            audio.receive(mouth.packet(ms), hours.now)
            said += ms
        heard.append(audio.read())
    return np.concatenate(heard)


@pytest.mark.parametrize("ms", [10, 20, 40, 60, 120])
def test_packets_of_every_length_are_heard_whole(hours: Time, ms: int) -> None:
    audio = CallAudio(seed=1)
    audio.attach(lambda data: None, lambda data: None)
    found = windows(listen(hours, audio, ms, 200, Mouth())[-96_000:], RATE, 440)
    assert found.rest.max() < -20 and abs(found.level + 20).max() < 1.0


def test_the_burst_of_10_ms_packets_that_begins_a_call_costs_no_delay_later(hours: Time) -> None:
    """200 ms of sound within 30 ms, then 60 ms packets on time, as ntgcalls sends them."""
    audio, mouth = CallAudio(seed=1), Mouth()
    audio.attach(lambda data: None, lambda data: None)
    for n in range(20):
        audio.receive(mouth.packet(10), hours.now + n * 0.0015)
    found = windows(listen(hours, audio, 60, 300, mouth)[-96_000:], RATE, 440)
    assert found.rest.max() < -20
    assert audio.session.counted().buffered < 0.3


def test_another_source_is_heard_without_a_word(hours: Time) -> None:
    audio = CallAudio(seed=1)
    audio.attach(lambda data: None, lambda data: None)
    listen(hours, audio, 20, 100, Mouth(77))
    found = windows(listen(hours, audio, 20, 150, Mouth(78, 880.0))[-48_000:], RATE, 880)
    assert found.rest.max() < -20


def red(packet: bytes, *before: bytes) -> bytes:
    """The packet as RED's last block, with older payloads in front (RFC 2198 §3)."""
    heads = b"".join(
        struct.pack(">I", 0x80000000 | OPUS_TYPE << 24 | 960 * (len(before) - n) << 10 | len(part))
        for n, part in enumerate(before)
    )
    body = heads + bytes((OPUS_TYPE,)) + b"".join(before) + packet[12:]
    return packet[:1] + bytes((packet[1] & 0x80 | RED_TYPE,)) + packet[2:12] + body


@pytest.mark.rfc(2198, "3")
@pytest.mark.parametrize("before", [0, 1, 2])
def test_of_red_the_primary_is_heard(hours: Time, before: int) -> None:
    audio, mouth, heard = CallAudio(seed=1), Mouth(), []
    audio.attach(lambda data: None, lambda data: None)
    past = [b"older"] * 2
    for _ in range(150):
        hours.now += 0.02
        packet = mouth.packet(20)
        assert audio.receive(red(packet, *past[:before]), hours.now)
        heard.append(audio.read())
    assert windows(np.concatenate(heard)[-48_000:], RATE, 440).rest.max() < -20
    assert audio.session.counted().garbage == 0 and audio.packets_received == 150


@given(st.binary(max_size=40))
def test_no_red_raises(data: bytes) -> None:
    head = b"\x80" + bytes((RED_TYPE,)) + bytes(10)
    assert isinstance(primary(head + data), bytes)
    assert isinstance(primary(data), bytes)


@given(st.binary(max_size=1276), st.lists(st.binary(max_size=900), max_size=4))
def test_the_primary_is_what_was_put_in(payload: bytes, before: list[bytes]) -> None:
    packet = bytes(RtpPacket(OPUS_TYPE, 1, 2, 3, payload or b"x"))
    assert primary(red(packet, *before)) == packet


@pytest.mark.parametrize("kind", [0, 8, 9, 13, 96, 103, 110, 126])
def test_other_payload_types_are_dropped(hours: Time, kind: int) -> None:
    audio, mouth = CallAudio(seed=1), Mouth()
    audio.attach(lambda data: None, lambda data: None)
    listen(hours, audio, 20, 100, mouth)
    assert not audio.receive(bytes(RtpPacket(kind, 1, 1, 9, b"what is it")), hours.now)
    found = windows(listen(hours, audio, 20, 100, mouth)[-48_000:], RATE, 440)
    assert found.rest.max() < -20 and audio.session.counted().garbage == 1


def test_muted_we_send_nothing_and_go_on_in_time(hours: Time) -> None:
    sent: list[bytes] = []
    audio = CallAudio(seed=1)
    audio.attach(sent.append, lambda data: None)
    for n in range(150):
        hours.now += 0.02
        audio.mute(50 <= n < 100)
        audio.write(np.full(960, 100, np.int16))
    packets = [RtpPacket.parse(data) for data in sent]
    assert len(packets) == 100 and set(np.diff([one.sequence for one in packets])) == {1}
    assert list(gaps(packets)[48:51]) == [20, 51 * 20, 20]
