"""The JSON messages of a call, as values (versions 8.0.0 to 14.0.0). Pure.

What a peer sends malformed is None, for the caller to count; unknown fields are passed over.
Numbers that the engine keeps as unsigned are texts there, and either here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs

from siptg.telegram.signalling.negotiation import Candidates, Fingerprint, Setup

OPUS_TYPE = 111
LARGEST = 2 << 20
MOST_CANDIDATES, MOST_CONTENTS = 100, 32


@attrs.frozen
class Content:
    """One thing that the offering side will send, as it described it."""

    kind: str
    ssrc: int
    raw: dict[str, Any] = attrs.field(repr=False)

    @property
    def has_opus(self) -> bool:
        types = self.raw.get("payloadTypes")
        return isinstance(types, list) and any(
            isinstance(t, dict) and str(t.get("name", "")).lower() == "opus" for t in types
        )


@attrs.frozen
class NegotiateChannels:
    """An offer of what its sender will send, or the answer to one: the same exchange, same
    contents.
    """

    exchange: str
    contents: tuple[Content, ...]


@attrs.frozen
class MediaState:
    muted: bool


Message = Setup | Candidates | NegotiateChannels | MediaState


def parse(text: bytes) -> Message | None:
    """A message; None for what is no such thing."""
    if len(text) > LARGEST:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    try:
        return _READERS[value["@type"]](value)
    except (KeyError, TypeError, ValueError):
        return None


def _setup(value: dict[str, Any]) -> Setup:
    prints = tuple(
        Fingerprint(_text(f["hash"]), _text(f["setup"]), _text(f["fingerprint"]))
        for f in value["fingerprints"][:8]
    )
    if not prints:
        raise ValueError("no fingerprint")
    return Setup(_text(value["ufrag"]), _text(value["pwd"]), prints)


def _candidates(value: dict[str, Any]) -> Candidates:
    lines = [_text(c["sdpString"]) for c in value["candidates"][:MOST_CANDIDATES]]
    return Candidates(tuple(line.removeprefix("a=").removeprefix("candidate:") for line in lines))


def _channels(value: dict[str, Any]) -> NegotiateChannels:
    contents = tuple(
        Content(_text(c["type"]), int(c["ssrc"]), c) for c in value["contents"][:MOST_CONTENTS]
    )
    return NegotiateChannels(str(value["exchangeId"]), contents)


def _media_state(value: dict[str, Any]) -> MediaState:
    muted = value.get("muted", value.get("isMuted", False))
    if not isinstance(muted, bool):
        raise TypeError("muted")
    return MediaState(muted)


_READERS: dict[str, Callable[[dict[str, Any]], Message]] = {
    "InitialSetup": _setup,
    "Candidates": _candidates,
    "NegotiateChannels": _channels,
    "MediaState": _media_state,
}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def write(message: Message) -> bytes:
    """As the engine reads it."""
    match message:
        case Setup(ufrag, pwd, prints):
            value: dict[str, Any] = {
                "ufrag": ufrag,
                "pwd": pwd,
                "renomination": False,
                "fingerprints": [
                    {"hash": p.hash, "setup": p.setup, "fingerprint": p.value} for p in prints
                ],
            }
        case Candidates(lines):
            value = {"candidates": [{"sdpString": f"candidate:{line}"} for line in lines]}
        case NegotiateChannels(exchange, contents):
            value = {"exchangeId": exchange, "contents": [content.raw for content in contents]}
        case MediaState(muted):
            value = {
                "muted": muted,
                "lowBattery": False,
                "videoState": "inactive",
                "videoRotation": 0,
                "screencastState": "inactive",
            }
    return json.dumps({"@type": _NAMES[type(message)]} | value).encode()


_NAMES: dict[type, str] = {
    Setup: "InitialSetup",
    Candidates: "Candidates",
    NegotiateChannels: "NegotiateChannels",
    MediaState: "MediaState",
}


def audio_content(ssrc: int) -> Content:
    """What we will send: Opus, mono in stereo's clothes, without header extensions."""
    return Content(
        "audio",
        ssrc,
        {
            "type": "audio",
            "ssrc": str(ssrc),
            "payloadTypes": [
                {
                    "id": OPUS_TYPE,
                    "name": "opus",
                    "clockrate": 48_000,
                    "channels": 2,
                    "feedbackTypes": [],
                    "parameters": {"minptime": "10", "useinbandfec": "1"},
                }
            ],
            "rtpExtensions": [],
        },
    )


def narrowed(content: Content) -> Content:
    """Their audio as our answer repeats it: the same ssrc, Opus alone, no extensions."""
    types = [t for t in content.raw["payloadTypes"] if str(t.get("name", "")).lower() == "opus"]
    raw = {k: v for k, v in content.raw.items() if k != "ssrcGroups"}
    plain = [t | {"feedbackTypes": []} for t in types]  # no transport-cc: we would have to feed it
    return Content("audio", content.ssrc, raw | {"payloadTypes": plain, "rtpExtensions": []})
