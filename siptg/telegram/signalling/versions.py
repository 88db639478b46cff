"""The versions of the call protocol: what carries a version's messages, and which dialect they are
in (design: §2 of the wire protocol).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import attrs

from siptg.telegram.signalling.acknowledged import AcknowledgedFraming
from siptg.telegram.signalling.channel import Channel, Deliver, Emit, TimedChannel
from siptg.telegram.signalling.channels import ChannelNegotiation
from siptg.telegram.signalling.cipher import SignallingCipher
from siptg.telegram.signalling.negotiation import Negotiation

Open = Callable[[SignallingCipher, bool, Emit, Deliver], Channel]
"""(cipher, are we the caller, emit, deliver) → the channel."""
Negotiate = Callable[[bool, int], Negotiation]
"""(are we the caller, our SSRC) → a negotiation."""


@attrs.frozen
class Version:
    """One version: a framing and a dialect."""

    name: str
    open: Open
    negotiate: Negotiate


def _acknowledged(cipher: SignallingCipher, caller: bool, emit: Emit, deliver: Deliver) -> Channel:
    return TimedChannel(AcknowledgedFraming(cipher), emit, deliver)


def _channels(caller: bool, ssrc: int) -> Negotiation:
    return ChannelNegotiation(
        caller=caller,
        ssrc=ssrc,
        new_id=lambda: str(secrets.randbits(31)),
        state_by_signalling=False,
    )


VERSIONS: dict[str, Version] = {
    version.name: version
    for version in (
        Version("9.0.0", _acknowledged, _channels),
        Version("8.0.0", _acknowledged, _channels),
    )
}
"""All that we speak, newest first."""
OFFERED: tuple[str, ...] = tuple(VERSIONS)
"""What an account offers where its configuration says nothing."""


def agreed(names: tuple[str, ...]) -> Version | None:
    """What both ends will speak, from the list that Telegram gives with the keys; None where that
    is nothing of ours.
    """
    return next((VERSIONS[name] for name in names if name in VERSIONS), None)
