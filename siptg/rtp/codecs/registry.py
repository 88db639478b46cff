"""All codecs by name."""

from __future__ import annotations

from siptg.rtp.codecs.g711 import PCMA, PCMU
from siptg.rtp.codecs.opus import OPUS

CODECS = {codec.name.lower(): codec for codec in (PCMU, PCMA, OPUS)}
"""By the name SDP gives it, in lower case."""
