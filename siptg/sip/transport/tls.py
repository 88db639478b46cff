"""TLS as SIP wants it: 1.2 or later, certificates verified unless somebody says otherwise
(RFC 3261 §26.3.1, RFC 5922).
"""

from __future__ import annotations

import ssl
from pathlib import Path

import attrs


@attrs.frozen
class TlsSettings:
    """Of one listener and the connections made from it."""

    certificate: Path | None = None
    """Our chain in PEM; without one we can only call out."""
    key: Path | None = None
    """Its key, where it is not in the same file."""
    authorities: Path | None = None
    """Whom we trust, in PEM; left out, whom the system trusts."""
    verify: bool = True
    """Refuse servers whose certificate or name is wrong."""
    verify_clients: bool = False
    """Ask those who connect to us for a certificate."""

    def client_context(self) -> ssl.SSLContext:
        """OSError or ssl.SSLError where a file is missing or no good."""
        context = ssl.create_default_context(cafile=self.authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context

    def server_context(self) -> ssl.SSLContext | None:
        """None without a certificate: nobody can connect to us."""
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        if self.verify_clients:
            context.verify_mode = ssl.CERT_REQUIRED
        return context
