"""Where an audio section's packets go: address, port, and those of RTCP."""

from __future__ import annotations

import attrs

from siptg.rtp.sdp import Connection, MediaSection, SdpError, SessionDescription, number


@attrs.frozen
class Place:
    remote: tuple[str, int]
    rtcp: tuple[str, int]
    blank: bool
    """No address: nothing can be sent there."""

    @classmethod
    def of(cls, theirs: SessionDescription, section: MediaSection, family: int) -> Place:
        """Of several c= lines the first that a socket of our family can send to."""
        connections = theirs.connections_of(section)
        if not connections:
            raise SdpError("no connection address")
        for connection in connections:
            host = connection.host_in(family) if connection.usable else None
            if host is not None:
                return cls((host, section.port), _rtcp(section, host, family), connection.blank)
        raise SdpError(f"no address of IPv{family}")


def family_of(host: str) -> int:
    return Connection(host).family or 4


def _rtcp(section: MediaSection, host: str, family: int) -> tuple[str, int]:
    """a=rtcp (RFC 3605), else the next port."""
    words = (section.get("rtcp") or "").split()
    port = number(words[0], 65_535) if words else None
    if not port:
        return host, section.port + 1 if section.port < 65_535 else section.port
    if len(words) == 4:
        try:
            connection = Connection.parse(" ".join(words[1:]))
        except SdpError:
            return host, port
        if connection.usable:
            return connection.host_in(family) or host, port
    return host, port
