"""What a call asks of Telegram's server."""

from __future__ import annotations

from typing import Protocol

from siptg.telegram.call.events import CallUpdate
from siptg.telegram.people import Person


class CallApi(Protocol):
    """The server's calls, each with our own values; TelegramRefused where it says no."""

    async def request(self, person: Person, commitment: bytes) -> CallUpdate: ...
    async def received(self, id: int, access_hash: int) -> None: ...
    async def accept(self, id: int, access_hash: int, g_b: bytes) -> CallUpdate: ...
    async def confirm(
        self, id: int, access_hash: int, g_a: bytes, fingerprint: int
    ) -> CallUpdate: ...
    async def discard(self, id: int, access_hash: int, reason: str, duration: float) -> bool:
        """Whether the server would like to know how the call was."""
        ...

    async def rate(self, id: int, access_hash: int, stars: int, comment: str) -> None: ...
    async def signal(self, id: int, access_hash: int, data: bytes) -> bool:
        """False where the server has no use for it any more."""
        ...
