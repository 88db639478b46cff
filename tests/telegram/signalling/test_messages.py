"""The JSON of calls: what the engine sends is read, what is malformed is `Malformed`."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.telegram.signalling.messages import (
    MediaState,
    NegotiateChannels,
    audio_content,
    narrowed,
    parse,
    write,
)
from siptg.telegram.signalling.negotiation import Candidates, Fingerprint, Malformed, Setup

PRINT = bytes(32).hex(":").upper()

OFFER = {
    "@type": "NegotiateChannels",
    "exchangeId": "280445628",
    "contents": [
        {
            "type": "audio",
            "ssrc": "419966821",
            "payloadTypes": [
                {
                    "id": 111,
                    "name": "opus",
                    "clockrate": 48000,
                    "channels": 2,
                    "feedbackTypes": [{"type": "transport-cc", "subtype": ""}],
                    "parameters": {},
                },
                {"id": 63, "name": "red", "clockrate": 48000, "channels": 2},
            ],
            "rtpExtensions": [{"id": 2, "uri": "x"}],
        },
        {"type": "video", "ssrc": "5", "payloadTypes": []},
    ],
}


@pytest.mark.parametrize(
    "message",
    [
        Setup("u", "p" * 24, (Fingerprint("sha-256", "actpass", PRINT),)),
        Candidates(("1 1 udp 2122260224 10.77.0.1 46333 typ host",)),
        NegotiateChannels("7", (audio_content(2**31 - 1),)),
        MediaState(True),
    ],
    ids=lambda m: type(m).__name__,
)
def test_what_is_written_is_read_again(message: Setup) -> None:
    assert parse(write(message)) == message


def test_an_offer_is_narrowed_to_opus_without_extensions_and_keeps_its_ssrc() -> None:
    offer = parse(json.dumps(OFFER).encode())
    assert isinstance(offer, NegotiateChannels)
    audio, video = offer.contents
    assert (audio.kind, audio.ssrc, audio.opus, video.opus) == ("audio", 419966821, 111, None)
    answer = narrowed(audio).raw
    assert [t["name"] for t in answer["payloadTypes"]] == ["opus"]
    assert answer["ssrc"] == "419966821" and answer["rtpExtensions"] == []
    assert answer["payloadTypes"][0]["feedbackTypes"] == []


def test_renomination_is_never_offered() -> None:
    setup = Setup("u", "p", (Fingerprint("sha-256", "passive", "A"),))
    assert json.loads(write(setup))["renomination"] is False


def test_webs_spelling_of_muted_is_understood() -> None:
    assert parse(b'{"@type": "MediaState", "isMuted": true}') == MediaState(True)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"@type": "InitialSetup"}',
        b'{"@type": 5}',
        b'{"@type": "MediaState", "muted": "yes"}',
        b'{"@type": "NegotiateChannels", "exchangeId": true, "contents": []}',
        b'{"@type": "NegotiateChannels", "exchangeId": "1", "contents": [{"ssrc": 1.5}]}',
        b'{"@type": "InitialSetup", "ufrag": 1, "pwd": "x", "fingerprints": []}',
        b'{"@type": "Candidates", "candidates": [{}]}',
        b'{"@type": "Candidates", "candidates": 5}',
        b'{"@type": "NegotiateChannels", "exchangeId": "1",'
        b' "contents": [{"type": "audio", "ssrc": "x"}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_malformed_is_said_to_be(text: bytes) -> None:
    assert isinstance(parse(text), Malformed)


def test_a_type_that_is_not_ours_is_passed_over() -> None:
    assert parse(b'{"@type": "Unknown"}') is None


@pytest.mark.parametrize("ssrc", ["4294967295", 4294967295, "-1", -1])
def test_a_number_may_be_a_text_and_signed(ssrc: object) -> None:
    raw = {"type": "audio", "ssrc": ssrc, "payloadTypes": [{"id": "96", "name": "OPUS"}]}
    said = {"@type": "NegotiateChannels", "exchangeId": 7, "contents": [raw]}
    made = parse(json.dumps(said).encode())
    assert isinstance(made, NegotiateChannels)
    assert (made.exchange, made.contents[0].ssrc, made.contents[0].opus) == ("7", 2**32 - 1, 96)


def test_a_fingerprint_that_cannot_be_checked_is_left_out_while_another_can() -> None:
    prints = [
        {"hash": "md5", "setup": "active", "fingerprint": "AA"},
        {"hash": "SHA-256", "setup": "active", "fingerprint": PRINT.lower()},
    ]
    said = {"@type": "InitialSetup", "ufrag": "u", "pwd": "p", "fingerprints": prints}
    made = parse(json.dumps(said).encode())
    assert made == Setup("u", "p", (Fingerprint("sha-256", "active", PRINT),))
    assert isinstance(parse(json.dumps(said | {"fingerprints": prints[:1]}).encode()), Malformed)
    assert isinstance(parse(json.dumps(said | {"ufrag": "a\nb"}).encode()), Malformed)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["InitialSetup", "Candidates", "NegotiateChannels", "MediaState"]),
    st.dictionaries(
        st.sampled_from(
            ["ufrag", "pwd", "fingerprints", "candidates", "contents", "exchangeId", "muted"]
        ),
        json_values,
    ),
)
def test_any_fields_are_a_message_or_malformed(kind: str, fields: dict[str, object]) -> None:
    made = parse(json.dumps({"@type": kind} | fields).encode())
    assert type(made).__name__ in (kind, "Malformed")
