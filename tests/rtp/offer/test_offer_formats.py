"""Codecs, keys, noise and packet lengths: what a section can carry."""

from __future__ import annotations

import attrs
import pytest

from siptg.rtp.codecs import OPUS, PCMA, PCMU
from siptg.rtp.sdp import SdpError
from tests.support.sdp import G722, GSM, L16, agreed, audio, end, said, section, talk


@pytest.mark.rfc(3551, "6")
def test_codecs_are_known_by_name_without_case_by_clock_and_by_channels() -> None:
    for rtpmap, known in [
        ("pcma/8000", True),
        ("PcmA/8000/1", True),
        ("PCMA", True),
        ("PCMA/16000", False),
        ("PCMA/8000/2", False),
        ("PCMA/0", False),
        ("PCMA/x", False),
        ("/8000", False),
    ]:
        us = end(PCMA)
        try:
            us.answer(audio("99", f"rtpmap:99 {rtpmap}"))
        except SdpError:
            assert not known, rtpmap
        else:
            assert known and agreed(us).send_type == 99, rtpmap


@pytest.mark.rfc(3551, "4.5.2")
@pytest.mark.parametrize("clock", [8000, 16_000])
def test_g722_is_g722_whichever_clock_they_say(clock: int) -> None:
    us = end(G722)
    answer = us.answer(audio("9", f"rtpmap:9 G722/{clock}"))
    assert b"a=rtpmap:9 G722/8000\r\n" in answer and agreed(us).codec == G722
    with pytest.raises(SdpError, match="no codec"):
        us.answer(audio("9", "rtpmap:9 G722/48000"))


@pytest.mark.rfc(7587, "7")
@pytest.mark.parametrize("rtpmap", ["opus/48000/2", "OPUS/48000", "opus/48000/1"])
def test_opus_is_opus_with_or_without_its_channels(rtpmap: str) -> None:
    us = end(OPUS)
    answer = us.answer(audio("96", f"rtpmap:96 {rtpmap}"))
    assert b"a=rtpmap:96 opus/48000/2\r\n" in answer


def test_the_map_of_a_number_goes_before_its_meaning_and_of_two_the_first() -> None:
    us = end(PCMU, PCMA)
    us.answer(audio("0 0", "rtpmap:0 PCMA/8000", "rtpmap:0 PCMU/8000"))
    assert (agreed(us).codec, agreed(us).send_type) == (PCMA, 0)


@pytest.mark.rfc(8866, "6.6")
def test_a_dynamic_number_without_a_map_means_nothing_in_an_offer() -> None:
    with pytest.raises(SdpError, match="no codec that both ends know"):
        end(OPUS).answer(audio("111"))


@pytest.mark.rfc(8866, "6.15")
def test_parameters_are_those_of_the_number_that_is_sent() -> None:
    wishes = attrs.evolve(OPUS, fmtp="useinbandfec=1")
    us = end(wishes)
    us.answer(
        audio("96", "rtpmap:96 opus/48000/2", "fmtp:97 no", "fmtp:96  stereo=0; useinbandfec=1 ")
    )
    assert agreed(us).fmtp == "stereo=0; useinbandfec=1"
    us = end(wishes, PCMU)
    assert "111 useinbandfec=1" in list(section(us.offer()).all("fmtp"))
    us.accept(audio("111", "fmtp:111 maxplaybackrate=8000"))
    assert agreed(us).fmtp == "maxplaybackrate=8000"


def test_parameters_that_are_not_ascii_are_made_so() -> None:
    us = end(PCMU)
    us.answer(audio("0", "fmtp:0 x").replace(b"fmtp:0 x", b"fmtp:0 \xff\xc3\xbc"))
    assert agreed(us).fmtp == "??"


@pytest.mark.rfc(4733, "2.1")
def test_keys_are_offered_at_each_clock_that_our_codecs_have() -> None:
    offer = section(end(PCMU, L16, OPUS, G722).offer())
    maps = offer.map("rtpmap")
    events = {maps[n]: offer.map("fmtp")[n] for n in maps if "telephone-event" in maps[n]}
    assert events == {f"telephone-event/{clock}": "0-15" for clock in (8000, 16_000, 48_000)}
    assert len(set(offer.formats)) == len(offer.formats) == 7


