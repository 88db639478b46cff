"""What two sessions tell one another of themselves, what strangers may send, and at what cost."""

from __future__ import annotations

import gc
import itertools
import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.codecs import OPUS, PCMU
from siptg.rtp.digits.tones import ToneReceiver
from siptg.rtp.packet import RtpPacket
from siptg.rtp.rtcp.packets import (
    Goodbye,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    compound,
)
from siptg.rtp.session import Hearing, RtpSession
from siptg.rtp.sounds.tones import tone
from siptg.rtp.stats import heard, told
from tests.support.network import EPOCH, EVENT, Network, Way, agree, losing, say

SILENCE = np.zeros(160, np.int16)


def talk(network: Network, a: RtpSession, b: RtpSession, seconds: float) -> None:
    said = tone([440.0], 8000)
    say(network, a, b, itertools.islice(said, round(seconds * 50)))


@pytest.mark.rfc(3550, "6.2")
def test_reports_go_out_at_their_times_and_say_who_we_are() -> None:
    network, there, back = Network(), Way(), Way()
    a, b = network.ends(there, back)
    agree(a, b)
    talk(network, a, b, 60)
    for way in (there, back):
        times = [at for at, _ in way.reports]
        assert 1.0 < times[0] - 1000.0 < 3.2
        gaps = np.diff(times)
        assert 8 <= len(gaps) <= 20 and gaps.min() > 2.0 and gaps.max() < 6.4
    for packets in there.said:
        report, names = packets
        assert isinstance(report, SenderReport) and report.ssrc == a.ssrc
        assert isinstance(names, SourceDescription) and names.chunks[0].cname == a.reports.cname
    for packets in back.said[1:]:
        report = packets[0]
        assert isinstance(report, ReceiverReport) and report.blocks[0].ssrc == a.ssrc
    assert b.reports.their_cname == a.reports.cname


@pytest.mark.rfc(3550, "6.4.1")
def test_a_sender_report_tells_what_was_sent_and_when() -> None:
    network, there = Network(), Way()
    a, b = network.ends(there)
    agree(a, b)
    talk(network, a, b, 20)
    at, _ = there.reports[-1]
    report = there.said[-1][0]
    assert isinstance(report, SenderReport)
    before = sum(1 for n in range(len(there.sent)) if 1000.02 + n * 0.02 < at - 1e-6)
    assert report.packets == pytest.approx(before, abs=1) and report.octets == report.packets * 160
    assert (report.ntp >> 32) - 2_208_988_800 == int(EPOCH + at)
    last = there.packets[report.packets - 1].timestamp
    assert 0 <= (report.timestamp - last) & 0xFFFFFFFF <= 320


@pytest.mark.rfc(3550, "6.3.7")
def test_who_leaves_says_so_once_and_with_the_last_figures() -> None:
    network, there = Network(), Way()
    a, b = network.ends(there)
    agree(a, b)
    talk(network, a, b, 1)
    a.leave(network.now, EPOCH + network.now)
    a.leave(network.now, EPOCH + network.now)
    assert len(there.said) == 1
    report, *_, bye = there.said[0]
    assert isinstance(report, SenderReport) and report.packets == 50
    assert isinstance(bye, Goodbye) and bye.ssrcs == (a.ssrc,)
    for _ in range(1000):
        network.beat()
    assert len(there.said) == 1 and b.reports.farewell == ""


def test_who_never_said_a_word_leaves_without_one() -> None:
    network, there = Network(), Way()
    a, _ = network.ends(there)
    a.leave(network.now, EPOCH)
    assert there.reports == []


@pytest.mark.rfc(3550, "6.4.1")
def test_both_ends_measure_the_round_trip() -> None:
    network = Network()
    a, b = network.ends(Way(delay=0.05), Way(delay=0.11))
    agree(a, b)
    said = tone([440.0], 8000)
    for _ in range(1500):
        now = network.beat()
        for session in (a, b):
            session.read(now)
            session.write(next(said), now)
    for session in (a, b):
        assert session.counted().round_trip == pytest.approx(0.16, abs=0.001)


@pytest.mark.rfc(3550, "A.3")
def test_loss_is_counted_by_who_hears_and_told_to_who_speaks() -> None:
    network = Network()
    a, b = network.ends(Way(lost=losing([n % 20 in (3, 11) for n in range(20)], again=True)))
    agree(a, b)
    talk(network, a, b, 60)
    heard_by_b, told_to_a = heard(b.counted(), "pcmu"), told(a.counted(), "pcmu")
    assert heard_by_b.loss == pytest.approx(0.1, abs=0.005)
    assert told_to_a.loss == pytest.approx(0.1, abs=0.01)
    assert heard_by_b.lost == 300 and heard_by_b.concealed == pytest.approx(300, abs=5)


@pytest.mark.rfc(3550, "A.8")
def test_jitter_is_measured_and_told() -> None:
    network, chance = Network(), random.Random(3)
    a, b = network.ends(Way(late=lambda n: chance.uniform(0, 0.03)))
    agree(a, b)
    talk(network, a, b, 30)
    # two uniform variables differ by a third of their range in the mean
    assert b.counted().jitter == pytest.approx(0.01, abs=0.004)
    assert a.counted().far_jitter == pytest.approx(0.01, abs=0.004)


