"""InitialSetup as Telegram Web wants it: whole, and in the numbers of its offer."""

from __future__ import annotations

import json
from typing import Any

from siptg.telegram.signalling.negotiation import Agreed, Restart
from tests.support.dialects import PRINT, End, carry, joined, pair, web

VP8 = [
    {"id": 120, "name": "VP9", "clockrate": 90_000},
    {"id": 121, "name": "VP8", "clockrate": 90_000},
    {"id": 122, "name": "rtx", "clockrate": 90_000, "parameters": {"apt": "120"}},
    {"id": 123, "name": "rtx", "clockrate": 90_000, "parameters": {"apt": "121"}},
]
AUDIO = [{"id": 63, "name": "red"}, {"id": 109, "name": "opus"}]


def setup(ufrag: str = "abcd", **more: Any) -> bytes:
    said = {
        "@type": "InitialSetup",
        "ufrag": ufrag,
        "pwd": "p" * 24,
        "fingerprints": [{"hash": "sha-256", "setup": "actpass", "fingerprint": PRINT}],
        "audio": {"ssrc": "1", "ssrcGroups": [], "payloadTypes": AUDIO, "rtpExtensions": []},
        "video": {"ssrc": "2", "ssrcGroups": [], "payloadTypes": VP8, "rtpExtensions": []},
    }
    return json.dumps(said | more).encode()


def first(end: End) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(end.out[0])
    return value


def test_three_contents_are_there_with_pairs_of_sources_and_nothing_is_null() -> None:
    caller, _ = pair(web)
    said = first(caller)
    sources = {said["audio"]["ssrc"]}
    for kind in ("video", "screencast"):
        (group,) = said[kind]["ssrcGroups"]
        assert group["semantics"] == "FID" and str(group["ssrcs"][0]) == said[kind]["ssrc"]
        sources |= {str(number) for number in group["ssrcs"]}
        vp8, again = said[kind]["payloadTypes"]
        assert vp8["name"] == "VP8" and again["parameters"]["apt"] == str(vp8["id"])
    assert len(sources) == 5
    assert "null" not in caller.out[0].decode()
    assert said["fingerprints"][0]["setup"] == "actpass"


def test_the_answer_takes_the_numbers_of_the_offer() -> None:
    callee = End.made(web, caller=False)
    callee.hear(setup())
    said = first(callee)
    assert said["fingerprints"][0]["setup"] == "active"
    assert [kind["id"] for kind in said["audio"]["payloadTypes"]] == [109]
    assert [kind["id"] for kind in said["video"]["payloadTypes"]] == [121, 123]
    assert callee.agreed == Agreed(109, 109)


def test_an_offer_without_pictures_or_with_broken_ones_is_answered_all_the_same() -> None:
    for video in (None, 5, {}, {"payloadTypes": None}, {"payloadTypes": [{"name": "VP8"}, 7]}):
        callee = End.made(web, caller=False)
        callee.hear(setup(video=video))
        assert callee.agreed == Agreed(109, 109)
        assert len(first(callee)["video"]["payloadTypes"]) == 2


def test_without_sound_the_path_is_made_and_the_lack_is_said() -> None:
    for audio in (None, {}, {"ssrc": "x"}, {"ssrc": "1", "payloadTypes": "opus"}):
        callee = End.made(web, caller=False)
        callee.hear(setup(audio=audio))
        assert callee.theirs is not None
        assert callee.malformed == ["no sound in InitialSetup"]


def test_a_caller_that_asks_again_gets_the_same_answer() -> None:
    callee = End.made(web, caller=False)
    callee.hear(setup())
    answer = callee.out[0]
    callee.out.clear()
    callee.hear(setup())
    assert callee.out == [answer]


def test_of_several_answers_to_restarts_the_last_counts_and_none_begins_another() -> None:
    caller, callee = joined(web)
    for _ in range(3):
        caller.restart()
    carry((caller, callee))
    assert caller.theirs is not None and caller.theirs.ufrag == callee.ufrag == "callee4"
    caller.hear(setup("unasked"))
    assert caller.theirs.ufrag == "callee4" and caller.out == []


def test_a_browser_that_called_takes_no_restart_of_ours() -> None:
    caller, callee = joined(web)
    assert caller.talks.manners.restart is Restart.ANSWERED
    assert callee.talks.manners.restart is Restart.NEVER
