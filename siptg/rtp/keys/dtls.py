"""DTLS-SRTP with a SIP peer (RFC 5763, 5764): OpenSSL shakes hands, we carry its datagrams.

The one file that knows OpenSSL. It is given datagrams and the time, and gives datagrams, its next
deadline and, once the peer's certificate is the one that signalling named, keys.
"""

from __future__ import annotations

import contextlib
import enum
import functools
from collections.abc import Sequence

import attrs
from OpenSSL import SSL
from OpenSSL.crypto import X509

from siptg.rtp.keys.certificate import Certificate, Fingerprint, believed
from siptg.rtp.keys.srtp import SUITES, SrtpSession

MTU = 1200
"""Bytes of a datagram; longer handshake messages are cut (RFC 6347 §4.1.1)."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 3.0
"""Seconds until a flight is sent again, doubled up to the second."""
GIVE_UP = 32.0
"""Seconds after which a handshake that gets nowhere has failed."""
MOST_EARLY = 8
"""Datagrams kept from before the start: a peer may know our answer before we know that it does."""
MOST_ECHOES = 16
"""Times that the last flight is sent again to a peer that seems not to have it."""

PROFILES = {  # OpenSSL's names; AES-256-CM has no number in RFC 5764 §4.1.2
    name: profile
    for name, profile in (
        ("AEAD_AES_256_GCM", b"SRTP_AEAD_AES_256_GCM"),
        ("AEAD_AES_128_GCM", b"SRTP_AEAD_AES_128_GCM"),
        ("AES_CM_128_HMAC_SHA1_80", b"SRTP_AES128_CM_SHA1_80"),
        ("AES_CM_128_HMAC_SHA1_32", b"SRTP_AES128_CM_SHA1_32"),
    )
    if name in SUITES
}
"""The suites that DTLS can agree on here, the strongest first."""
_DTLS_1_2 = 0xFEFD
_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _DATA = 20, 21, 22, 23
_HEADER = 13
_CIPHERS = b":".join(  # RSA is for peers with such certificates, CBC for old ones
    b"ECDHE-%s-%s" % (signature, cipher)
    for cipher in (b"AES128-GCM-SHA256", b"CHACHA20-POLY1305", b"AES256-GCM-SHA384", b"AES128-SHA")
    for signature in (b"ECDSA", b"RSA")
)


def is_dtls(data: bytes) -> bool:
    """By the first byte, on a port shared with RTP and STUN (RFC 7983 §7)."""
    return len(data) > 0 and 20 <= data[0] <= 63


@functools.lru_cache(maxsize=16)
def _settings(certificate: Certificate, profiles: tuple[str, ...]) -> SSL.Context:
    """Of all calls with that certificate: OpenSSL takes its time to make one."""
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(_DTLS_1_2)
    context.set_max_proto_version(_DTLS_1_2)  # the records of 1.3 look otherwise: see `_records`
    # a datagram's size is ours to know; no session outlives its call
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_cipher_list(_CIPHERS)
    context.use_certificate(certificate.public)
    context.use_privatekey(certificate.private)
    context.set_tlsext_use_srtp(b":".join(PROFILES[name] for name in profiles))
    return context


_MISMATCH = "the peer's certificate is none of those its SDP names"


def _matches(certificate: X509, fingerprints: Sequence[Fingerprint]) -> bool:
    return believed(lambda a: certificate.digest(a.replace("-", "")).decode(), fingerprints)


@attrs.define(eq=False)
class _Judge:
    """Asked by OpenSSL in mid-handshake, so that a wrong peer gets an alert and never our keys.

    It does not know the association: one that knew it would keep it alive.
    """

    fingerprints: Sequence[Fingerprint] | None
    refused: bool = False

    def __call__(
        self, connection: SSL.Connection, certificate: X509, error: int, depth: int, fine: int
    ) -> bool:
        """Who signed it does not matter, nor until when it was to be good (RFC 5763 §5)."""
        if depth or self.fingerprints is None or _matches(certificate, self.fingerprints):
            return True
        self.refused = True
        return False


def exported_keys(
    connection: SSL.Connection, *, client: bool, profiles: Sequence[str] = tuple(PROFILES)
) -> tuple[str, bytes, bytes] | None:
    """Of hands that are shaken: the suite, our `key || salt`, theirs (RFC 5764 §4.2). None: no
    suite was agreed on. It takes a connection so that it serves other transports of DTLS too.
    """
    chosen = connection.get_selected_srtp_profile()
    suite = next((SUITES[name] for name in profiles if PROFILES[name] == chosen), None)
    if suite is None:
        return None
    key, salt = suite.key_length, suite.salt_length
    material = connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
    salts = material[2 * key :]
    first, second = material[:key] + salts[:salt], material[key : 2 * key] + salts[salt:]
    return suite.name, *((first, second) if client else (second, first))


class State(enum.Enum):
    """NEW → CONNECTING → (UNVERIFIED →) UP → CLOSED; to FAILED from any before UP."""

    NEW = "new"
    CONNECTING = "connecting"
    UNVERIFIED = "unverified"
    """Hands are shaken, but signalling has not said yet whose certificate to expect."""
    UP = "up"
    CLOSED = "closed"
    """By `close`, or by the peer. `srtp` goes on working for what is on its way."""
    FAILED = "failed"


@attrs.define(eq=False)
class Dtls:
    """One association with one peer. After each call: send `outgoing()`, look at `state`, and
    call `tick` at `deadline()`.
    """

    certificate: Certificate
    fingerprints: Sequence[Fingerprint] | None
    """What the peer's SDP names; None while that is not there: `verify` tells it later."""
    client: bool
    """Whether our side is `setup:active` (RFC 5763 §5)."""
    profiles: Sequence[str] = tuple(PROFILES)
    """Suites to offer or accept, in our order."""
    mtu: int = MTU
    give_up_after: float = GIVE_UP
    state: State = attrs.field(default=State.NEW, init=False)
    reason: str = attrs.field(default="", init=False)
    """Why it failed or was closed, for people."""
    keys: tuple[str, bytes, bytes] | None = attrs.field(default=None, init=False, repr=False)
    """When UP: the suite, our `key || salt`, theirs. What `SrtpSession.rekey` takes."""
    srtp: SrtpSession | None = attrs.field(default=None, init=False, repr=False)
    """When UP: made of those."""
    _ssl: SSL.Connection = attrs.field(init=False, repr=False)
    _judge: _Judge = attrs.field(init=False, repr=False)
    _early: list[bytes] = attrs.field(factory=list, init=False, repr=False)
    _outgoing: list[bytes] = attrs.field(factory=list, init=False, repr=False)
    _flight: list[bytes] = attrs.field(factory=list, init=False, repr=False)
    """What was sent last in the handshake."""
    _again_at: float | None = attrs.field(default=None, init=False)
    _wait: float = attrs.field(default=FIRST_WAIT, init=False)
    _give_up_at: float = attrs.field(default=0.0, init=False)
    _echoes: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        unknown = [name for name in self.profiles if name not in PROFILES]
        if unknown or not self.profiles:
            raise ValueError(f"no profile of DTLS-SRTP here: {', '.join(unknown) or 'none given'}")
        self._ssl = SSL.Connection(_settings(self.certificate, tuple(self.profiles)))
        self._ssl.set_ciphertext_mtu(self.mtu)
        self._judge = _Judge(self.fingerprints)
        self._ssl.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._judge)
        if self.client:
            self._ssl.set_connect_state()
        else:
            self._ssl.set_accept_state()

    def start(self, now: float) -> None:
        """Begin, once the peer's address is known: a client speaks first."""
        if self.state is not State.NEW:
            return
        self.state, self._give_up_at = State.CONNECTING, now + self.give_up_after
        self._shake_hands(now)
        early, self._early = self._early, []
        for datagram in early:
            self.receive(datagram, now)

    def receive(self, datagram: bytes, now: float) -> None:
        """A datagram that `is_dtls` came from the peer."""
        if self.state is State.NEW:
            if len(self._early) < MOST_EARLY:
                self._early.append(datagram)
        elif self.state not in (State.FAILED, State.CLOSED):
            records = [record for record in _records(datagram) if _is_sound(record)]
            if not records:  # OpenSSL would let garbage end a handshake
                return
            self._ssl.bio_write(b"".join(records))
            if self.state is State.CONNECTING:
                self._shake_hands(now)
            else:
                self._listen(records[0][0])

    def verify(self, fingerprints: Sequence[Fingerprint]) -> None:
        """Signalling names the peer's certificate, later than the handshake began."""
        if self.fingerprints is None:
            self.fingerprints = list(fingerprints)
            if self.state is State.UNVERIFIED:
                self._agree()

    def outgoing(self) -> list[bytes]:
        """Datagrams to send now."""
        out, self._outgoing = self._outgoing, []
        return out

    def deadline(self) -> float | None:
        """When `tick` is due."""
        if self.state is not State.CONNECTING:
            return None
        return self._give_up_at if self._again_at is None else min(self._again_at, self._give_up_at)

    def tick(self, now: float) -> None:
        """Send again what may be lost (RFC 6347 §4.2.4).

        OpenSSL keeps time by a clock of its own and begins with a whole second, which at the
        beginning of a call is the "hello". So the same datagrams go out sooner; and where
        OpenSSL's clock runs out too, the flight that it makes anew goes out in their stead.
        """
        if self.state is not State.CONNECTING:
            return
        if now >= self._give_up_at:
            self._fail("the peer did not answer")
        elif self._again_at is not None and now >= self._again_at:
            try:
                self._ssl.DTLSv1_handle_timeout()
            except SSL.Error as error:
                self._fail(_words(error))
                return
            made = self._made()
            self._flight = made or self._flight
            self._outgoing += self._flight
            self._wait = min(2 * self._wait, LONGEST_WAIT)
            self._again_at = now + self._wait

    def close(self) -> None:
        """Say goodbye (close_notify), if there is somebody to say it to."""
        if self.state in (State.UP, State.UNVERIFIED):
            self._say_goodbye()
        if self.state is not State.FAILED:
            self.state, self.reason = State.CLOSED, "we closed it"

    def _shake_hands(self, now: float) -> None:
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            finished = False
        except SSL.Error as error:
            self._outgoing += self._made()  # an alert, which tells the peer
            self._fail(_MISMATCH if self._judge.refused else _words(error))
            return
        else:
            finished = True
        made = self._made()
        if made:
            self._flight, self._wait, self._again_at = made, FIRST_WAIT, now + FIRST_WAIT
            self._outgoing += made
        if finished:
            self.state = State.UNVERIFIED
            if self.fingerprints is not None:
                self._agree()

    def _agree(self) -> None:
        """RFC 5764 §4.2: keys of both sides, once we know who is there."""
        certificate = self._ssl.get_peer_certificate()
        if certificate is None or not _matches(certificate, self.fingerprints or ()):
            self._say_goodbye()
            self._fail(_MISMATCH)
            return
        self.keys = exported_keys(self._ssl, client=self.client, profiles=self.profiles)
        if self.keys is None:
            self._say_goodbye()
            self._fail("no profile of SRTP was agreed on")
            return
        self.srtp = SrtpSession(*self.keys)
        self.state = State.UP

    def _listen(self, kind: int) -> None:
        """After the handshake: goodbyes, and repeats by a peer that did not get our last flight."""
        try:
            while True:
                self._ssl.recv(2048)  # data have no business here
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.state, self.reason = State.CLOSED, "the peer closed it"
        except SSL.Error as error:
            self.state, self.reason = State.CLOSED, _words(error)
        made = self._made()
        if not made and kind == _HANDSHAKE and not self.client and self._echoes < MOST_ECHOES:
            self._echoes += 1
            made = self._flight
        self._outgoing += made

    def _say_goodbye(self) -> None:
        with contextlib.suppress(SSL.Error):  # the peer was first
            self._ssl.shutdown()
        self._outgoing += self._made()

    def _fail(self, reason: str) -> None:
        self.state, self.reason = State.FAILED, reason

    def _made(self) -> list[bytes]:
        """What OpenSSL wants sent, by the datagram."""
        made = b""
        try:
            while True:
                made += self._ssl.bio_read(16384)
        except SSL.Error:  # WantReadError: that was all
            return _packed(made, self.mtu)


def _records(data: bytes) -> list[bytes]:
    """Cut at the lengths in their headers (RFC 6347 §4.1)."""
    found, at = [], 0
    while at < len(data):
        end = at + _HEADER + int.from_bytes(data[at + 11 : at + 13], "big")
        found.append(data[at:end])
        at = end
    return found


def _is_sound(record: bytes) -> bool:
    """Of DTLS 1.0 or 1.2 (a first flight says 1.0), whole, and of a kind that there is."""
    return (
        _HEADER < len(record) == _HEADER + int.from_bytes(record[11:13], "big")
        and _CHANGE_CIPHER_SPEC <= record[0] <= _DATA
        and record[1:3] in (b"\xfe\xff", b"\xfe\xfd")
    )


def _packed(data: bytes, mtu: int) -> list[bytes]:
    """As few datagrams as will do, each of whole records."""
    packed: list[bytes] = []
    for record in _records(data):
        if packed and len(packed[-1]) + len(record) <= mtu:
            packed[-1] += record
        else:
            packed.append(record)
    return packed


def _words(error: SSL.Error) -> str:
    """OpenSSL's own, for people."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(str(entry[-1]) for entry in queue) or "the handshake failed"
