"""Session descriptions (RFC 8866) and what their attributes say."""

from siptg.rtp.sdp.description import (
    Attribute,
    Connection,
    MediaSection,
    SdpError,
    SessionDescription,
    number,
)

__all__ = [
    "Attribute",
    "Connection",
    "MediaSection",
    "SdpError",
    "SessionDescription",
    "number",
]
