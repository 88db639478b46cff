"""What a Telegram call reports, and what the server says of it, as values."""

from __future__ import annotations

from datetime import datetime

import attrs

from siptg.telegram.media.servers import Reflector, RelayServer
from siptg.telegram.people import TelegramCause


@attrs.frozen
class Ringing:
    """Her device rings; or ours shall."""


@attrs.frozen
class Agreed:
    """Both have the key; the path is being sought."""

    emoji: str
    """Four signs that prove the key, for both to compare."""


@attrs.frozen
class Answered:
    """Media stands: both can talk."""

    emoji: str
    """Four signs that prove the key, for both to compare."""


@attrs.frozen
class Lost:
    """No packet comes any more; the path is being sought anew."""


@attrs.frozen
class Back:
    """Packets come again after `Lost`."""


@attrs.frozen
class Muted:
    """She switched her microphone off, or on again."""

    muted: bool


@attrs.frozen
class NoSound:
    """Media stands, she is not muted, and yet no sound came for a while; the call goes on."""


@attrs.frozen
class Ended:
    """The last event of every call."""

    cause: TelegramCause
    detail: str = ""
    duration: float = 0.0
    """Seconds since Answered."""


CallEvent = Ringing | Agreed | Answered | Lost | Back | Muted | NoSound | Ended

# from the server


@attrs.frozen
class Requested:
    """Somebody calls us."""

    id: int
    access_hash: int = attrs.field(repr=False)
    caller: int
    g_a_hash: bytes = attrs.field(repr=False)
    versions: tuple[str, ...]
    date: datetime


@attrs.frozen
class Waiting:
    """The server has our call, or our answer."""

    id: int
    access_hash: int = attrs.field(repr=False)
    ringing: bool
    """Her device has it."""
    callee: int = 0
    """Whom the call is to, where it is one such as ours are; else 0."""


@attrs.frozen
class Accepted:
    """She answered our call."""

    id: int
    access_hash: int = attrs.field(repr=False)
    g_b: bytes = attrs.field(repr=False)
    callee: int = 0
    """As in `Waiting`."""


@attrs.frozen
class Ready:
    """The keys have crossed: media may begin."""

    id: int
    access_hash: int = attrs.field(repr=False)
    g_a_or_b: bytes = attrs.field(repr=False)
    fingerprint: int
    versions: tuple[str, ...]
    servers: tuple[RelayServer, ...]
    reflectors: tuple[Reflector, ...]
    p2p: bool
    custom: str


@attrs.frozen
class Discarded:
    id: int
    reason: str
    """`busy`, `missed`, `hangup`, `disconnect`, `migrate`, or empty."""
    wants_rating: bool = False
    """Telegram would like to know how the call was."""


@attrs.frozen
class Signal:
    """A packet of the other end's engine."""

    id: int
    data: bytes = attrs.field(repr=False)


CallUpdate = Requested | Waiting | Accepted | Ready | Discarded | Signal
