"""The dialect of 10.0.0 and 11.0.0: offers and answers as session descriptions. Pure.

The other end is a whole WebRTC engine (design: §5 of the wire protocol). It may answer that it only
listens, and then offer a second section for its own sound; it may offer pictures, or ICE restarts.
Where both offer at once the caller gives way, as theirs does.
"""

from __future__ import annotations

import json
from typing import Any

import attrs

from siptg.telegram.signalling import sections
from siptg.telegram.signalling.messages import (
    OPUS_TYPE,
    Json,
    MediaState,
    bare,
    loaded,
    read,
    text_of,
)
from siptg.telegram.signalling.negotiation import (
    Agreed,
    Malformed,
    Manners,
    Muted,
    News,
    Outcome,
    Restart,
    Setup,
)
from siptg.telegram.signalling.remote import Offers, Remote
from siptg.telegram.signalling.sections import SOUND, Described, Section, answered

LONGEST = 65_535
"""Characters of a description."""


class SdpNegotiation:
    """`introduce` is an offer, or the answer to one of theirs that waits for our credentials."""

    def __init__(self, *, caller: bool, ssrc: int) -> None:
        self._caller, self._ssrc = caller, ssrc
        self.manners = Manners("actpass" if caller else "active", Restart.ANSWERED)
        self._remote = Remote()
        self._sections: tuple[Section, ...] = ()
        """As we see them, since the last agreement."""
        self._setup: Setup | None = None
        """Our credentials, of the last agreement; None while an offer waits for them."""
        self._lines: tuple[str, ...] = ()
        self._offered: Setup | None = None
        """Those of an offer of ours that waits for its answer."""
        self._offers = Offers()
        self._waiting: Described | None = None
        """An offer of theirs that waits for our credentials."""
        self._role = ""
        """Ours in DTLS, once it is settled."""
        self._version = 0
        self._types = OPUS_TYPE, OPUS_TYPE

    def introduce(self, setup: Setup, lines: tuple[str, ...]) -> tuple[bytes, ...]:
        self._lines = lines
        if self._waiting is not None:
            theirs, self._waiting = self._waiting, None
            self._setup = setup
            return self._answer(theirs), *self._candidates(self._lines)
        return self._offer(setup), *self._candidates(self._lines)

    def trickle(self, lines: tuple[str, ...]) -> tuple[bytes, ...]:
        self._lines += lines
        return self._candidates(lines)

    def receive(self, text: bytes) -> Outcome:
        value = loaded(text)
        if value is None:
            return Outcome((Malformed("no JSON object"),))
        try:
            match value.get("@type"):
                case "offer":
                    return self._take_offer(_described(value))
                case "answer":
                    return self._take_answer(_described(value))
                case "candidate":
                    line = bare(text_of(value["sdp"]))
                    return Outcome(self._remote.candidates((line,)) if line else ())
        except (KeyError, TypeError, ValueError) as error:
            why = f"{value['@type']}: {type(error).__name__} {str(error)[:80]}"
            return Outcome((Malformed(why),))
        match read(value):
            case MediaState(muted):
                return Outcome((Muted(muted),))
            case Malformed() as said:
                return Outcome((said,))
        return Outcome()

    def mute(self, muted: bool) -> tuple[bytes, ...]:
        return ()  # the data channel tells it

    # theirs

    def _take_offer(self, said: Described) -> Outcome:
        if self._offered is not None and not self._caller:
            return Outcome()  # ours counts; they give way and answer it
        dropped, self._offered = self._offered, None
        self._offers.dropped()
        news = self._heard(said)
        if any(isinstance(one, Malformed) for one in news):
            return Outcome(news)
        self._sections = answered(said.sections)
        news += self._agree(said.sections)
        if any(isinstance(one, Setup) for one in news):
            # a first one, or an ICE restart: credentials of a dropped offer are as good as new
            self._setup, dropped = dropped, None
        if self._setup is None:
            self._waiting = said
            return Outcome(news)
        replies = [self._answer(said)]
        if dropped is not None:  # it was for an ICE restart, and theirs is for none
            replies += self._offer(dropped), *self._candidates(self._lines)
        return Outcome(news, tuple(replies))

    def _take_answer(self, said: Described) -> Outcome:
        if self._offered is None or not self._offers.answered():
            return Outcome()  # it comes twice, or answers an older offer, or one that was dropped
        news = self._heard(said)
        self._setup, self._offered = self._offered, None
        self._role = self._role or ("passive" if _says(said) == "active" else "active")
        made = []
        for ours, theirs in zip(self._sections, said.sections, strict=False):
            taken = ours.taken and theirs.taken and theirs.kind == ours.kind
            sends, receives = ours.sends and theirs.receives, ours.receives and theirs.sends
            made.append(attrs.evolve(ours, taken=taken, sends=sends, receives=receives))
        self._sections = tuple(made)
        return Outcome((*news, *self._agree(said.sections)))

    def _heard(self, said: Described) -> tuple[News, ...]:
        news = self._remote.setup(said.setup)
        return (*news, *(self._remote.candidates(tuple(bare(line) for line in said.lines))))

    def _agree(self, theirs: tuple[Section, ...]) -> tuple[News, ...]:
        """What Opus is called now, each way."""
        send, receive = self._types
        pairs = [
            (our, their)
            for our, their in zip(self._sections, theirs, strict=False)
            if our.kind == SOUND and our.taken and their.taken
        ]
        if not pairs:
            return (Malformed("a description without sound"),)
        for our, their in pairs:
            send = their.opus if our.sends else send
            receive = our.opus if our.receives else receive
        self._types = send, receive
        return (Agreed(send, receive),)

    # ours

    def _answer(self, theirs: Described) -> bytes:
        if not self._role:
            self._role = "passive" if _says(theirs) == "active" else "active"
        return self._written("answer", self._sections, self._setup, self._role)

    def _offer(self, setup: Setup) -> bytes:
        """All sections there are, in their order: none may ever go (RFC 3264 §8)."""
        self._offered = setup
        self._offers.made()
        wanted = self._sections or sections.OFFERED
        first = next((s for s in wanted if s.kind == SOUND and s.taken), None)
        self._sections = tuple(
            attrs.evolve(s, sends=s is first, receives=True) if s.kind == SOUND else s
            for s in wanted
        )
        return self._written("offer", self._sections, setup, "actpass")

    def _written(
        self, kind: str, parts: tuple[Section, ...], setup: Setup | None, role: str
    ) -> bytes:
        if setup is None:  # never: an answer waits for them
            raise LookupError("no credentials of ours")
        self._version += 1
        sdp = sections.write(parts, setup, role, ssrc=self._ssrc, version=self._version)
        return json.dumps({"@type": kind, "sdp": sdp}).encode()

    def _candidates(self, lines: tuple[str, ...]) -> tuple[bytes, ...]:
        """Of the first section: the others share its transport."""
        parts = [(at, s.mid) for at, s in enumerate(self._sections) if s.taken]
        at, mid = parts[0] if parts else (0, "0")
        return tuple(
            json.dumps(
                {"@type": "candidate", "sdp": f"candidate:{line}", "mid": mid, "mline": at}
            ).encode()
            for line in lines
        )


def _described(value: Json) -> Described:
    text: Any = value["sdp"]
    return sections.read(text_of(text, LONGEST))


def _says(said: Described) -> str:
    return said.setup.fingerprints[0].setup
