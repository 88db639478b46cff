"""Session descriptions of 10.0.0 and 11.0.0: what is taken, what is declined, who gives way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.sdp import SessionDescription
from siptg.telegram.signalling.negotiation import Agreed
from tests.support.dialects import PRINT, End, carry, joined, pair, sdp

TRANSPORT = f"""
a=ice-ufrag:abcd
a=ice-pwd:{"p" * 24}
a=fingerprint:sha-256 {PRINT}
a=setup:actpass"""
AUDIO = """
m=audio 9 UDP/TLS/RTP/SAVPF 63 109 0
a=rtpmap:63 red/48000/2
a=rtpmap:109 opus/48000/2"""
VIDEO = """
m=video 9 UDP/TLS/RTP/SAVPF 96
a=rtpmap:96 VP8/90000"""
DATA = """
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=sctp-port:5000"""


def described(*sections: str, transport: str = TRANSPORT, head: str = "") -> str:
    mids = " ".join(f"{n}" for n in range(len(sections)))
    head = head or f"v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE {mids}"
    return head + "".join(f"{s}{transport}\na=mid:{n}" for n, s in enumerate(sections)) + "\n"


def offer(*sections: str, **more: str) -> bytes:
    return json.dumps({"@type": "offer", "sdp": described(*sections, **more)}).encode()


def last(end: End) -> tuple[str, SessionDescription]:
    """The last description that it posted."""
    said = [json.loads(text) for text in end.out]
    found: dict[str, Any] = [value for value in said if value["@type"] != "candidate"][-1]
    return found["@type"], SessionDescription.parse(found["sdp"].encode())


def callee_with(*sections: str, **more: str) -> End:
    end = End.made(sdp, caller=False)
    end.hear(offer(*sections, **more))
    return end


def test_opus_is_taken_by_the_offers_own_number_and_pictures_are_declined() -> None:
    end = callee_with(AUDIO, VIDEO, DATA)
    kind, answer = last(end)
    assert kind == "answer"
    assert [(m.kind, bool(m.port)) for m in answer.media] == [
        ("audio", True),
        ("video", False),
        ("application", True),
    ]
    assert answer.groups("BUNDLE") == [["0", "2"]]
    assert answer.media[0].formats == ["109"]
    assert {m.get("setup") for m in answer.media} == {"active"}
    assert answer.media[2].get("sctp-port") == "5000"
    assert end.agreed == Agreed(109, 109)
    assert [m.get("mid") for m in answer.media] == ["0", "1", "2"]


def test_candidates_are_messages_of_the_section_that_carries_all() -> None:
    end = callee_with(VIDEO, AUDIO)
    said = [value for value in map(json.loads, end.out) if value["@type"] == "candidate"]
    assert [(value["mid"], value["mline"]) for value in said] == [("1", 1)] * 2
    assert said[0]["sdp"].startswith("candidate:1 1 udp ")


def test_candidates_in_a_description_are_taken_as_well() -> None:
    line = "1 1 udp 5 10.0.0.1 7 typ host"
    assert callee_with(f"{AUDIO}\na=candidate:{line}").lines == [line]


def test_who_only_listens_there_offers_a_section_of_its_own() -> None:
    """So does the reference engine when it is called."""
    caller, _ = pair(sdp)
    answer = described(f"{AUDIO}\na=recvonly", DATA).replace("actpass", "active")
    caller.hear(json.dumps({"@type": "answer", "sdp": answer}).encode())
    assert caller.agreed == Agreed(109, 111)
    caller.out.clear()
    caller.hear(offer(f"{AUDIO}\na=recvonly", DATA, AUDIO.replace("109", "110")))
    _, made = last(caller)
    assert [m.direction() for m in made.media] == ["sendonly", None, "recvonly"]
    assert [m.formats for m in made.media if m.kind == "audio"] == [["109"], ["110"]]
    assert made.media[0].has("ssrc") and not made.media[2].has("ssrc")
    assert {m.get("setup") for m in made.media} == {"passive"}, "the role stays"
    assert caller.agreed == Agreed(109, 110)


def test_later_offers_keep_every_section_in_its_place() -> None:
    end = callee_with(AUDIO, VIDEO, DATA, AUDIO)
    end.out.clear()
    end.restart()
    kind, made = last(end)
    assert kind == "offer"
    assert [(m.kind, bool(m.port)) for m in made.media] == [
        ("audio", True),
        ("video", False),
        ("application", True),
        ("audio", True),
    ]
    assert [m.direction() for m in made.media if m.kind == "audio"] == ["sendrecv", "recvonly"]
    assert {m.get("setup") for m in made.media} == {"actpass"}


def test_sections_of_another_transport_and_without_opus_are_declined() -> None:
    head = "v=0\ns=-\na=group:BUNDLE 0"
    _, made = last(callee_with(AUDIO, DATA, AUDIO.replace("opus", "l16"), head=head))
    assert [bool(m.port) for m in made.media] == [True, False, False]


def test_a_section_that_only_comes_bundled_is_no_declined_one() -> None:
    _, made = last(callee_with(AUDIO, DATA.replace(" 9 ", " 0 ") + "\na=bundle-only"))
    assert [bool(m.port) for m in made.media] == [True, True]


def test_the_caller_gives_way_where_both_offer_at_once() -> None:
    caller, callee = joined(sdp)
    for end in (caller, callee):
        end.restart()
    first_of = {end.caller: last(end)[0] for end in (caller, callee)}
    assert first_of == {True: "offer", False: "offer"}
    crossing, caller.out = caller.out, []
    for text in callee.out:
        caller.hear(text)
    callee.out.clear()
    assert last(caller)[0] == "answer"
    for text in crossing:
        callee.hear(text)
    assert callee.out == [], "an offer that crosses the callee's is passed over"
    carry((caller, callee))
    assert caller.theirs and caller.theirs.ufrag == "callee2"
    assert callee.theirs and callee.theirs.ufrag == "caller2"


def test_a_restart_that_gives_way_to_an_offer_of_another_kind_is_offered_again() -> None:
    caller, callee = joined(sdp)
    caller.restart()
    caller.out.clear()
    caller.hear(offer(AUDIO, DATA, VIDEO, transport=TRANSPORT.replace("abcd", callee.ufrag)))
    kinds = [json.loads(text)["@type"] for text in caller.out]
    assert kinds[:2] == ["answer", "offer"]


def test_only_the_answer_to_the_last_offer_counts() -> None:
    caller, callee = joined(sdp)
    for _ in range(2):
        caller.restart()
    carry((caller, callee))
    assert caller.theirs is not None and caller.theirs.ufrag == callee.ufrag
    assert callee.theirs is not None and callee.theirs.ufrag == caller.ufrag == "caller3"


def test_an_answer_that_is_lost_for_good_delays_a_restart_by_one() -> None:
    caller, callee = joined(sdp)
    caller.restart()
    caller.out.clear()
    for _ in range(2):
        caller.restart()
        carry((caller, callee))
    assert caller.theirs is not None and caller.theirs.ufrag == callee.ufrag
    assert callee.theirs is not None and callee.theirs.ufrag == caller.ufrag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0",
        described(DATA, transport=""),
        described(AUDIO, transport=TRANSPORT.replace("abcd", "a b")),
        described(AUDIO, transport=TRANSPORT.replace("sha-256", "sha-0")),
        described(AUDIO.replace(" 9 ", " 0 ")),
        described(AUDIO) + "a=mid:1\n" + described(AUDIO),
        described(*[AUDIO] * 40),
        "v=0\n" + "a=x\n" * 2000,
        "v=0\n" + "x" * 100_000,
    ],
)
def test_a_description_of_no_path_is_malformed(text: str) -> None:
    end = End.made(sdp, caller=False)
    end.hear(json.dumps({"@type": "offer", "sdp": text}).encode())
    assert len(end.malformed) == 1 and end.out == []


@given(
    cut=st.lists(st.integers(0, 60), max_size=6),
    odd=st.lists(st.tuples(st.integers(0, 60), st.text(max_size=12)), max_size=6),
    caller=st.booleans(),
)
def test_a_description_with_lines_gone_wrong_is_used_or_malformed(
    cut: list[int], odd: list[tuple[int, str]], caller: bool
) -> None:
    ends = pair(sdp) if caller else joined(sdp)
    lines = described(AUDIO, VIDEO, DATA, AUDIO).split("\n")
    for at, text in odd:
        line = lines[at % len(lines)]
        lines[at % len(lines)] = line[: len(line) // 2] + text
    for at in cut:
        del lines[at % len(lines)]
    text = json.dumps({"@type": "answer" if caller else "offer", "sdp": "\n".join(lines)})
    ends[0].hear(text.encode())
    carry(ends)
    assert ends[0].out == ends[1].out == []
