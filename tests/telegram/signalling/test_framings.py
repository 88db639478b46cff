"""The acknowledged and the simple framing: what is posted comes once, whatever the wire does."""

from __future__ import annotations

import gzip
import random
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.telegram.signalling.acknowledged import (
    ACK_WITHIN,
    LARGEST_OUT,
    MOST_UNACKED,
    RESEND_AFTER,
    WANTS_ACK,
    AcknowledgedFraming,
)
from siptg.telegram.signalling.channel import Framing
from siptg.telegram.signalling.cipher import SignallingCipher
from siptg.telegram.signalling.simple import GAPS, MOST_REPEATED, REPEATS, SimpleFraming
from siptg.telegram.signalling.zipped import LARGEST_TEXT, unzipped, zipped
from tests.support.signals import OTHER_KEY, QUICK, Fate, PaperWire, cipher

Make = Callable[[SignallingCipher], Framing]
FRAMINGS: list[Make] = [AcknowledgedFraming, SimpleFraming]
FIVE = [b'{"n":%d}' % n for n in range(5)]

delays = st.floats(0, 6)
copies = st.lists(delays, min_size=1, max_size=3).map(tuple)
fates = st.lists(st.just(()) | copies, max_size=40)
at_times = st.lists(st.floats(0, 3), min_size=5, max_size=5)


def joined(make: Make, fate: Callable[[int, bytes], Fate] = lambda *_: (QUICK,)) -> PaperWire:
    return PaperWire((make(cipher(caller=True)), make(cipher(caller=False))), fate)


def post_all(wire: PaperWire, times: list[float], end: int = 0) -> None:
    for at, text in sorted(zip(times, FIVE, strict=True)):
        wire.run(at)
        wire.post(end, text)


@settings(max_examples=150)
@given(times=at_times, fates=fates, both=st.booleans())
def test_acknowledged_messages_come_once_each_whatever_is_lost_doubled_and_late(
    times: list[float], fates: list[Fate], both: bool
) -> None:
    """A packet that is lost costs five seconds, its acknowledgement another five."""
    coming = iter(fates)
    wire = joined(AcknowledgedFraming, lambda *_: next(coming, (QUICK,)))
    post_all(wire, times)
    if both:
        for text in FIVE:
            wire.post(1, text)
    wire.run(wire.now + (len(fates) + 2) * (RESEND_AFTER + ACK_WITHIN))
    assert sorted(wire.delivered[1]) == FIVE
    assert sorted(wire.delivered[0]) == (FIVE if both else [])
    assert [end.deadline() for end in wire.ends] == [None, None], "somebody still waits"


@settings(max_examples=150)
@given(
    times=at_times,
    lost=st.lists(st.integers(0, len(REPEATS)), min_size=10, max_size=10),
    late=st.lists(copies, max_size=60),
    both=st.booleans(),
)
def test_simple_messages_come_once_each_where_one_of_four_sendings_comes(
    times: list[float], lost: list[int], late: list[Fate], both: bool
) -> None:
    """Without acknowledgements a bound must be: it is the number of sendings."""
    coming, left = iter(late), iter(lost)
    losses: dict[bytes, int] = {}

    def fate(_: int, packet: bytes) -> Fate:
        if packet not in losses:
            losses[packet] = next(left)
        losses[packet] -= 1
        return () if losses[packet] >= 0 else next(coming, (QUICK,))

    wire = joined(SimpleFraming, fate)
    post_all(wire, times)
    if both:
        for text in FIVE:
            wire.post(1, text)
    wire.run(wire.now + sum(REPEATS) + 6)
    assert sorted(wire.delivered[1]) == FIVE
    assert sorted(wire.delivered[0]) == (FIVE if both else [])
    wire.run(wire.now + sum(GAPS))
    assert [end.deadline() for end in wire.ends] == [None, None], "somebody still waits"


def test_a_simple_packet_goes_four_times_or_seven_where_the_other_end_is_silent() -> None:
    spoken = joined(SimpleFraming)
    spoken.post(0, b"{}")
    spoken.post(1, b"{}")
    spoken.run(100)
    assert [t for t, end in spoken.sent if end == 0] == [0, 1, 3, 7]
    silent = joined(SimpleFraming, lambda *_: ())
    silent.post(0, b"{}")
    silent.run(100)
    assert [t for t, _ in silent.sent] == [0, 1, 3, 7, 15, 23, 31]


def test_a_simple_message_is_read_from_padding_and_from_any_counter() -> None:
    us, them = SimpleFraming(cipher(caller=True)), cipher(caller=False)
    big, little = them.seal(b"\0\0\0\1" + b'{"a": 1}   '), them.seal(b"\1\0\0\0" + b'{"b": 1}')
    assert us.receive(big, 0.0) == [b'{"a": 1}']
    assert us.receive(little, 0.0) == [b'{"b": 1}']
    assert us.receive(big, 0.0) == us.receive(little, 0.0) == []
    assert us.counters["repeated"] == 2
    assert us.receive(them.seal(b"\0\0\0\2" + gzip.compress(b"{}")), 0.0) == [b"{}"]
    assert us.receive(them.seal(b"\0\0\0\3     "), 0.0) == []


