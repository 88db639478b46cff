"""Which codecs this installation speaks, and how SDP calls them (RFC 3551 §6)."""

from __future__ import annotations

from collections.abc import Iterable

from siptg.rtp.codecs import g722, g726, gsm, libopus
from siptg.rtp.codecs.codec import Codec
from siptg.rtp.codecs.g711 import PCMA, PCMU
from siptg.rtp.codecs.l16 import L16
from siptg.rtp.codecs.opus import OPUS


def spoken() -> list[Codec]:
    """All that can both encode and decode here."""
    found = [PCMU, PCMA]
    if g722.available():
        found.append(g722.G722)
    if libopus.available():
        found.append(OPUS)
    if gsm.available():
        found.append(gsm.GSM)
    if g726.available():
        found += g726.G726
    return [*found, *L16]


CODECS = {codec.key: codec for codec in spoken()}
"""By the key that accounts write."""

_BY_NAME = {(codec.name.lower(), codec.clock_rate): codec for codec in CODECS.values()}
_BY_NUMBER = {codec.payload_type: codec for codec in CODECS.values() if codec.payload_type < 96}


def by_rtpmap(name: str, clock: int, channels: int = 1) -> Codec | None:
    """What `a=rtpmap` names; None where we do not speak it."""
    codec = _BY_NAME.get((name.lower(), clock))
    if codec is None or channels == codec.channels:
        return codec
    # "opus/48000" without its "/2" is met in the field; any Opus decoder decodes any Opus
    return codec if codec is OPUS and channels == 1 else None


def by_number(static: int) -> Codec | None:
    """What a payload type means without an rtpmap; None for a dynamic one and for what we lack."""
    return _BY_NUMBER.get(static)


def named(keys: Iterable[str]) -> tuple[Codec, ...]:
    """Codecs by the keys that accounts write, as `g722` or `l16/16000`. ValueError names what is
    not spoken here, and what is.
    """
    found = []
    for key in keys:
        if key.lower() not in CODECS:
            raise ValueError(f"unknown codec {key!r}; there are {', '.join(CODECS)}")
        found.append(CODECS[key.lower()])
    return tuple(found)
