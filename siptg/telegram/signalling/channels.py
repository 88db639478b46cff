"""The dialect of 7.0.0 and of 8.0.0 and later: InitialSetup, Candidates, NegotiateChannels. Pure.

Each side offers what it will send, and the other answers with the offer's own contents (design: §5
of the wire protocol).
"""

from __future__ import annotations

from collections.abc import Callable

from siptg.telegram.signalling.messages import (
    OPUS_TYPE,
    MediaState,
    NegotiateChannels,
    audio_content,
    narrowed,
    parse,
    write,
)
from siptg.telegram.signalling.negotiation import (
    Agreed,
    Candidates,
    Malformed,
    Manners,
    Muted,
    Outcome,
    Setup,
)
from siptg.telegram.signalling.remote import Remote

MOST_ANSWERED = 100
"""Offers of one call that are answered."""


class ChannelNegotiation:
    """`new_id` gives numbers for exchanges, each other than the one before."""

    def __init__(
        self, *, caller: bool, ssrc: int, new_id: Callable[[], str], state_by_signalling: bool
    ) -> None:
        self._caller, self._ssrc, self._new_id = caller, ssrc, new_id
        self._state_by_signalling = state_by_signalling
        self.manners = Manners("actpass" if caller else "passive")
        self._remote = Remote()
        self._offered: list[str] = []
        """Exchanges of our own; the last is the one that counts."""
        self._answered: set[str] = set()
        self._taken = False
        """They have answered an offer of ours."""
        self._types = OPUS_TYPE, OPUS_TYPE
        """What Opus is called in packets, there and here."""

    def introduce(self, setup: Setup, lines: tuple[str, ...]) -> tuple[bytes, ...]:
        said = [write(setup), write(Candidates(lines))]
        if self._caller and not self._offered:
            said.append(self._offer())
        return tuple(said)

    def trickle(self, lines: tuple[str, ...]) -> tuple[bytes, ...]:
        return (write(Candidates(lines)),)

    def receive(self, text: bytes) -> Outcome:
        match parse(text):
            case Setup() as said:
                return Outcome(self._remote.setup(said))
            case Candidates(lines):
                return Outcome(self._remote.candidates(lines))
            case MediaState(muted):
                return Outcome((Muted(muted),))
            case NegotiateChannels() as said:
                return self._take_answer(said) or self._take_offer(said)
            case Malformed() as said:
                return Outcome((said,))
        return Outcome()

    def mute(self, muted: bool) -> tuple[bytes, ...]:
        return (write(MediaState(muted)),) if self._state_by_signalling else ()

    def _take_answer(self, said: NegotiateChannels) -> Outcome | None:
        """What an answer means; None for what is none. One to an offer that we have made anew
        counts as well: it tells the same.
        """
        if said.exchange not in self._offered:
            return None
        types = [content.opus for content in said.contents if content.kind == "audio"]
        opus = next((found for found in types if found is not None), None)
        if opus is None:
            return Outcome((Malformed("our sound was declined"),))
        self._taken = True
        self._types = opus, self._types[1]
        return Outcome((Agreed(*self._types),))

    def _take_offer(self, said: NegotiateChannels) -> Outcome:
        # once only: a second answer would be taken for an offer
        if said.exchange in self._answered or len(self._answered) >= MOST_ANSWERED:
            return Outcome()
        self._answered.add(said.exchange)
        audio = [c for c in said.contents if c.kind == "audio" and c.opus is not None]
        replies = [write(NegotiateChannels(said.exchange, tuple(narrowed(c) for c in audio)))]
        if not self._caller and not self._taken:
            # an offer of ours that crossed theirs was ignored for good: a new one
            replies.append(self._offer())
        if audio:
            self._types = self._types[0], audio[0].opus or 0
        return Outcome((Agreed(*self._types),) if audio else (), tuple(replies))

    def _offer(self) -> bytes:
        exchange = self._new_id()
        self._offered.append(exchange)
        return write(NegotiateChannels(exchange, (audio_content(self._ssrc),)))
