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
from siptg.telegram.signalling.simple import SimpleFraming
from siptg.telegram.signalling.web import WebNegotiation

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
    offered: bool = True
    """By an account whose configuration says nothing."""


def _simple(cipher: SignallingCipher, caller: bool, emit: Emit, deliver: Deliver) -> Channel:
    return TimedChannel(SimpleFraming(cipher), emit, deliver)


def _acknowledged(cipher: SignallingCipher, caller: bool, emit: Emit, deliver: Deliver) -> Channel:
    return TimedChannel(AcknowledgedFraming(cipher), emit, deliver)


def _sctp(cipher: SignallingCipher, caller: bool, emit: Emit, deliver: Deliver) -> Channel:
    # here, because aiortc is slow to load: not for who only reads the names of versions
    from siptg.telegram.signalling.sctp import SctpChannel

    return SctpChannel(cipher, caller, emit, deliver)


def _channels(caller: bool, ssrc: int) -> Negotiation:
    return _negotiation(caller, ssrc, state_by_signalling=False)


def _channels_and_state(caller: bool, ssrc: int) -> Negotiation:
    return _negotiation(caller, ssrc, state_by_signalling=True)


def _negotiation(caller: bool, ssrc: int, *, state_by_signalling: bool) -> Negotiation:
    return ChannelNegotiation(
        caller=caller,
        ssrc=ssrc,
        new_id=lambda: str(secrets.randbits(31)),
        state_by_signalling=state_by_signalling,
    )


def _sdp(caller: bool, ssrc: int) -> Negotiation:
    # here, because SDP knows all codecs and they load numpy: as above
    from siptg.telegram.signalling.sdp import SdpNegotiation

    return SdpNegotiation(caller=caller, ssrc=ssrc)


def _web(caller: bool, ssrc: int) -> Negotiation:
    return WebNegotiation(caller=caller, ssrc=ssrc)


VERSIONS: dict[str, Version] = {
    version.name: version
    for version in (
        # an experiment of Telegram's: spoken where somebody asks for it
        Version("14.0.0", _sctp, _channels_and_state, offered=False),
        Version("13.0.0", _sctp, _channels),
        Version("12.0.0", _sctp, _channels),
        Version("11.0.0", _sctp, _sdp),
        Version("10.0.0", _acknowledged, _sdp),
        Version("9.0.0", _acknowledged, _channels),
        Version("8.0.0", _acknowledged, _channels),
        Version("7.0.0", _simple, _channels),
        # Telegram Web hangs up on who names neither
        Version("4.0.1", _simple, _web),
        Version("4.0.0", _simple, _web),
    )
}
"""All that we speak, newest first."""
OFFERED: tuple[str, ...] = tuple(version.name for version in VERSIONS.values() if version.offered)
"""What an account offers where its configuration says nothing, newest first."""
MOST_SHOWN = 12
"""Names of a list that a text shows."""


def agreed(names: tuple[str, ...]) -> Version | None:
    """What both ends will speak, from the list that Telegram gives with the keys; None where that
    is nothing of ours.
    """
    return next((VERSIONS[name] for name in names if name in VERSIONS), None)


def unknown(names: tuple[str, ...]) -> str:
    """What is wrong with a configured list, for the person who wrote it; empty where nothing is."""
    spoken = ", ".join(VERSIONS)
    if not names:
        return f"at least one of {spoken} expected"
    strange = [name for name in names if name not in VERSIONS]
    return f"{', '.join(map(repr, strange))} is not spoken; we speak {spoken}" if strange else ""


def nothing_in_common(theirs: tuple[str, ...], ours: tuple[str, ...]) -> str:
    """Why two ends cannot call each other, with both lists, and what to update. `theirs` is empty
    where Telegram refused and did not say.
    """
    we = _listed(ours)
    if not theirs:
        return f"no version of calls in common: we offer {we}; update her Telegram, or siptg"
    lists = f"it speaks {_listed(theirs)}, we offer {we}"
    spoken = [name for name in theirs if name in VERSIONS and name not in ours]
    if spoken:
        return (
            f"no version of calls in common: {lists}; siptg speaks {_listed(tuple(spoken))} too:"
            " let it, in telegram.versions"
        )
    if max(map(_order, theirs)) < min(map(_order, VERSIONS)):
        return f"her Telegram is too old for calls with us: {lists}; update it"
    if min(map(_order, theirs)) > max(map(_order, VERSIONS)):
        return f"her Telegram is too new for calls with us: {lists}; update siptg"
    return f"no version of calls in common: {lists}; update her Telegram, or siptg"


def _order(name: str) -> tuple[int, ...]:
    """`13.0.0` as numbers; what is no version is older than all."""
    parts = name[:20].split(".")
    return tuple(int(part) for part in parts) if all(p.isdecimal() for p in parts) else ()


def _listed(names: tuple[str, ...]) -> str:
    """A peer chose them: not too many, not too long, nothing that a terminal obeys."""
    shown = [ascii(name[:20])[1:-1] for name in names[:MOST_SHOWN]]
    return ", ".join(shown + ["…"] * (len(names) > MOST_SHOWN))
