"""Who we are to Telegram, and where it is."""

from __future__ import annotations

import attrs

from siptg.telegram.media.opus import OpusSettings
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
