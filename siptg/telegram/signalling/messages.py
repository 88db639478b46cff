"""The JSON messages of a call, as values (versions 4.0.0 to 9.0.0, 12.0.0 to 14.0.0). Pure.

What a peer sends malformed is `Malformed`; unknown types and fields are passed over. Numbers that
the engine keeps as unsigned are texts there, and either here (design: §5 of the wire protocol).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import attrs

from siptg.rtp.sdp import SdpError
from siptg.rtp.sdp import fingerprint as prints
from siptg.telegram.signalling.negotiation import Candidates, Fingerprint, Malformed, Setup

OPUS_TYPE = 111
LARGEST = 2 << 20
MOST_CANDIDATES, MOST_CONTENTS, MOST_TYPES, MOST_PRINTS = 100, 32, 128, 8
LONGEST_LINE, LONGEST_ID = 512, 64
_CREDENTIAL = re.compile(r"[!-~]{1,256}\Z")
_NUMBER = re.compile(r"-?[0-9]{1,10}\Z")
_SETUPS = ("actpass", "active", "passive")
Json = dict[str, Any]


@attrs.frozen
class Content:
    """One thing that a side will send, as it described it."""

    kind: str
    ssrc: int
    raw: Json = attrs.field(repr=False)

    @property
    def opus(self) -> int | None:
        """What Opus is called in packets; None where it is not spoken."""
        for kind in _payload_types(self.raw):
            if str(kind.get("name", "")).lower() == "opus":
                try:
                    return whole(kind.get("id"), 0, 127)
                except (TypeError, ValueError):
                    continue
        return None


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


def parse(text: bytes) -> Message | Malformed | None:
    """A message; None for one of a type that is not ours."""
    value = loaded(text)
    return Malformed("no JSON object") if value is None else read(value)


def loaded(text: bytes) -> Json | None:
    """The JSON object of a message; None for anything else."""
    if len(text) > LARGEST:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read(value: Json) -> Message | Malformed | None:
    """What `loaded` gave, as a message; None for one of a type that is not ours."""
    kind = value.get("@type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        return None if isinstance(kind, str) else Malformed("a message without a type")
    try:
        return reader(value)
    except (KeyError, TypeError, ValueError) as error:
        return Malformed(f"{kind}: {type(error).__name__} {str(error)[:80]}")


def credentials(ufrag: object, pwd: object, said: list[Fingerprint]) -> Setup:
    """ValueError or TypeError where nobody could use them."""
    for value in (ufrag, pwd):
        if not _CREDENTIAL.match(text_of(value, 256)):
            raise ValueError("bad credentials")
    usable = []
    for one in said[:MOST_PRINTS]:
        try:
            known = prints.Fingerprint.parse(f"{one.hash} {one.value}")
        except SdpError:
            continue  # a hash that is unknown to us; one of the others may do
        if one.setup in _SETUPS:
            usable.append(Fingerprint(known.hash, one.setup, known.value))
    if not usable:
        raise ValueError("no fingerprint that we could check")
    return Setup(text_of(ufrag), text_of(pwd), tuple(usable))


def _setup(value: Json) -> Setup:
    said = [
        Fingerprint(text_of(f["hash"]), text_of(f["setup"]), text_of(f["fingerprint"]))
        for f in list_of(value["fingerprints"], MOST_PRINTS)
    ]
    return credentials(value["ufrag"], value["pwd"], said)


def _candidates(value: Json) -> Candidates:
    said = [text_of(c["sdpString"]) for c in list_of(value["candidates"], MOST_CANDIDATES)]
    return Candidates(tuple(bare(line) for line in said))


def bare(line: str) -> str:
    """A candidate without what stands before it in SDP."""
    return line.strip().removeprefix("a=").removeprefix("candidate:")


def _channels(value: Json) -> NegotiateChannels:
    exchange = value["exchangeId"]
    if isinstance(exchange, bool) or not isinstance(exchange, str | int):
        raise TypeError("exchangeId")
    if isinstance(exchange, str) and len(exchange) > LONGEST_ID:
        raise ValueError("exchangeId")
    contents = [content(text_of(c["type"]), c) for c in list_of(value["contents"], MOST_CONTENTS)]
    return NegotiateChannels(str(exchange), tuple(contents))


def content(kind: str, raw: Json) -> Content:
    """KeyError, TypeError or ValueError where its ssrc is none."""
    # signed as well: one client keeps it in 32 bits with a sign
    return Content(kind, whole(raw["ssrc"], -(1 << 31), (1 << 32) - 1) & 0xFFFFFFFF, raw)


def _media_state(value: Json) -> MediaState:
    muted = value.get("muted", value.get("isMuted", False))
    if not isinstance(muted, bool):
        raise TypeError("muted")
    return MediaState(muted)


_READERS: dict[str, Callable[[Json], Message]] = {
    "InitialSetup": _setup,
    "Candidates": _candidates,
    "NegotiateChannels": _channels,
    "MediaState": _media_state,
}


def text_of(value: object, longest: int = LONGEST_LINE) -> str:
    """TypeError for what is no text, ValueError for one that is too long."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    if len(value) > longest:
        raise ValueError("too long")
    return value


