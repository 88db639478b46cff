"""Codecs by name: one file each, registered here."""

from siptg.rtp.codecs.codec import Codec, Decoder, Encoder
from siptg.rtp.codecs.g711 import PCMA, PCMU
from siptg.rtp.codecs.opus import OPUS

CODECS = {codec.name.lower(): codec for codec in (PCMU, PCMA, OPUS)}
"""All that we speak, by the name SDP gives it, in lower case."""

__all__ = ["CODECS", "OPUS", "PCMA", "PCMU", "Codec", "Decoder", "Encoder"]
