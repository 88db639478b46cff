"""What transports tell, and what they can do: the seam between sockets and the agent."""

from __future__ import annotations

from typing import Protocol

from siptg.sip.flow import Address, Flow


class Receiver(Protocol):
    """The agent as its transports see it. None of these raises."""

    def received(self, data: bytes, flow: Flow) -> None:
        """A whole message, or a keep-alive, came."""
        ...

    def broken(self, flow: Flow, why: str) -> None:
        """Nobody listens there, or the connection is gone (RFC 3261 §18.4)."""
        ...

    def flush(self) -> None:
        """A burst was read: now send what there is to say to it."""
        ...


class Transport(Protocol):
    """All that carries SIP: UDP, TCP, TLS, WebSocket."""

    @property
    def name(self) -> str:
        """As it stands in Via."""
        ...

    @property
    def local(self) -> Address: ...

    def send(self, data: bytes, flow: Flow) -> None:
        """Never raises; connects where that is wanted; failure is told as `broken`."""
        ...

    async def close(self) -> None: ...
