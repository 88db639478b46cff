"""Payload types: theirs to send with, ours to listen for, and none of them ever another's."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.codecs import OPUS, PCMA, PCMU
from siptg.rtp.offer.numbers import DYNAMIC, Numbers
from siptg.rtp.sdp import SdpError
from tests.support.sdp import L16, agreed, audio, end, section, talk


@pytest.mark.rfc(3264, "5.1")
def test_an_answer_with_other_numbers_is_sent_to_by_them_and_heard_by_ours() -> None:
    us = end(OPUS)
    us.offer()
    us.accept(audio("96 97", "rtpmap:96 opus/48000/2", "rtpmap:97 telephone-event/48000"))
    assert (agreed(us).send_type, agreed(us).event_type) == (96, 97)
    # theirs too, since many who answer with other numbers send by them
    assert agreed(us).receive == {111: OPUS, 96: OPUS}
    assert agreed(us).event_receive == {103: 48_000, 97: 48_000}


@pytest.mark.rfc(3264, "5.1")
def test_a_number_that_is_ours_stays_what_it_is_here_whatever_it_is_there() -> None:
    us = end(OPUS, L16, PCMA)
    us.offer()
    us.accept(audio("117 111", "rtpmap:117 opus/48000/2", "rtpmap:111 L16/16000"))
    assert (agreed(us).codec, agreed(us).send_type) == (OPUS, 117)
    assert agreed(us).receive == {111: OPUS, 117: L16}
    us = end(OPUS, L16, noise=True)
    noise = next(n for n, text in section(us.offer()).map("rtpmap").items() if "CN" in text)
    lines = ["rtpmap:98 opus/48000/2", "rtpmap:111 CN/16000"]
    us.accept(audio(f"98 117 111 {noise}", *lines, f"rtpmap:{noise} telephone-event/16000"))
    assert agreed(us).noise_receive == {int(noise): 16_000}
    assert agreed(us).event_receive == {102: 16_000}


@pytest.mark.rfc(3264, "8.3.2")
def test_what_a_number_was_once_it_stays() -> None:
    us = end(OPUS, L16)
    us.answer(audio("96 97", "rtpmap:96 opus/48000/2", "rtpmap:97 telephone-event/48000"))
    other = us.answer(audio("97 96", "rtpmap:97 L16/16000", "rtpmap:96 telephone-event/16000"))
    assert (agreed(us).send_type, agreed(us).event_type) == (97, 96)
    assert agreed(us).receive == {117: L16} and agreed(us).event_receive == {102: 16_000}
    assert section(other).formats == ["117", "102"]
    back = us.answer(audio("100", "rtpmap:100 opus/48000/2"))
    assert section(back).formats == ["100"], "a number more for the same codec is none too many"
    maps = section(us.offer()).map("rtpmap")
    assert (maps["100"], maps["117"]) == ("opus/48000/2", "L16/16000")
    assert maps["97"] == "telephone-event/48000"


@pytest.mark.rfc(3264, "8.3.2")
def test_codecs_that_want_the_same_number_get_two_and_keep_them() -> None:
    other = attrs.evolve(L16, payload_type=111)
    us = end(OPUS, other)
    first = section(us.offer()).map("rtpmap")
    us.terms = attrs.evolve(us.terms, codecs=(other, OPUS))
    assert section(us.offer()).map("rtpmap") == first
    assert first["111"] == "opus/48000/2" and first["96"] == "L16/16000"


@pytest.mark.rfc(5761, "4")
@pytest.mark.parametrize("number", [64, 72, 95])
def test_a_number_that_would_look_like_rtcp_is_sent_but_not_heard(number: int) -> None:
    us = end(OPUS)
    answer = us.answer(audio(str(number), f"rtpmap:{number} opus/48000/2"))
    assert (agreed(us).send_type, section(answer).formats) == (number, ["111"])
    assert agreed(us).receive == {111: OPUS}


@pytest.mark.parametrize("text", ["128", "-1", "x", "", "٣", "999999999999999999999"])
def test_what_is_no_payload_type_is_passed_over(text: str) -> None:
    us = end(PCMU)
    us.answer(audio(f"{text} 0"))
    assert agreed(us).send_type == 0


def test_both_ends_name_a_codec_as_the_other_does() -> None:
    a, b = end(attrs.evolve(OPUS, payload_type=120), PCMU), end(OPUS, port=3000)
    for one, other in (talk(a, b), talk(b, a), talk(a, b)):
        assert list(one.receive) == list(other.receive) == [120]
        assert one.send_type == other.send_type == 120


KEYS = st.sampled_from(["opus/48000/2", "l16/16000/1", "pcmu/8000/1", "telephone-event/8000/1"])


@pytest.mark.rfc(3264, "8.3.2")
@given(st.lists(st.tuples(KEYS, st.one_of(st.none(), st.integers(0, 127))), max_size=60))
def test_no_number_changes_its_meaning(asked: list[tuple[str, int | None]]) -> None:
    numbers, meant = Numbers(), dict[int, str]()
    for key, theirs in asked:
        number = numbers.ours(key, 100) if theirs is None else numbers.like(key, theirs)
        assert meant.setdefault(number, key) == key
        assert numbers.key(number) == key and not 63 < number < 96
    assert dict(numbers) == meant


def test_when_all_numbers_are_used_up_the_offer_is_refused() -> None:
    numbers = Numbers()
    for number in DYNAMIC:
        numbers.like(f"x-{number}/8000/1", number)
    assert numbers.like("x-96/8000/1", 97) == 96
    with pytest.raises(SdpError, match="no payload type is left"):
        numbers.ours("y/8000/1", 96)


def test_a_peer_that_renumbers_for_ever_runs_out_of_numbers() -> None:
    us = end(OPUS, PCMU)
    for number in range(96, 128):
        us.answer(audio(f"{number}", f"rtpmap:{number} opus/48000/2"))
    answer = us.answer(audio("0 101", "rtpmap:101 telephone-event/8000"))
    assert section(answer).formats == ["0", "35"]
    for number in range(128):
        us.answer(audio(f"{number}", f"rtpmap:{number} opus/48000/2"))
    with pytest.raises(SdpError, match="no payload type is left"):
        us.answer(audio("111 101", "rtpmap:111 opus/48000/2", "rtpmap:101 telephone-event/48000"))
