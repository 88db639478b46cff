"""Which of a peer's candidates we send to at all, and how many. Pure.

Whoever calls us says where we are to send STUN checks (RFC 8445 §19.5.1, §19.5.4: that may be a
flood of somebody else). Nothing but checks leaves before the other end has answered one with the
call's own password; so their number is bounded, and addresses that are no peer's are left out.
"""

from __future__ import annotations

import ipaddress

from aioice import Candidate

from siptg.telegram.media.reflected import read_name, stand_in

MOST_REMOTE = 64
"""Candidates of a peer, those included that its checks come from."""
MOST_PAIRS = 100
"""RFC 8445 §6.1.2.5. Each costs at most seven packets of some 120 bytes."""
LONGEST_LINE = 512
LOWEST_PORT = 1024
WEB_PORTS = (80, 443)
"""Low ports that relays of the open internet do use; libwebrtc keeps to the same rule."""


def read_candidate(line: str, *, loopback: bool) -> tuple[Candidate, str] | None:
    """A candidate and the address that checks go to; None for what we do not use: TCP, names,
    broken lines, other components, addresses that are nobody's. `loopback`: whether
    ours are there too.
    """
    if len(line) > LONGEST_LINE:
        return None
    try:
        candidate = Candidate.from_sdp(line.removeprefix("candidate:"))
    except (ValueError, IndexError):
        return None
    if candidate.transport.lower() != "udp" or candidate.component != 1:
        return None
    reflected = read_name(candidate.host)
    if reflected is not None:
        if candidate.type != "relay" or not 0 < candidate.port <= 0xFFFF:
            return None
        return candidate, stand_in(*reflected)
    if not is_usable(candidate.host, candidate.port, loopback=loopback):
        return None
    return candidate, str(_address(candidate.host))


def is_usable(host: str, port: int, *, loopback: bool) -> bool:
    """Whether a peer may be there."""
    try:
        address = _address(host)
    except ValueError:
        return False
    if address.is_loopback:
        return loopback and 0 < port <= 0xFFFF
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        return False
    if address.is_reserved:
        return False
    if port < LOWEST_PORT:
        return port in WEB_PORTS and address.is_global
    return port <= 0xFFFF


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """ValueError for a name; an IPv4 address in IPv6 clothes is what it is."""
    address = ipaddress.ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
