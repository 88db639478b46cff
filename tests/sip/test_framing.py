"""Messages out of streams: any cut gives the same, and nothing bad goes on for ever."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.sip.errors import ProtocolError
from siptg.sip.framing import Framer
from siptg.sip.parser import Limits
from tests.sip.torture.messages import sip

bodies = st.binary(max_size=60)
between = st.sampled_from([b"", b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n"])


@given(st.lists(st.tuples(between, bodies), max_size=6), st.lists(st.integers(0, 3000)))
@pytest.mark.rfc(3261, "18.3")
def test_any_cut_gives_the_same_messages(parts: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    messages = [sip(body=body) for _, body in parts]
    stream = b"".join(gap + made for (gap, _), made in zip(parts, messages, strict=True))
    at = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    framer, found = Framer(), list[bytes]()
    for begin, end in pairwise(at):
        found += framer.feed(stream[begin:end])
    assert found == messages and not framer.busy


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_whatever_comes_is_a_message_an_error_or_waited_for(first: bytes, second: bytes) -> None:
    framer = Framer(Limits(size=600))
    try:
        for part in (first, second):
            for message in framer.feed(part):
                assert b"\r\n\r\n" in message
    except ProtocolError as error:
        assert error.reason


@pytest.mark.rfc(5626, "4.4.1")
@pytest.mark.parametrize("cut", range(5))
def test_a_ping_is_two_line_ends_however_they_arrive(cut: int) -> None:
    framer = Framer()
    framer.feed(b"\r\n\r\n"[:cut])
    framer.feed(b"\r\n\r\n"[cut:])
    assert (framer.pings, framer.pongs, framer.busy) == (1, 0, False)
    framer.feed(sip())
    framer.feed(b"\r\n")
    assert (framer.pings, framer.pongs) == (1, 1)


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (sip(content_length="-1"), 400),
        (sip(content_length=None), 400),
        (sip(content_length="7").replace(b"via:", b"l: 8\r\nvia:"), 400),
        (sip(content_length="999999"), 513),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01", 400),
        (b"OPTIONS sip:x SIP/2.0\r\n" + b"X: y\r\n" * 20_000, 513),
    ],
)
def test_what_cannot_be_followed_is_an_error(stream: bytes, status: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        Framer().feed(stream)
    assert caught.value.status == status


def test_a_head_that_comes_byte_by_byte_costs_no_more_than_its_length() -> None:
    """Each byte is looked at a bounded number of times, or a slow peer would be a dear one."""
    framer, searched = Framer(), 0
    for _ in range(20_000):
        before = framer._searched
        framer.feed(b"O")
        searched += len(framer._buffer) - max(0, before - 3)
    assert searched < 5 * 20_000
