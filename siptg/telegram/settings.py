"""Who we are to Telegram, and where it is."""

from __future__ import annotations

import attrs

from siptg.telegram.account.pace import Rates
from siptg.telegram.media.opus import OpusSettings
from siptg.telegram.media.servers import RelayServer
from siptg.telegram.server import Server
from siptg.telegram.signalling.versions import OFFERED


@attrs.frozen
class TelegramSettings:
    api_id: int
    api_hash: str = attrs.field(repr=False)
    session: str = attrs.field(default="", repr=False)
    """As `Account.sign_in` gave it."""
    server: Server | None = None
    """None is the real Telegram."""
    versions: tuple[str, ...] = OFFERED
    """Call protocols that we offer, newest first."""
    ice_addresses: tuple[str, ...] | None = None
    """Local addresses for media; None for all but loopback."""
    opus: OpusSettings = attrs.field(factory=OpusSettings)
    """How we speak in calls."""
    p2p: bool = True
    """Whether a call may go straight from us to the other end, where Telegram allows it. Otherwise
    no address of ours leaves: relays only.
    """
    relays: tuple[RelayServer, ...] = ()
    """STUN and TURN servers of our own, beside Telegram's."""
    rates: Rates = attrs.field(factory=Rates)
    """At which messages go out, of each account by itself."""
