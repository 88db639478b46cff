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
    Muted,
    Outcome,
    Setup,
)

MOST_ANSWERED = 100
"""Offers of one call that are answered."""


class ChannelNegotiation:
    """`new_id` gives numbers for exchanges, each other than the one before."""

    def __init__(
        self, *, caller: bool, ssrc: int, new_id: Callable[[], str], state_by_signalling: bool
    ) -> None:
        self._caller, self._ssrc, self._new_id = caller, ssrc, new_id
        self._state_by_signalling = state_by_signalling
        self._exchange = ""
        """Of our own offer; empty before there is one."""
        self._answered: set[str] = set()
        self._agreed = False

    def introduce(self, setup: Setup, lines: tuple[str, ...]) -> tuple[bytes, ...]:
        said = [write(setup), write(Candidates(lines))]
        if self._caller and not self._exchange:
            said.append(self._offer())
        return tuple(said)

    def receive(self, text: bytes) -> Outcome:
        match parse(text):
            case (Setup() | Candidates()) as said:
                return Outcome((said,))
            case MediaState(muted):
                return Outcome((Muted(muted),))
            case NegotiateChannels() as said:
                return self._negotiate(said)
        return Outcome((Malformed("no message of a call"),))

    def mute(self, muted: bool) -> tuple[bytes, ...]:
        return (write(MediaState(muted)),) if self._state_by_signalling else ()

    def _negotiate(self, said: NegotiateChannels) -> Outcome:
        if said.exchange == self._exchange:
            self._agreed = True
            return Outcome((Agreed(OPUS_TYPE, OPUS_TYPE),))
        if said.exchange in self._answered or len(self._answered) >= MOST_ANSWERED:
            return Outcome()
        self._answered.add(said.exchange)
        audio = tuple(narrowed(c) for c in said.contents if c.kind == "audio" and c.has_opus)
        replies = [write(NegotiateChannels(said.exchange, audio))]
        if not self._caller and not self._agreed:
            # an offer of ours that crossed theirs was ignored for good: a new one
            replies.append(self._offer())
        return Outcome((), tuple(replies))

    def _offer(self) -> bytes:
        self._exchange = self._new_id()
        return write(NegotiateChannels(self._exchange, (audio_content(self._ssrc),)))