def list_of(value: object, most: int) -> list[Any]:
    """The first of a list; null counts as an empty one. TypeError for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value[:most]


def whole(value: object, least: int, most: int) -> int:
    """A number, or the text of one. TypeError or ValueError for anything else."""
    if isinstance(value, str) and _NUMBER.match(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("not a number")
    if not least <= value <= most:
        raise ValueError("out of range")
    return value


def _payload_types(raw: Json) -> list[Json]:
    types = raw.get("payloadTypes")
    if not isinstance(types, list):
        return []
    return [kind for kind in types[:MOST_TYPES] if isinstance(kind, dict)]


def write(message: Message) -> bytes:
    """As the engine reads it."""
    match message:
        case Setup():
            value = setup_value(message)
        case Candidates(lines):
            value = {"candidates": [{"sdpString": f"candidate:{line}"} for line in lines]}
        case NegotiateChannels(exchange, contents):
            value = {"exchangeId": exchange, "contents": [content.raw for content in contents]}
        case MediaState(muted):
            # in both spellings: the second is Telegram Web's
            value = {
                "muted": muted,
                "isMuted": muted,
                "lowBattery": False,
                "isBatteryLow": False,
                "videoState": "inactive",
                "videoRotation": 0,
                "screencastState": "inactive",
            }
    return json.dumps({"@type": _NAMES[type(message)]} | value).encode()


def setup_value(setup: Setup) -> Json:
    return {
        "ufrag": setup.ufrag,
        "pwd": setup.pwd,
        # with true, a caller would nominate by an attribute that our ICE does not know
        "renomination": False,
        "fingerprints": [
            {"hash": p.hash, "setup": p.setup, "fingerprint": p.value} for p in setup.fingerprints
        ],
    }


_NAMES: dict[type, str] = {
    Setup: "InitialSetup",
    Candidates: "Candidates",
    NegotiateChannels: "NegotiateChannels",
    MediaState: "MediaState",
}


def audio_content(ssrc: int, opus: int = OPUS_TYPE) -> Content:
    """What we will send: Opus, mono in stereo's clothes, without header extensions."""
    return Content(
        "audio",
        ssrc,
        {
            "type": "audio",
            "ssrc": str(ssrc),
            "payloadTypes": [
                {
                    "id": opus,
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
    types = [t for t in _payload_types(content.raw) if str(t.get("name", "")).lower() == "opus"]
    raw = {k: v for k, v in content.raw.items() if k != "ssrcGroups"}
    plain = [t | {"feedbackTypes": []} for t in types]  # no transport-cc: we would have to feed it
    return Content("audio", content.ssrc, raw | {"payloadTypes": plain, "rtpExtensions": []})
