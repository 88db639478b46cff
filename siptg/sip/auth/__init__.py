"""Digest authentication, both sides (RFC 3261 §22, RFC 7616, RFC 8760)."""

from siptg.sip.auth.client import Client, Credentials
from siptg.sip.auth.hashes import parse_digest
from siptg.sip.auth.server import Digest, Ha1, Verdict

__all__ = ["Client", "Credentials", "Digest", "Ha1", "Verdict", "parse_digest"]
