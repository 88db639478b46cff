"""The certificate we show in DTLS, and which of theirs to believe (RFC 5763 §5, RFC 8122 §5)."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

HASHES = ("sha-512", "sha-384", "sha-256", "sha-224", "sha-1")
"""Of RFC 8122 §5, the most preferred first; MD5 and MD2 must not be believed."""
LIFE = datetime.timedelta(days=3652)

Fingerprint = tuple[str, str]
"""Of a=fingerprint: hash function and value, as "sha-256" and "AB:CD:…"."""


@attrs.frozen(eq=False)
class Certificate:
    """Ours; worth making once a process. Nobody signs it: its fingerprint in SDP vouches for it."""

    public: x509.Certificate
    private: ec.EllipticCurvePrivateKey = attrs.field(repr=False)

    @classmethod
    def make(cls, today: datetime.datetime) -> Certificate:
        """ECDSA on P-256, good for ten years from yesterday: not every peer ignores the dates."""
        private = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sip")])  # tells nothing
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - datetime.timedelta(days=1))
            .not_valid_after(today + LIFE)
        )
        return cls(built.sign(private, hashes.SHA256()), private)

    @property
    def fingerprint(self) -> Fingerprint:
        return "sha-256", self.public.fingerprint(hashes.SHA256()).hex(":").upper()


def believed(digest: Callable[[str], str], named: Sequence[Fingerprint]) -> bool:
    """Whether a certificate is one of those named, by the best hash among theirs (RFC 8122 §5.1).

    `digest` gives its fingerprint by any of `HASHES`.
    """
    values: dict[str, set[str]] = {}
    for algorithm, value in named:
        values.setdefault(algorithm.strip().lower(), set()).add(value.strip().upper())
    best = next((algorithm for algorithm in HASHES if algorithm in values), None)
    return best is not None and digest(best).upper() in values[best]
