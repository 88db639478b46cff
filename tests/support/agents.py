"""Two user agents on loopback, over any transport."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import trustme

from siptg.sip.agent import UserAgent
from siptg.sip.flow import Address
from siptg.sip.transport.tls import TlsSettings
from siptg.sip.uri import Uri


def certificates(folder: Path, *names: str) -> TlsSettings:
    """A server's settings: its certificate for these names, and the authority that signed it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert(*names).private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return TlsSettings(certificate=folder / "server.pem", authorities=folder / "ca.pem")


@contextlib.asynccontextmanager
async def agent(
    transport: str, host: str = "127.0.0.1", tls: TlsSettings | None = None, **options: Any
) -> AsyncIterator[UserAgent]:
    """With one transport alone."""
    made = UserAgent((host, 0), transports=(transport,), tls=tls, **options)
    async with made:
        yield made


def uri_of(user: str, address: Address, transport: str, host: str | None = None) -> Uri:
    shown = host or (f"[{address[0]}]" if ":" in address[0] else address[0])
    name = {"WSS": "ws"}.get(transport, transport.lower())
    scheme = "sips" if transport == "WSS" else "sip"
    return Uri.parse(f"{scheme}:{user}@{shown}:{address[1]};transport={name}")
