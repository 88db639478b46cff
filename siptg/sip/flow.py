"""Where bytes come from and go to."""

from __future__ import annotations

from typing import NamedTuple

Address = tuple[str, int]
"""IP address and port."""


class Flow(NamedTuple):
    """A path between two transport addresses (RFC 5626 §2). Equal flows are the same path."""

    transport: str
    """`UDP`, as it stands in Via."""
    local: Address
    remote: Address

    @property
    def reliable(self) -> bool:
        return self.transport != "UDP"
