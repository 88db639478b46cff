"""One client's connection after the key exchange."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
from telethon.tl import types as tl

from siptg.telegram.lab.accounts import LabAccount
from siptg.telegram.lab.session import Session
from siptg.telegram.lab.wire import Wire

if TYPE_CHECKING:
    from siptg.telegram.lab.server import Lab


DC = 2
"""Where accounts are at home."""


class Refused(Exception):
    """An RPC error for the client: code and Telegram's name of it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@attrs.define(eq=False)
class Link:
    lab: Lab
    wire: Wire
    session: Session
    account: LabAccount | None = None

    @property
    def me(self) -> LabAccount:
        if self.account is None:
            word = self.lab.sign_ins.ended.get(self.session.key_id, "AUTH_KEY_UNREGISTERED")
            raise Refused(401, word)
        return self.account

    @property
    def takes_calls(self) -> bool:
        """Whether this device rings."""
        device = self.lab.sign_ins.devices.get(self.session.key_id)
        return device is None or device.takes_calls

    def send(self, payload: bytes) -> None:
        self.wire.write(payload)

    def push(self, update: Any, people: tuple[LabAccount, ...]) -> None:
        users = [person.user(self.account) for person in people]
        body = bytes(tl.Updates([update], users, [], datetime.now(UTC), 0))
        self.send(self.session.seal(body, reply=False))

    def attach(self, account: LabAccount) -> None:
        """This connection speaks for the account from now on, and so does its auth key."""
        self.detach()
        self.account = account
        if (
            self.lab.dcs.of(self) == self.lab.sign_ins.dc
        ):  # news come over the home connection alone
            account.links.append(self)
        self.lab.keys[self.session.key_id].account = account

    def detach(self) -> None:
        if self.account is not None and self in self.account.links:
            self.account.links.remove(self)
        self.account = None

    def find(self, peer: Any) -> LabAccount:
        """The account behind an input peer or user; its access hash must be right."""
        if isinstance(peer, tl.InputPeerSelf | tl.InputUserSelf):
            return self.me
        found = self.lab.accounts.get(getattr(peer, "user_id", 0))
        if found is None or found.access_hash != getattr(peer, "access_hash", None):
            raise Refused(400, "PEER_ID_INVALID")
        return found
