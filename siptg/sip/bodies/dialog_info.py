"""Which calls somebody has (RFC 4235): what lights a lamp."""

from __future__ import annotations

from xml.etree import ElementTree

import attrs

from siptg.sip.errors import ProtocolError

CONTENT_TYPE = "application/dialog-info+xml"
_NAMESPACE = "{urn:ietf:params:xml:ns:dialog-info}"
STATES = ("trying", "proceeding", "early", "confirmed", "terminated")
MOST_DIALOGS = 200


@attrs.frozen
class WatchedDialog:
    id: str
    state: str
    """One of STATES (§3.7.1)."""
    direction: str | None = None
    """`initiator` or `recipient`: whether they called or were called."""
    call_id: str | None = None
    local_tag: str | None = None
    remote_tag: str | None = None
    remote: str | None = None
    """Whom they talk to, as a URI."""
    remote_name: str | None = None
    event: str | None = None
    """Why it came to this: `cancelled`, `rejected`, `replaced`, …"""


@attrs.frozen
class DialogInfo:
    entity: str
    version: int
    full: bool
    """All dialogs; else only those that changed."""
    dialogs: tuple[WatchedDialog, ...]

    @classmethod
    def parse(cls, body: bytes) -> DialogInfo:
        """ProtocolError says what is wrong. Documents that define entities are refused unread."""
        if b"<!" in body:
            raise ProtocolError("a dialog-info document with declarations")
        try:
            root = ElementTree.fromstring(body)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise ProtocolError(f"no XML: {error}") from None
        if root.tag != f"{_NAMESPACE}dialog-info":
            raise ProtocolError("not a dialog-info document")
        version = root.get("version", "")
        if not version.isascii() or not version.isdigit() or len(version) > 10:
            raise ProtocolError(f"bad version {version[:20]!r}")
        elements = root.findall(f"{_NAMESPACE}dialog")[:MOST_DIALOGS]
        dialogs = tuple(_dialog(element) for element in elements)
        entity, full = root.get("entity", ""), root.get("state") == "full"
        return cls(entity, int(version), full, dialogs)


def _dialog(element: ElementTree.Element) -> WatchedDialog:
    state = element.find(f"{_NAMESPACE}state")
    text = (state.text or "").strip() if state is not None else ""
    if state is None or text not in STATES:
        raise ProtocolError(f"bad state {text[:20]!r}")
    identity = element.find(f"{_NAMESPACE}remote/{_NAMESPACE}identity")
    return WatchedDialog(
        id=element.get("id", ""),
        state=text,
        direction=element.get("direction"),
        call_id=element.get("call-id"),
        local_tag=element.get("local-tag"),
        remote_tag=element.get("remote-tag"),
        remote=(identity.text or "").strip() if identity is not None else None,
        remote_name=identity.get("display") if identity is not None else None,
        event=state.get("event"),
    )


@attrs.define
class Lamp:
    """The dialogs of one watched user, as notes change them (§4.3)."""

    version: int = -1
    dialogs: dict[str, WatchedDialog] = attrs.field(factory=dict)

    def take(self, info: DialogInfo) -> bool:
        """Apply a note; False where one before it is missing: ask for a full state."""
        if info.version <= self.version:
            return True  # an old one
        if not info.full and info.version != self.version + 1:
            return False
        self.version = info.version
        if info.full:
            self.dialogs = {}
        for dialog in info.dialogs:
            if dialog.state == "terminated":
                self.dialogs.pop(dialog.id, None)
            else:
                self.dialogs[dialog.id] = dialog
        return True

    @property
    def state(self) -> str:
        """`confirmed` while they talk, `early` while it rings, else `terminated`."""
        states = {dialog.state for dialog in self.dialogs.values()}
        if "confirmed" in states:
            return "confirmed"
        return "early" if states else "terminated"