def test_an_acknowledged_message_is_repeated_in_five_seconds_and_then_no_more() -> None:
    lost = [True, False, False, False]
    wire = joined(AcknowledgedFraming, lambda *_: () if lost and lost.pop(0) else (QUICK,))
    wire.post(0, b"{}")
    wire.run(60)
    assert wire.delivered[1] == [b"{}"]
    assert [(round(t, 2), end) for t, end in wire.sent] == [(0, 0), (5, 0), (5.05, 1)]


@pytest.mark.parametrize("make", FRAMINGS)
def test_a_long_text_is_zipped_and_one_too_long_is_not_sent(make: Make) -> None:
    wire = joined(make)
    text = b'{"x": "' + b"abc" * 10_000 + b'"}'
    wire.post(0, text)
    wire.run(1)
    assert wire.delivered[1] == [text]
    wire.post(0, random.Random(1).randbytes(20_000))
    assert wire.ends[0].counters["too_long"] == 1 and wire.ends[0].outgoing() == []


@pytest.mark.parametrize("make", FRAMINGS)
def test_who_never_answers_does_not_make_us_keep_without_end(make: Make) -> None:
    end = make(cipher(caller=True))
    sizes = []
    for n in range(200):
        end.post(b'{"n":%d}' % n, n * 0.01)
    for now in range(2, 60):
        end.tick(now)
        sizes += [len(packet) for packet in end.outgoing()]
    kept = end.counters["unacknowledged"] + end.counters["unrepeated"]
    assert kept == 200 - (MOST_UNACKED if make is AcknowledgedFraming else MOST_REPEATED)
    assert max(sizes) <= LARGEST_OUT


@pytest.mark.parametrize("make", FRAMINGS)
def test_what_another_key_sealed_is_counted(make: Make) -> None:
    end, stranger = make(cipher(caller=True)), cipher(caller=False, key=OTHER_KEY)
    for size in (0, 4, 100, 200_000):
        assert end.receive(stranger.seal(bytes(size)), 0.0) == []
        assert end.receive(bytes(size), 0.0) == []
    assert end.counters["undecryptable"] == 8


def test_records_with_false_lengths_end_the_reading_of_their_packet() -> None:
    them = cipher(caller=False)
    good = struct.pack(">IBI", 5 | WANTS_ACK, 0x7F, 2) + b"{}"
    for bad, counted in (
        (struct.pack(">IBI", 9, 0x7F, 0xFFFFFFFF) + b"{}", "cut_off"),
        (struct.pack(">IBI", 9, 0x7F, 3) + b"{}", "cut_off"),
        (struct.pack(">IB", 9, 0x7F) + b"\0\0", "unknown_record"),
        (struct.pack(">IB", 9, 0x55) + good, "unknown_record"),
    ):
        us = AcknowledgedFraming(cipher(caller=True))
        packet = them.seal(struct.pack(">IB", 20, 0xFE) + good + bad)
        assert us.receive(packet, 0) == [b"{}"]
        assert us.counters[counted] == 1


def test_a_packet_of_ten_thousand_records_is_read_to_the_256th() -> None:
    us, them = AcknowledgedFraming(cipher(caller=True)), cipher(caller=False)
    many = b"".join(struct.pack(">IBI", n | WANTS_ACK, 0x7F, 0) for n in range(1, 10_000))
    assert len(us.receive(them.seal(many), 0.0)) == 256
    (acks,) = us.outgoing()
    assert us.counters["too_many_records"] == 1 and len(acks) < 1400


def test_repeated_records_never_make_a_packet_of_acknowledgements_too_long() -> None:
    us, them = AcknowledgedFraming(cipher(caller=True)), cipher(caller=False)
    for packet in range(60):
        first = struct.pack(">IB", 100_000 + packet, 0xFE)
        seqs = range(1 + packet * 200, 201 + packet * 200)
        us.receive(
            them.seal(first + b"".join(struct.pack(">IBI", n | WANTS_ACK, 0x7F, 0) for n in seqs)),
            0.0,
        )
        assert all(len(out) <= LARGEST_OUT for out in us.outgoing())


def test_zipped_texts_are_whole_or_nothing() -> None:
    text = b"x" * 100_000
    assert unzipped(zipped(text)) == text and unzipped(b"{}") == b"{}"
    assert unzipped(zipped(text)[:-9]) is None
    assert unzipped(b"\x1f\x8b" + bytes(20)) is None
    assert unzipped(zipped(bytes(LARGEST_TEXT))) == bytes(LARGEST_TEXT)
    assert unzipped(zipped(bytes(LARGEST_TEXT + 1))) is None


@pytest.mark.parametrize("make", FRAMINGS)
def test_what_would_unpack_to_a_gigabyte_is_counted(make: Make) -> None:
    bomb = zipped(bytes(100 << 20))[: 120 * 1024]
    them, us = cipher(caller=False), make(cipher(caller=True))
    head = struct.pack(">I", 1)
    if make is AcknowledgedFraming:
        head += struct.pack(">BI", 0x7F, len(bomb))
    assert us.receive(them.seal(head + bomb), 0.0) == []
    assert us.counters["bad_gzip"] == 1
