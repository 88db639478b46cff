"""Two ends that do anything in any order agree all the time; broken descriptions hurt neither."""

from __future__ import annotations

import random
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.rtp.codecs import OPUS, PCMA, PCMU
from siptg.rtp.offer import Agreed, Direction, Dtls, MediaTerms, Negotiator, OutOfTurn, Policy, Sdes
from siptg.rtp.sdp import SdpError, SessionDescription
from siptg.rtp.sdp.description import MOST_MEDIA
from siptg.rtp.sdp.sdes import SUITES
from tests.support.devices import DEVICES
from tests.support.sdp import G722, GSM, L16, OURS, agreed, parsed, talk, version

CODECS = (PCMU, PCMA, G722, GSM, L16, OPUS, attrs.evolve(OPUS, payload_type=96))


@st.composite
def terms(draw: st.DrawFn) -> MediaTerms:
    flags = ("rtcp_mux", "reduced_size", "feedback", "noise", "one_codec")
    suites = st.lists(st.sampled_from(list(SUITES)), min_size=1, unique=True).map(tuple)
    more: dict[str, Any] = {
        "codecs": draw(st.lists(st.sampled_from(CODECS[:6]), min_size=1, unique=True)),
        "ptime": draw(st.sampled_from([10, 20, 30, 40, 50, 60])),
        "maxptime": draw(st.sampled_from([0, 20, 40])),
        "security": draw(st.sampled_from(Policy)),
        "offered_suites": draw(suites),
        "events": draw(st.sampled_from(["", "0-15", "0-16"])),
        "fingerprint": OURS,
        **{name: draw(st.booleans()) for name in flags},
    }
    return MediaTerms(**more)


def consistent(a: Agreed, b: Agreed) -> None:
    for one, other in ((a, b), (b, a)):
        assert one.send_type in other.receive
        assert other.receive[one.send_type].rtpmap == one.codec.rtpmap
        if one.event_type is not None:
            assert other.event_receive[one.event_type] == one.event_rate
        if one.noise_type is not None:
            assert other.noise_receive[one.noise_type] == one.codec.clock_rate
        assert one.ptime in one.codec.packet_ms
        assert not set(one.receive) & (set(one.event_receive) | set(one.noise_receive))
    assert a.direction is b.direction.reverse
    assert (a.rtcp_mux, a.reduced_size) == (b.rtcp_mux, b.reduced_size)
    assert type(a.security) is type(b.security)
    if isinstance(a.security, Sdes) and isinstance(b.security, Sdes):
        assert a.security.suite == b.security.suite
        assert a.security.send_key == b.security.receive_key
        assert b.security.send_key == a.security.receive_key
    if isinstance(a.security, Dtls) and isinstance(b.security, Dtls):
        assert a.security.setup is not b.security.setup
        assert a.security.association == b.security.association


@pytest.mark.rfc(3264, "8")
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_two_ends_agree_whatever_they_do(data: st.DataObject) -> None:
    ends = [
        Negotiator(data.draw(terms()), "192.0.2.1", port, 1, random.Random(port).randbytes)
        for port in (2000, 3000)
    ]
    seen: list[dict[int, str]] = [{}, {}]
    for _ in range(data.draw(st.integers(1, 8))):
        turn = data.draw(st.integers(0, 1))
        one, other = ends[turn], ends[1 - turn]
        one.direction = data.draw(st.sampled_from(Direction))
        change = data.draw(st.sampled_from(["", "", "terms", "keys", "port", "refused"]))
        if change == "terms":
            one.terms = data.draw(terms())
        elif change == "keys":
            one.renew_keys()
        elif change == "port":
            one.port += 2
        elif change == "refused":
            one.offer()
            one.refused()
        offer = one.offer()
        for number, rtpmap in parsed(offer).media[0].map("rtpmap").items():
            assert seen[turn].setdefault(int(number), rtpmap) == rtpmap
        assert one.offer() == offer, "nothing changed, so neither does the version"
        before = other.agreed
        try:
            answer = other.answer(offer)
        except SdpError:
            assert other.agreed is before
            one.refused()
            continue
        try:
            one.accept(answer)
        except SdpError as error:
            # who came to insist on keys in mid-call is answered without by who came to want none
            assert "key" in str(error) and not one.terms.security.optional
            return
        consistent(agreed(one), agreed(other))