@pytest.mark.rfc(4733, "2.4.1")
@pytest.mark.parametrize(
    ("fmtp", "heard"),
    [
        ("0-15", frozenset(range(16))),
        ("0-16", frozenset(range(17))),
        ("", frozenset(range(16))),
        ("0-11,66, 70", frozenset(range(16))),
        ("0-11,66,70", frozenset({*range(12), 66, 70})),
        ("5-4", frozenset()),
        ("0-999", frozenset(range(16))),
        ("x", frozenset(range(16))),
        ("-5", frozenset(range(16))),
        ("5-", frozenset(range(16))),
        ("16", frozenset({16})),
    ],
)
def test_which_keys_they_understand(fmtp: str, heard: frozenset[int]) -> None:
    us = end(PCMU, events="0-16")
    lines = [f"fmtp:97 {fmtp}"] if fmtp else []
    answer = us.answer(audio("0 97", "rtpmap:97 Telephone-Event/8000", *lines))
    assert (agreed(us).event_type, agreed(us).events) == (97, heard)
    assert section(answer).map("fmtp") == {"97": "0-16"}, "what we understand is ours to say"


@pytest.mark.rfc(4733, "2.1")
@pytest.mark.parametrize(
    ("numbers", "event", "rate"),
    [("97 98", 98, 48_000), ("97", 97, 8000), ("99", None, 48_000), ("", None, 48_000)],
)
def test_keys_run_on_the_clock_of_the_codec_or_else_at_8_khz(
    numbers: str, event: int | None, rate: int
) -> None:
    lines = ["rtpmap:111 opus/48000/2", "rtpmap:97 telephone-event/8000"]
    lines += ["rtpmap:98 telephone-event/48000", "rtpmap:99 telephone-event/16000"]
    us, caller = end(OPUS), end(OPUS, PCMU)
    answer = us.answer(audio(f"111 {numbers}", *lines))
    assert (agreed(us).event_type, agreed(us).event_rate) == (event, rate)
    assert section(answer).formats == ["111", *([str(event)] if event else [])]
    assert agreed(us).event_receive == ({event: rate} if event else {})
    caller.offer()
    caller.accept(audio(f"111 {numbers}", *lines))
    assert (agreed(caller).event_type, agreed(caller).event_rate) == (event, rate)


def test_keys_that_were_not_offered_are_not_sent() -> None:
    us = end(OPUS)
    us.offer()
    us.accept(audio("111 97", "rtpmap:97 telephone-event/16000"))
    assert (agreed(us).event_type, agreed(us).event_receive) == (None, {})


@pytest.mark.rfc(4733, "2.1")
def test_who_speaks_opus_but_knows_keys_at_8_khz_alone_is_offered_them() -> None:
    us = end(OPUS)
    maps = section(us.offer()).map("rtpmap")
    (number,) = [n for n in maps if maps[n] == "telephone-event/8000"]
    us.accept(audio(f"111 {number}", f"rtpmap:{number} telephone-event/8000"))
    assert (agreed(us).event_type, agreed(us).event_rate) == (int(number), 8000)


def test_no_keys_where_the_terms_have_none() -> None:
    us = end(PCMU, events="")
    answer = us.answer(audio("0 101", "rtpmap:101 telephone-event/8000"))
    assert section(answer).formats == ["0"] and agreed(us).event_receive == {}
    us = end(PCMU, events="")
    assert section(us.offer()).formats == ["0"]
    us.accept(audio("0 101", "rtpmap:101 telephone-event/8000"))
    assert (agreed(us).event_type, agreed(us).events) == (None, frozenset())


@pytest.mark.rfc(3389, "4")
def test_comfort_noise_has_the_clock_of_its_codec() -> None:
    offer = section(end(PCMU, L16, OPUS, noise=True).offer())
    noise = {n: text for n, text in offer.map("rtpmap").items() if text.startswith("CN/")}
    assert sorted(noise.values()) == ["CN/16000", "CN/8000"] and noise["13"] == "CN/8000"
    a, b = talk(end(L16, PCMU, noise=True), end(L16, PCMU, noise=True))
    assert list(a.noise_receive.values()) == [16_000]
    assert (a.noise_type, b.noise_type) == (b.noise_type, *b.noise_receive)


