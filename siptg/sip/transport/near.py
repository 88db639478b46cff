"""Which of our addresses a peer sees, where we listen on all of them."""

from __future__ import annotations

import socket

WILDCARDS = ("0.0.0.0", "::", "")


def near_host(remote: str) -> str:
    """The address of ours from which a remote one is reached; loopback where there is none."""
    six = ":" in remote
    family = socket.AF_INET6 if six else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote, 9))  # sends nothing: it only asks the routing table
        except OSError:
            return "::1" if six else "127.0.0.1"
        return str(probe.getsockname()[0])