def test_the_mos_falls_with_loss_in_both_judgements() -> None:
    found = []
    for every in (0, 100, 20, 10, 4):
        pattern = [every > 0 and n % every == 2 for n in range(100)]
        network = Network()
        a, b = network.ends(Way(lost=losing(pattern, again=True)))
        agree(a, b)
        talk(network, a, b, 30)
        found.append((heard(b.counted(), "pcmu").mos, told(a.counted(), "pcmu").mos))
    for judged in zip(*found, strict=True):
        values = [mos for mos in judged if mos is not None]
        assert len(values) == 5 and values == sorted(values, reverse=True)
        assert values[0] > 4.2 and values[-1] < 3.1 and len(set(values)) == 5


def test_packets_that_come_twice_or_late_are_counted_and_heard_once() -> None:
    network = Network()
    a, b = network.ends(Way(doubled=True, late=lambda n: 0.05 if n % 50 == 30 else 0.0))
    agree(a, b)
    talk(network, a, b, 20)
    counted = b.counted()
    assert counted.duplicates == pytest.approx(1000, abs=3)
    assert counted.reordered == 20 and counted.lost == 0
    assert counted.expected == pytest.approx(1000, abs=3)


def all_ears() -> RtpSession:
    """A session to which anything may come."""
    session = RtpSession(lambda data: None, lambda data: None, random.Random(4), 0.0)
    session.hear(Hearing({0: PCMU, 111: OPUS}, {EVENT: 8000, 102: 48_000}, frozenset({13})), 8000)
    session.outbound.speak(PCMU, 0, 8000, event_type=EVENT)
    session.tones = ToneReceiver(8000)
    session.on_digit = lambda key: None
    return session


numbers = st.integers(0, 2**32 - 1)
rtp = st.builds(
    lambda kind, sequence, stamp, ssrc, payload, marker, first: (
        bytes([first]) + bytes(RtpPacket(kind, sequence, stamp, ssrc, payload, marker))[1:]
    ),
    st.sampled_from([0, 111, EVENT, 102, 13, 50]),
    st.integers(0, 65_535),
    numbers,
    st.integers(1, 4),
    st.binary(max_size=200),
    st.booleans(),
    st.sampled_from([0x80, 0x80, 0x80, 0x90, 0xA0, 0xB2, 0x00, 0xFF]),
)
reports = st.builds(
    lambda sender, ssrc, other, lost, of: compound(
        [
            SenderReport(ssrc, 5 << 40, 3, 1, 1, (ReportBlock(of, lost, 5, other & 0xFFFF),))
            if sender
            else ReceiverReport(ssrc, (ReportBlock(of, lost, 5, other),)),
            Goodbye((ssrc,)),
        ]
    ),
    st.booleans(),
    numbers,
    numbers,
    st.integers(0, 255),
    numbers,
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["rtp", "rtcp"]),
            st.one_of(st.binary(max_size=120), rtp, reports),
            st.floats(0, 0.2),
        ),
        max_size=40,
    ),
    st.booleans(),
)
def test_whatever_comes_nothing_raises_and_frames_are_frames(
    given_: list[tuple[str, bytes, float]], pulling: bool
) -> None:
    session, now = all_ears(), 0.0
    for kind, data, later in given_:
        now += later
        if kind == "rtp":
            session.receive(data, now)
        else:
            session.receive_rtcp(data, now)
        if pulling:
            session.carry(session.pull(now), now)
        else:
            frame = session.read(now)
            assert frame.dtype == np.int16 and len(frame) == session.rate // 50
            session.write(SILENCE, now)
        session.chores(now, EPOCH + now)
    session.counted()
    session.leave(now, EPOCH + now)


def hostile(chance: random.Random, count: int) -> list[bytes]:
    """Every packet of another source, number, time, kind and length."""
    made = []
    for _ in range(count):
        kind = chance.choice([0, 111, EVENT, 102, 13])
        payload = chance.randbytes(chance.choice([0, 1, 4, 8, 80, 160, 500]))
        stamp, ssrc = chance.getrandbits(32), chance.getrandbits(32)
        made.append(bytes(RtpPacket(kind, chance.getrandbits(16), stamp, ssrc, payload)))
    return made


@pytest.mark.parametrize("read", [True, False])
def test_a_hostile_stream_does_not_make_memory_grow(read: bool) -> None:
    """Nor does one that nobody reads."""
    session, chance, now = all_ears(), random.Random(6), 0.0
    sizes = []
    tracemalloc.start()
    for _ in range(4):
        for data in hostile(chance, 2500):
            now += 0.005
            session.receive(data, now)
            session.receive_rtcp(data, now)
            session.receive_rtcp(
                bytes(ReceiverReport(chance.getrandbits(32), (ReportBlock(session.ssrc),))), now
            )
            if read:
                session.read(now)
            session.chores(now, EPOCH + now)
        gc.collect()
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[-1] - sizes[1] < 30_000
    assert session.counted().strays + session.counted().changes > 1000


def test_an_orderly_stream_that_nobody_reads_does_not_either() -> None:
    network = Network()
    a, b = network.ends()
    agree(a, b)
    for _ in range(2000):
        a.write(SILENCE, network.beat())
    assert b.playout is not None and len(b.playout.buffer.waiting) <= 500