@pytest.mark.rfc(3389, "4")
def test_comfort_noise_of_an_answer_is_that_of_our_offer() -> None:
    us = end(L16, noise=True)
    number = next(n for n, text in section(us.offer()).map("rtpmap").items() if "CN" in text)
    us.accept(audio("117 98 13", "rtpmap:98 CN/16000"))
    assert agreed(us).noise_type == 98
    assert agreed(us).noise_receive == {int(number): 16_000, 98: 16_000}
    us.offer()
    us.accept(audio(f"117 {number}"))
    assert agreed(us).noise_receive == {int(number): 16_000}


@pytest.mark.rfc(3389, "4")
@pytest.mark.parametrize(
    ("ours", "theirs", "noise"),
    [(True, "0 13", 13), (True, "0", None), (False, "0 13", None), (True, "111 13", None)],
)
def test_comfort_noise_needs_both_ends_and_a_codec_without_its_own(
    ours: bool, theirs: str, noise: int | None
) -> None:
    us = end(PCMU, OPUS, noise=ours)
    answer = us.answer(audio(theirs, "rtpmap:111 opus/48000/2"))
    assert agreed(us).noise_type == noise
    assert agreed(us).noise_receive == ({13: 8000} if noise else {})
    assert section(answer).formats == (theirs.split() if noise else theirs.split()[:1])


@pytest.mark.rfc(8866, "6.4")
@pytest.mark.parametrize(
    ("ours", "lines", "sent"),
    [
        (20, [], 20),
        (30, [], 30),
        (20, ["ptime:10"], 10),
        (20, ["ptime:40"], 40),
        (20, ["ptime:60"], 60),
        (20, ["ptime:120"], 60),
        (20, ["ptime:25"], 20),
        (20, ["ptime:5"], 10),
        (60, ["maxptime:40"], 40),
        (20, ["ptime:60", "maxptime:30"], 30),
        (20, ["ptime:60", "maxptime:35"], 30),
        (20, ["maxptime:5"], 10),
        (20, ["ptime:x", "maxptime:-1"], 20),
        (20, ["maxptime:200"], 20),
    ],
)
def test_a_packet_holds_what_they_wish_and_no_more_than_they_take(
    ours: int, lines: list[str], sent: int
) -> None:
    us, caller = end(PCMU, ptime=ours), end(PCMU, ptime=ours)
    answer, offer = us.answer(audio("0", *lines)), caller.offer()
    caller.accept(audio("0", *lines))
    assert (agreed(us).ptime, agreed(caller).ptime) == (sent, sent)
    assert section(answer).ptime == section(offer).ptime == ours, "what we say is our own wish"


@pytest.mark.rfc(3264, "6.1")
@pytest.mark.parametrize(("wish", "sent"), [(10, 20), (20, 20), (30, 20), (50, 40), (60, 60)])
def test_a_packet_holds_what_the_codec_can_make(wish: int, sent: int) -> None:
    us = end(GSM)
    us.answer(audio("3", f"ptime:{wish}"))
    assert agreed(us).ptime == sent
    us.answer(audio("3", "maxptime:10"))
    assert agreed(us).ptime == 20, "nothing shorter can be made"


def test_keys_of_no_clock_are_none() -> None:
    us = end(PCMU)
    us.answer(audio("0 97 98", "rtpmap:97 telephone-event/x", "rtpmap:98 telephone-event/0"))
    assert (agreed(us).event_type, agreed(us).event_receive) == (None, {})


def test_a_packet_length_of_the_session_counts_too_and_ours_may_have_a_limit() -> None:
    us = end(PCMU)
    us.answer(said("a=maxptime:30", "m=audio 4 RTP/AVP 0", "a=ptime:40"))
    assert agreed(us).ptime == 30
    us = end(PCMU, maxptime=40)
    answer = us.answer(said("a=ptime:30", "m=audio 4 RTP/AVP 0"))
    assert (agreed(us).ptime, section(answer).maxptime) == (30, 40)


@pytest.mark.rfc(3264, "8.3.2")
def test_a_reoffer_may_change_the_packet_length() -> None:
    us = end(PCMU)
    us.answer(audio("0", "ptime:20"))
    us.answer(audio("0", "ptime:40"))
    assert agreed(us).ptime == 40
