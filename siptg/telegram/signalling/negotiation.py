"""How two engines agree on a path's credentials and on sound: what every dialect must do.

A dialect is a `Negotiation`: pure, one object a call. It turns our facts into messages and the
other end's messages into news for the media. Which one a call takes follows from its version
(`versions.py`); `channels.py` is the one of 8.0.0 and later.
"""

from __future__ import annotations

import enum
from typing import Protocol

import attrs


@attrs.frozen
class Fingerprint:
    hash: str
    setup: str
    """`actpass`, `active` or `passive`, as its sender says it (RFC 4145)."""
    value: str


@attrs.frozen
class Setup:
    """ICE credentials and DTLS fingerprints of one end. A second one with other credentials is an
    ICE restart.
    """

    ufrag: str
    pwd: str = attrs.field(repr=False)
    fingerprints: tuple[Fingerprint, ...]


@attrs.frozen
class Candidates:
    """ICE candidates as lines, without `candidate:` in front."""

    lines: tuple[str, ...]


@attrs.frozen
class Muted:
    """The other end's microphone."""

    muted: bool


@attrs.frozen
class Agreed:
    """Sound was agreed on: what Opus is called in packets, each way."""

    send_type: int
    receive_type: int


@attrs.frozen
class Malformed:
    """A message that could not be used, and why; the call goes on."""

    why: str


News = Setup | Candidates | Muted | Agreed | Malformed


@attrs.frozen
class Outcome:
    """What a message of theirs means, and what to post for it, in order."""

    news: tuple[News, ...] = ()
    replies: tuple[bytes, ...] = ()


class Restart(enum.Enum):
    """What new credentials of ours mean to the other end once the path stands."""

    FREE = "it goes on with those of its own, or tells new ones when it likes"
    ANSWERED = "they are an offer: the path is made of ours and of those in the answer"
    NEVER = "it would not take them"


@attrs.frozen
class Manners:
    """How a dialect's two ends set their path up."""

    setup: str
    """What we say of the DTLS handshake: `actpass` as the caller, `passive` or `active` as the
    callee.
    """
    restart: Restart = Restart.FREE
    channel_announced: bool = True
    """The caller opens the data channel in band (RFC 8832); otherwise both ends make number 0."""

    def is_client(self, theirs: str, *, caller: bool) -> bool:
        """Whether we begin the handshake (RFC 5763 §5), by what they say of it."""
        if theirs in ("active", "passive"):
            return theirs == "passive"
        return self.setup == "active" or (caller and self.setup == "actpass")


class Negotiation(Protocol):
    """Nothing of it raises: what a peer sends malformed is `Malformed`."""

    @property
    def manners(self) -> Manners: ...

    def introduce(self, setup: Setup, lines: tuple[str, ...]) -> tuple[bytes, ...]:
        """Messages that say who we are: the caller's first ones, offer included; the callee's, once
        it has the caller's `Setup`; either's at an ICE restart.
        """
        ...

    def trickle(self, lines: tuple[str, ...]) -> tuple[bytes, ...]:
        """Messages for candidates that were found after `introduce`."""
        ...

    def receive(self, text: bytes) -> Outcome: ...

    def mute(self, muted: bool) -> tuple[bytes, ...]:
        """Messages that tell it by signalling; empty where the data channel does."""
        ...
