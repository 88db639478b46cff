"""Offers of channels: each answered once, by its own contents; those that cross are made anew."""

from __future__ import annotations

import json
from typing import Any

from siptg.telegram.signalling.negotiation import Agreed, Malformed
from tests.support.dialects import End, channels

OPUS = {"id": 96, "name": "opus", "clockrate": 48_000, "channels": 2}
RED = {"id": 63, "name": "red", "clockrate": 48_000, "channels": 2}
VIDEO = {"type": "video", "ssrc": "8", "payloadTypes": [{"id": 100, "name": "VP8"}]}


def audio(*types: dict[str, Any]) -> dict[str, Any]:
    return {"type": "audio", "ssrc": "7", "payloadTypes": list(types), "rtpExtensions": [{"id": 1}]}


def negotiate(exchange: str, *contents: dict[str, Any]) -> bytes:
    said = {"@type": "NegotiateChannels", "exchangeId": exchange, "contents": list(contents)}
    return json.dumps(said).encode()


def said(end: End) -> list[dict[str, Any]]:
    """The channel messages that it posted."""
    found = [json.loads(text) for text in end.out]
    end.out.clear()
    return [value for value in found if value["@type"] == "NegotiateChannels"]


def begun(*, caller: bool) -> tuple[End, str]:
    """An end that was introduced, and the exchange of its offer."""
    end = End.made(channels, caller=caller)
    end.introduce()
    offers = said(end)
    return end, offers[0]["exchangeId"] if offers else ""


def test_an_answer_repeats_the_offers_own_contents_narrowed_to_opus() -> None:
    end, _ = begun(caller=True)
    end.hear(negotiate("5", audio(RED, OPUS), VIDEO))
    (answer,) = said(end)
    (content,) = answer["contents"]
    assert (answer["exchangeId"], content["type"], content["ssrc"]) == ("5", "audio", "7")
    assert content["payloadTypes"] == [OPUS | {"feedbackTypes": []}]
    assert content["rtpExtensions"] == []
    assert end.agreed == Agreed(111, 96)


def test_an_offer_is_answered_once() -> None:
    """A second answer would be taken for an offer."""
    end, _ = begun(caller=True)
    for _ in range(3):
        end.hear(negotiate("5", audio(OPUS)))
    assert len(said(end)) == 1


def test_the_callee_answers_first_and_then_offers() -> None:
    end, own = begun(caller=False)
    assert own == ""
    end.hear(negotiate("5", audio(OPUS)))
    answer, offer = said(end)
    assert answer["exchangeId"] == "5" and offer["exchangeId"] != "5"
    assert offer["contents"][0]["ssrc"] == "2000"


def test_an_offer_that_may_have_crossed_theirs_is_made_anew_with_another_number() -> None:
    end, _ = begun(caller=False)
    end.hear(negotiate("5", audio(OPUS)))
    _, first = said(end)
    end.hear(negotiate("6", audio(OPUS)))
    answer, second = said(end)
    assert answer["exchangeId"] == "6"
    assert second["exchangeId"] != first["exchangeId"]
    end.hear(negotiate(first["exchangeId"], audio(OPUS)))  # an answer after all
    assert said(end) == []
    end.hear(negotiate("7", audio(OPUS)))
    assert len(said(end)) == 1


def test_the_caller_keeps_its_offer_when_theirs_crosses_it() -> None:
    end, own = begun(caller=True)
    end.hear(negotiate("5", audio(OPUS)))
    (answer,) = said(end)
    assert answer["exchangeId"] == "5"
    end.hear(negotiate(own, audio(OPUS | {"id": 120})))
    assert said(end) == []
    assert end.agreed == Agreed(120, 96)


def test_pictures_are_left_out_of_an_answer_and_sound_goes_on() -> None:
    end, _ = begun(caller=True)
    end.hear(negotiate("5", audio(OPUS)))
    end.hear(negotiate("6", VIDEO, audio(OPUS), VIDEO | {"type": "screencast", "ssrc": "9"}))
    end.hear(negotiate("7", VIDEO))
    kinds = [[content["type"] for content in answer["contents"]] for answer in said(end)]
    assert kinds == [["audio"], ["audio"], []]
    assert end.agreed == Agreed(111, 96)


def test_an_answer_without_our_sound_is_said() -> None:
    end, own = begun(caller=True)
    assert end.talks.receive(negotiate(own)).news == (Malformed("our sound was declined"),)
