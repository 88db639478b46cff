"""An account at a registrar."""

from __future__ import annotations

from functools import cached_property

import attrs

from siptg.sip.auth import Credentials
from siptg.sip.quirks import quirks
from siptg.sip.uri import NameAddr, Uri


@attrs.frozen
class SipAccount:
    """Who we are, and where our requests go."""

    uri: Uri
    """Address of record."""
    password: str = attrs.field(default="", repr=False)
    username: str | None = None
    """For authentication, where it is not the user of the address."""
    proxy: Uri | None = None
    """Next hop of everything; left out, the host of the address of record."""
    display_name: str | None = None
    expires: int = 300
    """Seconds that a registration shall hold."""
    session_expires: int = 1800
    """Seconds of the session timer that our calls ask for (RFC 4028); 0 for none."""
    keep_alive: float = 25.0
    """Seconds between keep-alives of a registration over UDP; 0 for none (RFC 5626 §4.4.1)."""
    anonymous: bool = False
    """Withhold our number from whoever is called; our proxy knows it (RFC 3323, RFC 3325)."""
    asserted: NameAddr | None = None
    """P-Asserted-Identity, for peers that trust us to say who calls."""
    instance: str | None = None
    """`urn:uuid:…`: asks the registrar for a GRUU, and lets it know a device again (RFC 5626 §4.1,
    RFC 5627).
    """
    quirks: frozenset[str] = attrs.field(default=frozenset(), converter=quirks)
    """Departures from the usual, by the names of `quirks.QUIRKS`."""

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.username or self.uri.user or "", self.password)

    @cached_property
    def name_addr(self) -> NameAddr:
        return NameAddr(self.address, self.display_name)

    @cached_property
    def address(self) -> Uri:
        """The address of record as others write it: the transport is our own business."""
        return attrs.evolve(self.uri, params=self.uri.params.without("transport"))

    @property
    def next_hop(self) -> Uri:
        return self.proxy or self.uri
