"""Codecs: one file each, known by name."""

from siptg.rtp.codecs.codec import Codec, Decoder, Encoder
from siptg.rtp.codecs.g711 import PCMA, PCMU
from siptg.rtp.codecs.opus import OPUS
from siptg.rtp.codecs.registry import CODECS, by_number, by_rtpmap, named

__all__ = [
    "CODECS",
    "OPUS",
    "PCMA",
    "PCMU",
    "Codec",
    "Decoder",
    "Encoder",
    "by_number",
    "by_rtpmap",
    "named",
]
