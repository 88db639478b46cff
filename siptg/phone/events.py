"""What a phone's calls tell, as values."""

from __future__ import annotations

import attrs

from siptg.sip.events import Answered, Ended, Ringing, TransferProgress
from siptg.sip.uri import NameAddr


@attrs.frozen
class Digit:
    """The other end pressed a key (RFC 4733)."""

    symbol: str


@attrs.frozen
class Held:
    """The other end put us on hold, or took us back (RFC 3264 §8.4)."""

    on: bool


@attrs.frozen
class TransferAsked:
    """The other end wants us to talk to somebody else: `follow` it or `refuse` it."""

    target: NameAddr
    by: NameAddr | None
    """Who wants it, as far as they said (RFC 3892)."""


@attrs.frozen
class Silent:
    """Nothing at all came on the media path for so long: they are gone, or the way is cut."""

    seconds: float


PhoneEvent = Ringing | Answered | Digit | Held | Silent | TransferAsked | TransferProgress | Ended


class CallFailed(Exception):
    """The call we made ended before it was answered; `ended` says why."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(f"{ended.status} {ended.reason}")
        self.ended = ended
