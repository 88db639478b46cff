"""A leg is one party of a call, whatever it hangs on: a SIP line or a Telegram account."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from typing import Protocol

import attrs

from siptg.app.causes import Cause
from siptg.rtp.audio import AudioPort


@attrs.frozen
class Party:
    """Who is at the other end, as far as they said."""

    address: str
    """A number or SIP address; empty where it is withheld."""
    name: str | None = None

    def __str__(self) -> str:
        if self.name and self.name != self.address:
            return f"{self.name} ({self.address})" if self.address else self.name
        return self.address or "hidden"


@attrs.frozen
class Ringing:
    """It rings there."""

    early_audio: bool = False
    """The network plays its own sound meanwhile: no ringback of ours is wanted."""


@attrs.frozen
class Answered:
    """They talk and hear from now on."""


@attrs.frozen
class Digit:
    """They pressed a key."""

    symbol: str


@attrs.frozen
class Held:
    """They put us on hold, or took us back."""

    on: bool


class Sound(enum.Enum):
    """What comes from a party."""

    GOOD = "good"
    MUTED = "muted"
    """They switched their microphone off."""
    NONE = "none"
    """Nothing has come, though they are connected and not muted."""
    LOST = "lost"
    """Their connection is gone and is being sought anew."""


@attrs.frozen
class SoundChanged:
    """What comes from them is another thing than before."""

    sound: Sound


@attrs.frozen
class Ended:
    """The last event of every leg."""

    cause: Cause
    detail: str = ""
    """The other side's own code and words, as `404 Not Found`; shown to the person."""


LegEvent = Ringing | Answered | Digit | Held | SoundChanged | Ended


class Leg(Protocol):
    """The one small protocol that the bridge, the recorder and the bot know."""

    @property
    def id(self) -> str:
        """What names this leg in logs: a Call-ID, or Telegram's number of the call."""
        ...

    @property
    def party(self) -> Party: ...
    @property
    def audio(self) -> AudioPort: ...

    def events(self) -> AsyncIterator[LegEvent]:
        """What happens from now on, `Ended` last. One reader at a time."""
        ...

    async def ring(self) -> None:
        """Let them know that it rings at the other side; nothing where they were answered."""
        ...

    async def answer(self) -> None:
        """Let them talk; nothing where they were answered."""
        ...

    async def hold(self, on: bool) -> None: ...
    async def press(self, digit: str) -> None: ...

    async def hangup(self, cause: Cause = Cause.HANGUP) -> None:
        """End it in whatever state it is, for this cause; nothing where it has ended."""
        ...
