"""What a stream counts."""

from __future__ import annotations

import attrs


@attrs.define
class StreamStats:
    packets_sent: int = 0
    bytes_sent: int = 0
    packets_received: int = 0
    bytes_received: int = 0
    garbage: int = 0
    """Datagrams that are no RTP of this call."""
    elsewhere: int = 0
    """RTP from an address that is not the one we are latched on."""
    lost: int = 0
    late: int = 0
    concealed: int = 0