def wound(draw: st.DrawFn, data: bytes) -> bytes:
    """Some lines lost, doubled, swapped, others with bytes changed."""
    lines = data.split(b"\r\n")
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(["lose", "double", "swap", "bytes", "cut", "number"]))
        if what == "lose" and len(lines) > 1:
            del lines[at]
        elif what == "double":
            lines.insert(at, lines[at])
        elif what == "swap":
            to = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[to] = lines[to], lines[at]
        elif what == "bytes":
            cut = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:cut] + draw(st.binary(max_size=6)) + lines[at][cut + 2 :]
        elif what == "cut":
            lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
        else:
            number = draw(st.sampled_from([b"0", b"-1", b"99999999999", b"1e9", "²".encode(), b""]))
            words = lines[at].split(b" ")
            words[draw(st.integers(0, len(words) - 1))] = number
            lines[at] = b" ".join(words)
    return b"\r\n".join(lines)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_wounded_description_is_answered_or_refused(data: st.DataObject) -> None:
    us = Negotiator(data.draw(terms()), "192.0.2.1", 2000, 1, random.Random(1).randbytes)
    last = 0
    for _ in range(3):
        whole = data.draw(st.sampled_from(list(DEVICES.values())))
        broken = data.draw(st.composite(wound)(whole))
        if data.draw(st.booleans()):
            us.offer()
            try:
                us.accept(broken)
            except SdpError:
                us.refused()
            continue
        try:
            answer = us.answer(broken)
        except SdpError:
            continue
        theirs, ours = parsed(broken), parsed(answer)
        assert [one.kind for one in ours.media] == [one.kind for one in theirs.media]
        assert sum(bool(one.port) for one in ours.media) <= 1
        assert all(one.formats for one in ours.media) and version(answer) >= last
        last = version(answer)
        assert bytes(SessionDescription.parse(answer)) == answer


@given(st.binary(max_size=200), st.sampled_from(list(DEVICES.values())))
def test_any_bytes_are_an_answer_or_an_sdp_error(data: bytes, phone: bytes) -> None:
    for text in (data, phone[: len(data) * 4] + data):
        for offered in (True, False):
            us = Negotiator(MediaTerms(CODECS), "192.0.2.1", 2000, 1, bytes)
            if offered:
                us.offer()
            try:
                us.accept(text) if offered else us.answer(text)
            except SdpError:
                assert us.agreed is None


def test_the_largest_offer_is_answered_and_held_to_its_size() -> None:
    us = Negotiator(MediaTerms(CODECS), "192.0.2.1", 2000, 1, bytes)
    audio = "m=audio 4000 RTP/AVP " + " ".join(str(n % 200) for n in range(300)) + "\r\n"
    head = "v=0\r\nc=IN IP4 192.0.2.9\r\n" + "a=rtpmap:99 opus/48000/2\r\n" * 900
    answer = us.answer((head + audio * MOST_MEDIA).encode())
    assert len(parsed(answer).media) == MOST_MEDIA and len(answer) < 3000
    assert len(us.offer()) < 3000


def test_ends_that_share_no_codec_never_agree() -> None:
    a = Negotiator(MediaTerms((PCMU,)), "192.0.2.1", 2000, 1, bytes)
    b = Negotiator(MediaTerms((PCMA,)), "192.0.2.1", 3000, 1, bytes)
    with pytest.raises(SdpError, match="no codec that both ends know"):
        talk(a, b)
    with pytest.raises(OutOfTurn):
        a.answer(b.offer())
