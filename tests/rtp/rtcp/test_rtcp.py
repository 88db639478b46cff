"""RTCP on the wire: bytes by hand, there and back, and bytes that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from aiortc import rtp as aiortc
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.rtp.rtcp.packets import (
    CNAME,
    LONGEST,
    PRIV,
    TOOL,
    Chunk,
    Goodbye,
    Other,
    Packet,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    compound,
    parse,
)
from tests.machines import ROOT

BLOCK = ReportBlock(0x0B0B0B0B, 64, -2, 0x0001FFFE, 160, 0xABCD1234, 0x00018000)
BLOCK_BYTES = "0b0b0b0b 40fffffe 0001fffe 000000a0 abcd1234 00018000"
BY_HAND: list[tuple[Packet, str]] = [
    (
        SenderReport(0x0A0A0A0A, 0xE0000001_80000000, 0x12345678, 250, 40_000, (BLOCK,)),
        "81c8000c 0a0a0a0a e0000001 80000000 12345678 000000fa 00009c40" + BLOCK_BYTES,
    ),
    (ReceiverReport(0x0A0A0A0A), "80c90001 0a0a0a0a"),
    (
        ReceiverReport(0x0A0A0A0A, (BLOCK, BLOCK), b"more"),
        "82c9000e 0a0a0a0a" + BLOCK_BYTES + BLOCK_BYTES + "6d6f7265",
    ),
    # an item that ends with its word still gets a whole word of nulls
    (
        SourceDescription(
            (Chunk(7, ((CNAME, "ab"),)), Chunk(8, ((CNAME, "abc"), (TOOL, "")))),
        ),
        "82ca0006 00000007 01026162 00000000 00000008 01036162 63060000",
    ),
    (SourceDescription((Chunk(7),)), "81ca0002 00000007 00000000"),
    (SourceDescription(()), "80ca0000"),
    (Goodbye((7, 8)), "82cb0002 00000007 00000008"),
    (Goodbye((7,), "end"), "81cb0002 00000007 03656e64"),
    (Goodbye((7,), "ends"), "81cb0003 00000007 04656e64 73000000"),
    (Other(204, 3, b"\0\0\0\7nameDATA"), "83cc0003 00000007 6e616d65 44415441"),
    (Other(205, 15, bytes(8)), "8fcd0002 0000000000000000"),
]


@pytest.mark.rfc(3550, "6.4.1")
@pytest.mark.rfc(3550, "6.4.2")
@pytest.mark.rfc(3550, "6.5")
@pytest.mark.rfc(3550, "6.6")
@pytest.mark.parametrize(("packet", "text"), BY_HAND)
def test_a_packet_is_written_and_read_as_by_hand(packet: Packet, text: str) -> None:
    data = bytes.fromhex(text)
    assert bytes(packet) == data
    assert parse(data) == (packet,)


@pytest.mark.rfc(3550, "6.1")
def test_a_compound_is_its_packets_one_behind_the_other() -> None:
    packets = tuple(packet for packet, _ in BY_HAND)
    data = compound(packets)
    assert data == b"".join(bytes.fromhex(text) for _, text in BY_HAND)
    assert parse(data) == packets


@pytest.mark.rfc(3550, "6.4.1")
def test_padding_goes_behind_the_last_packet_and_is_taken_off() -> None:
    packets = (ReceiverReport(1), Goodbye((1,)))
    data = compound(packets, padding=8)
    assert data == bytes.fromhex("80c90001 00000001 a1cb0003 00000001 00000000 00000008")
    assert parse(data) == packets


@pytest.mark.parametrize("padding", [1, -4, 256, 258])
def test_padding_that_the_header_cannot_tell_is_refused(padding: int) -> None:
    with pytest.raises(ValueError, match="padding"):
        compound([ReceiverReport(1)], padding)


@pytest.mark.rfc(5506, "3.4.2")
def test_a_lone_feedback_packet_is_read_too() -> None:
    data = bytes.fromhex("81ce0002 00000001 00000002")
    assert parse(data) == (Other(206, 1, bytes.fromhex("00000001 00000002")),)


@pytest.mark.rfc(3611, "4.7")
def test_an_extended_report_is_passed_over_and_what_follows_is_read() -> None:
    voip = "80cf000a 00000001 07000008" + "00" * 32
    assert parse(bytes.fromhex(voip + "80c90001 00000001"))[1] == ReceiverReport(1)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "0 bytes are no RTCP"),
        ("80c9", "2 bytes are no RTCP"),
        ("40c90001 00000001", "RTCP version 1"),
        ("80c90002 00000001", "an RTCP packet of 12 bytes in 8"),
        ("80c90001 00000001 80c9", "2 bytes behind the last RTCP packet"),
        ("81c90001 00000001", "RR holds 4 bytes instead of 28"),
        ("80c80001 00000001", "SR holds 4 bytes instead of 24"),
        ("81cb0000", "BYE holds 0 bytes instead of 4"),
        ("81cb0002 00000007 09656e64", "a text of 9 bytes is cut off"),
        ("81ca0000", "an SDES chunk is cut off"),
        ("81ca0002 00000007 01056162", "a text of 5 bytes is cut off"),
        ("81ca0002 00000007 01016101", "an SDES item is cut off"),
        ("a0c90001 00000000", "0 bytes of padding in 4"),
        ("a0c90001 00000003", "3 bytes of padding in 4"),
        ("a0c90001 00000008", "8 bytes of padding in 4"),
        ("a0c90000", "0 bytes of padding in 0"),
    ],
)
def test_a_broken_datagram_is_refused_in_words(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=f"^{error}$"):
        parse(bytes.fromhex(text))


def test_a_datagram_that_is_far_too_long_is_not_even_looked_at() -> None:
    assert len(parse(bytes(ReceiverReport(1)) * (LONGEST // 8))) == LONGEST // 8
    with pytest.raises(ValueError, match="no RTCP"):
        parse(bytes(ReceiverReport(1)) * (LONGEST // 8 + 1))


def test_what_telephones_get_wrong_is_forgiven() -> None:
    unended = bytes.fromhex("81ca0002 00000007 01026162")
    assert parse(unended) == (SourceDescription((Chunk(7, ((CNAME, "ab"),)),)),)
    no_text = bytes.fromhex("81ca0002 00000007 0102ff62")
    (named,) = parse(no_text)
    assert named == SourceDescription((Chunk(7, ((CNAME, "\N{REPLACEMENT CHARACTER}b"),)),))
    behind = bytes.fromhex("80ca0002 00000007 01026162")  # a chunk that the header does not count
    assert parse(behind) == (SourceDescription(()),)


@pytest.mark.parametrize(
    "packet",
    [
        ReceiverReport(1, (BLOCK,) * 32),
        ReceiverReport(1, (), b"abc"),
        ReceiverReport(1, (ReportBlock(1, jitter=1 << 32),)),
        SourceDescription((Chunk(1, ((CNAME, "x" * 256),)),)),
        SourceDescription((Chunk(1, ((0, "x"),)),)),
        Goodbye(tuple(range(32))),
        Other(204, 32, b""),
        Other(204, 0, b"abc"),
    ],
)
def test_what_no_packet_can_hold_is_not_written(packet: Packet) -> None:
    with pytest.raises(ValueError):
        bytes(packet)


WORDS = st.integers(0, 0xFFFFFFFF)
WHOLE_WORDS = st.integers(0, 8).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))
TEXT = st.text(max_size=60)
BLOCKS = st.lists(
    st.builds(
        ReportBlock,
        *(WORDS, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF)),
        *(WORDS, WORDS, WORDS, WORDS),
    ),
    max_size=3,
).map(tuple)
CHUNKS = st.lists(
    st.builds(Chunk, WORDS, st.lists(st.tuples(st.integers(1, PRIV), TEXT), max_size=3).map(tuple)),
    max_size=3,
).map(tuple)
PACKETS: st.SearchStrategy[Packet] = st.one_of(
    st.builds(SenderReport, WORDS, st.integers(0, 2**64 - 1), *([WORDS] * 3), BLOCKS, WHOLE_WORDS),
    st.builds(ReceiverReport, WORDS, BLOCKS, WHOLE_WORDS),
    st.builds(SourceDescription, CHUNKS),
    st.builds(Goodbye, st.lists(WORDS, max_size=31).map(tuple), TEXT),
    st.builds(Other, st.integers(204, 255), st.integers(0, 31), WHOLE_WORDS),
)


@settings(deadline=None)
@given(st.lists(PACKETS, min_size=1, max_size=2), st.sampled_from([0, 4, 32]))
def test_all_that_is_written_is_read_again(packets: list[Packet], padding: int) -> None:
    assert parse(compound(packets, padding)) == tuple(packets)


@settings(deadline=None)
@given(st.lists(PACKETS, min_size=1, max_size=2), st.data())
def test_a_spoilt_compound_is_read_or_refused_and_nothing_else(
    packets: list[Packet], data: st.DataObject
) -> None:
    spoilt = bytearray(compound(packets))
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    try:
        parse(bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))]))
    except ValueError as error:
        assert str(error)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    for begin in (b"", b"\x81\xc8\0\x0c", b"\x81\xca\0\x05", b"\x81\xcb\0\x02"):
        try:
            parse(begin + data)
        except ValueError as error:
            assert str(error)


def test_another_implementation_reads_the_same_out_of_what_we_write() -> None:
    report, names, farewell = aiortc.RtcpPacket.parse(
        compound(
            [
                SenderReport(1, 0xE0000001_80000000, 3, 4, 5, (BLOCK,)),
                SourceDescription((Chunk(1, ((CNAME, "somebody"),)),)),
                Goodbye((1, 2), "end"),
            ],
            padding=4,
        )
    )
    assert isinstance(report, aiortc.RtcpSrPacket)
    info = report.sender_info
    assert (report.ssrc, info.ntp_timestamp, info.rtp_timestamp) == (1, 0xE0000001_80000000, 3)
    assert (info.packet_count, info.octet_count) == (4, 5)
    (told,) = report.reports
    assert (told.ssrc, told.fraction_lost, told.packets_lost) == (BLOCK.ssrc, 64, -2)
    assert (told.highest_sequence, told.jitter) == (BLOCK.highest, 160)
    assert (told.lsr, told.dlsr) == (BLOCK.last_sr, BLOCK.delay)
    assert isinstance(names, aiortc.RtcpSdesPacket)
    assert names.chunks[0].items == [(CNAME, b"somebody")]
    assert isinstance(farewell, aiortc.RtcpByePacket)
    assert farewell.sources == [1, 2]


def test_the_last_words_of_a_softphone_of_2005_are_understood() -> None:
    shared = Path(os.environ.get("SIPTG_SHARED") or ROOT.parent / "shared")
    capture = shared / "data" / "pcaps" / "01-wireshark-aaa.pcap"
    if not (capture.is_file() or (os.environ.get("CI") == "true" and shared.is_dir())):
        pytest.skip("the captures are not beside this repository (SIPTG_SHARED)")
    data = capture.read_bytes()
    begin = data.index(bytes.fromhex("80c80006 3796cb71"))
    report, names, farewell = parse(data[begin : begin + 104])
    assert isinstance(report, SenderReport)
    assert (report.ssrc, report.packets, report.octets) == (0x3796CB71, 9, 1548)
    assert isinstance(names, SourceDescription)
    assert names.chunks[0].items[1] == (TOOL, "SIPPS")
    assert farewell == Goodbye((0x3796CB71,), "session shutdown")
