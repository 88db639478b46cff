"""A row of docs/rfc.md."""

from __future__ import annotations

import attrs


@attrs.frozen
class Row:
    what: str
    rfc: int
    section: str
    code: str
    """A file of the table's room (siptg/sip, siptg/rtp), or a path from the root."""
    more: tuple[str, ...] = ()
    """Test files, from `tests/`, that prove it as a whole."""
