"""What an offer and its answer came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from siptg.rtp.codecs import Codec
from siptg.rtp.offer.direction import Direction
from siptg.rtp.offer.terms import Setup
from siptg.rtp.sdp.fingerprint import Fingerprint


@attrs.frozen
class Plain:
    """RTP as it is."""


@attrs.frozen
class Sdes:
    """SRTP under keys that the descriptions carried (RFC 4568)."""

    suite: str
    send_key: bytes = attrs.field(repr=False)
    """Ours: master key and salt."""
    receive_key: bytes = attrs.field(repr=False)
    """Theirs. Where it differs from the last one, packets come under it from now on."""
    lifetime: int = 0
    """Packets that theirs is good for; 0 where they say nothing."""
    window: int = 0
    """Their hint how far packets may be reordered; 0 where there is none."""


@attrs.frozen
class Dtls:
    """SRTP under keys of a handshake (RFC 5763)."""

    fingerprints: tuple[Fingerprint, ...]
    """Theirs: their certificate has to match one (RFC 8122 §5)."""
    setup: Setup
    """Our part: ACTIVE begins the handshake, PASSIVE waits for it."""
    tls_id: str
    """Theirs; empty where they give none."""
    our_tls_id: str
    association: int
    """Rises when a new handshake is due (RFC 8842 §4)."""


Security: TypeAlias = Plain | Sdes | Dtls


@attrs.frozen
class Agreed:
    """One audio stream. Payload types that we send are theirs, those that we hear are ours."""

    codec: Codec
    """What we send; they may use any of `receive`."""
    send_type: int
    fmtp: str
    """What their decoder wants."""
    receive: Mapping[int, Codec]
    """Payload type → codec, any of them at any time (RFC 3264 §6.1). Where an answer gave a codec
    another number than our offer, that one is here too: not all who do so mean it.
    """
    event_type: int | None
    """Of telephone-event as we send it; None where the other end has none."""
    event_rate: int
    """Its clock."""
    events: frozenset[int]
    """Which ones they understand."""
    event_receive: Mapping[int, int]
    """Payload type → clock rate."""
    noise_type: int | None
    """Of comfort noise as we send it."""
    noise_receive: Mapping[int, int]
    """Payload type → clock rate."""
    ptime: int
    """Milliseconds in a packet that we send."""
    remote: tuple[str, int]
    """0.0.0.0, :: or a name in .invalid: nothing goes there, neither RTP nor RTCP."""
    remote_rtcp: tuple[str, int]
    rtcp_mux: bool
    """RTCP goes and comes with RTP (RFC 5761)."""
    reduced_size: bool
    """RTCP may be incomplete (RFC 5506)."""
    direction: Direction
    """Ours."""
    held: bool
    """The other end does not listen: we are on hold."""
    security: Security
