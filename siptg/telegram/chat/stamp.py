"""What a button carries: which card, which action, and our signature for the one person it is for.

64 bytes are all that Telegram gives: a version, 6 bytes of the card's token, 8 of the signature,
the action. The token is one card of one call, the signature binds token and action to a person
(BT-20): a forwarded card or copied data is good for nobody else, and an action cannot be moved to
another card. The key is given: whoever keeps it knows own buttons after a restart.
"""

from __future__ import annotations

import hashlib
import hmac

import attrs

VERSION = b"\x01"
TOKEN, MAC = 6, 8
LONGEST = 64


@attrs.frozen
class Stamp:
    key: bytes = attrs.field(repr=False)

    def data(self, person: int, token: bytes, action: bytes) -> bytes:
        """A button's bytes; ValueError where they are too many."""
        made = VERSION + token + self._mac(person, token, action) + action
        if len(made) > LONGEST or len(token) != TOKEN:
            raise ValueError(f"{len(made)} bytes do not fit into a button")
        return made

    def read(self, person: int, data: bytes) -> tuple[bytes, bytes] | None:
        """(token, action) where the button is of our making and for this person, else None."""
        head = len(VERSION) + TOKEN
        token, mac, action = data[1:head], data[head : head + MAC], data[head + MAC :]
        good = hmac.compare_digest(mac, self._mac(person, token, action))
        return (token, action) if good and data[:1] == VERSION and len(data) <= LONGEST else None

    def _mac(self, person: int, token: bytes, action: bytes) -> bytes:
        text = b"%d|%b%b" % (person, token, action)
        return hmac.new(self.key, text, hashlib.sha256).digest()[:MAC]
