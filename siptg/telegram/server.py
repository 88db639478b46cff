"""Which Telegram to talk to."""

from __future__ import annotations

import attrs


@attrs.frozen
class Server:
    """A data centre other than the real Telegram's: where it listens, and the key that
    proves it.
    """

    dc_id: int
    host: str
    port: int
    public_key: str = attrs.field(repr=False)
    """RSA public key, PEM (PKCS#1)."""
