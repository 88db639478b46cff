"""Packets of Telegram's reflectors, byte by byte, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.telegram.media import reflected
from siptg.telegram.media.servers import Reflector

CALL = bytes(range(12))
OWN, PEER = b"\x01\x02\x03\x04", b"\xaa\xbb\xcc\xdd"
TAG = CALL + OWN


def test_a_hello_is_forty_bytes() -> None:
    said = reflected.hello(TAG)
    assert said.hex() == TAG.hex() + "ff" * 12 + "fe" + "ff" * 3 + "000000000000007b"
    assert len(said) == 40


def test_over_tcp_a_tag_and_four_zeros_keep_it_alive_behind_a_length() -> None:
    assert reflected.framed(reflected.keep_alive(TAG)).hex() == "14000000" + TAG.hex() + "00000000"


@pytest.mark.parametrize(
    ("data", "end"),
    [(b"abcd", ""), (b"abcde", "000000"), (b"abc", "00"), (b"abcdefg", "00")],
)
def test_a_packet_has_both_tags_a_length_and_is_padded(data: bytes, end: str) -> None:
    made = reflected.packet(CALL, PEER, OWN, data).hex()
    assert made == CALL.hex() + PEER.hex() + OWN.hex() + f"{len(data):08x}" + data.hex() + end


def test_what_one_end_packs_the_other_opens() -> None:
    made = reflected.packet(CALL, PEER, OWN, b"some sound")
    assert reflected.opened(made, CALL + PEER) == (OWN, b"some sound")


HEAD = CALL + OWN + PEER


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        TAG,
        HEAD,
        HEAD + bytes(3),
        HEAD + bytes(4),
        HEAD + b"\x00\x00\x00\x05abcd",
        HEAD + b"\xff\xff\xff\xffabcd",
        CALL + PEER + OWN + b"\x00\x00\x00\x04abcd",
        bytes(12) + OWN + PEER + b"\x00\x00\x00\x04abcd",
        reflected.hello(TAG),
    ],
    ids=[
        "nothing",
        "a tag",
        "two tags",
        "half a length",
        "no data",
        "a length that is too long",
        "a length beyond all",
        "another's tag",
        "another call",
        "a hello",
    ],
)
def test_false_packets_are_not_opened(packet: bytes) -> None:
    assert reflected.opened(packet, TAG) is None


def test_any_packet_of_our_call_shows_that_the_reflector_works() -> None:
    assert reflected.is_ours(CALL + bytes(20), TAG)
    assert not reflected.is_ours(bytes(32), TAG)


@given(st.binary(max_size=80))
def test_whatever_comes_nothing_raises(data: bytes) -> None:
    for packet in (data, TAG + data, HEAD + data):
        found = reflected.opened(packet, TAG)
        assert found is None or len(found[0]) == 4


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.integers(1, 40))
def test_a_stream_falls_into_its_packets_however_it_is_cut(sent: list[bytes], cut: int) -> None:
    stream = b"".join(reflected.framed(one) for one in sent)
    buffer, got = bytearray(), []
    for at in range(0, len(stream), cut):
        buffer += stream[at : at + cut]
        got += reflected.unframed(buffer)
    assert got == sent
    assert not buffer


@pytest.mark.parametrize("length", [0, reflected.LARGEST + 1, 0xFFFFFFFF])
def test_a_stream_with_a_false_length_says_nothing_any_more(length: int) -> None:
    with pytest.raises(ValueError):
        reflected.unframed(bytearray(length.to_bytes(4, "little") + bytes(8)))


def test_servers_are_numbered_by_their_ids() -> None:
    given = [Reflector(id, f"192.0.2.{id}", 599, bytes(16), False) for id in (30, 10, 20)]
    given.append(Reflector(20, "2001:db8::20", 599, bytes(16), False))
    assert [(n, r.id) for n, r in reflected.numbered(given)] == [(1, 10), (2, 20), (2, 20), (3, 30)]


def test_a_candidate_is_named_by_server_and_tag_in_little_endian() -> None:
    assert reflected.name_of(2, OWN) == "reflector-2-67305985.reflector"
    assert reflected.read_name("reflector-2-67305985.reflector") == (2, OWN)


@pytest.mark.parametrize(
    "name",
    [
        "reflector-0-1.reflector",
        "reflector-1-0.reflector",
        "reflector-1-4294967296.reflector",
        "reflector-1-99999999999.reflector",
        "reflector-65536-1.reflector",
        "reflector-1.reflector",
        "reflector-1--1.reflector",
        "reflector-1-1.reflector.example.com",
        "reflector-\u0661-1.reflector",
        "x.reflector",
    ],
)
def test_other_names_are_none(name: str) -> None:
    assert reflected.read_name(name) is None


@given(st.integers(1, 0xFFFF), st.binary(min_size=4, max_size=4))
def test_an_address_stands_for_a_peer_and_for_nobody_else(number: int, tag: bytes) -> None:
    assert reflected.behind(reflected.stand_in(number, tag)) == (number, tag)


def test_addresses_of_the_network_stand_for_nobody_behind_a_reflector() -> None:
    for address in ("192.0.2.1", "fd00::1", "2001:db8::1"):
        assert reflected.behind(address) == (0, b"")
