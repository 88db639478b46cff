"""Who we are to Telegram, and where it is."""

from __future__ import annotations

import attrs

from siptg.telegram.server import Server


@attrs.frozen
class TelegramSettings:
    api_id: int
    api_hash: str = attrs.field(repr=False)
    session: str = attrs.field(default="", repr=False)
    """As `Account.sign_in` gave it."""
    server: Server | None = None
    """None is the real Telegram."""
    versions: tuple[str, ...] = ("9.0.0", "8.0.0")
    """Call protocols that we speak, newest first."""
    ice_addresses: tuple[str, ...] | None = None
    """Local addresses for media; None for all but loopback."""
