"""The dialect of 4.0.0 and 4.0.1, which Telegram Web speaks. Pure.

InitialSetup holds the credentials and what each side sends: it is offer and answer in one. A
browser stands behind it, which makes a session description of every field: three contents must be
there, two of them video, whole and without null (design: §5 of the wire protocol).
"""

from __future__ import annotations

import json
from typing import Any

from siptg.telegram.signalling.messages import (
    OPUS_TYPE,
    Content,
    Json,
    MediaState,
    audio_content,
    content,
    loaded,
    read,
    setup_value,
    write,
)
from siptg.telegram.signalling.negotiation import (
    Agreed,
    Candidates,
    Malformed,
    Manners,
    Muted,
    Outcome,
    Restart,
    Setup,
)
from siptg.telegram.signalling.remote import Offers, Remote
from siptg.telegram.signalling.video import Vp8, vp8_of


class WebNegotiation:
    def __init__(self, *, caller: bool, ssrc: int) -> None:
        self._caller, self._ssrc = caller, ssrc
        # a browser takes an answer once: a second one would be refused
        self.manners = Manners(
            "actpass" if caller else "active",
            Restart.ANSWERED if caller else Restart.NEVER,
            channel_announced=False,
        )
        self._remote, self._offers = Remote(), Offers()
        self._muted = False
        self._opus, self._video, self._screen = OPUS_TYPE, Vp8(), Vp8()
        """What we call codecs: in an answer as the offer did."""
        self._said = b""
        """Our last InitialSetup."""

    def introduce(self, setup: Setup, lines: tuple[str, ...]) -> tuple[bytes, ...]:
        contents = {
            "audio": audio_content(self._ssrc, self._opus).raw | {"ssrcGroups": []},
            "video": self._video.content(self._ssrc ^ 1, self._ssrc ^ 2),
            "screencast": self._screen.content(self._ssrc ^ 3, self._ssrc ^ 4),
        }
        for raw in contents.values():
            raw.pop("type", None)
        self._said = json.dumps({"@type": "InitialSetup"} | setup_value(setup) | contents).encode()
        self._offers.made()
        # she is shown as muted until she says otherwise, and so are we
        return self._said, write(Candidates(lines)), write(MediaState(self._muted))

    def trickle(self, lines: tuple[str, ...]) -> tuple[bytes, ...]:
        return (write(Candidates(lines)),)

    def receive(self, text: bytes) -> Outcome:
        value = loaded(text)
        match Malformed("no JSON object") if value is None else read(value):
            case Setup() as said:
                return self._take_setup(said, value or {})
            case Candidates(lines):
                return Outcome(self._remote.candidates(lines))
            case MediaState(muted):
                return Outcome((Muted(muted),))
            case Malformed() as said:
                return Outcome((said,))
        return Outcome()

    def mute(self, muted: bool) -> tuple[bytes, ...]:
        self._muted = muted
        return (write(MediaState(muted)),)

    def _take_setup(self, setup: Setup, value: Json) -> Outcome:
        if setup.ufrag == self._remote.ufrag:
            # she lacks our answer, or it comes twice
            return Outcome((), () if self._caller or not self._said else (self._said,))
        news = self._remote.setup(setup)
        if self._caller and not self._offers.answered():
            return Outcome()  # a browser that is called never begins a restart
        audio = _content(value, "audio")
        opus = audio.opus if audio else None
        if opus is None:
            return Outcome((*news, Malformed("no sound in InitialSetup")))
        if not self._caller:
            self._opus = opus
            self._video = vp8_of(value.get("video")) or self._video
            self._screen = vp8_of(value.get("screencast")) or self._video
        return Outcome((*news, Agreed(opus, self._opus)))


def _content(value: Json, kind: str) -> Content | None:
    raw: Any = value.get(kind)
    if not isinstance(raw, dict):
        return None
    try:
        return content(kind, raw)
    except (KeyError, TypeError, ValueError):
        return None
