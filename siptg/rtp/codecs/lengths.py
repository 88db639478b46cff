"""How long a payload is that nobody decodes, in ticks of its codec's clock."""

from __future__ import annotations

from collections.abc import Callable

from siptg.rtp.codecs.codec import Codec
from siptg.rtp.codecs.opus_packet import duration

Ticks = Callable[[bytes], int]

_BITS = {"g726-16": 2, "g726-24": 3, "g726-32": 4, "g726-40": 5}
"""In a tick."""


def ticks_of(codec: Codec) -> Ticks | None:
    """None where nobody knows: then it is taken for 20 ms."""
    key = codec.key
    if key == "opus":
        return duration
    if key in ("pcmu", "pcma", "g722"):  # by RFC 1890's error G.722 has a byte a tick as well
        return len
    if key == "gsm":
        return lambda payload: len(payload) // 33 * 160
    bits = _BITS.get(key.removeprefix("aal2-"))
    if bits is not None:
        return lambda payload: len(payload) * 8 // bits
    if key.startswith("l16/"):
        return lambda payload: len(payload) // 2
    return None
