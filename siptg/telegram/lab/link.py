"""One client's connection after the key exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
from telethon.tl import types as tl

from siptg.telegram.lab.accounts import LabAccount
from siptg.telegram.lab.mentions import mentioned
from siptg.telegram.lab.resends import Resends
from siptg.telegram.lab.session import Sent, Session
from siptg.telegram.lab.wire import Wire

if TYPE_CHECKING:
    from siptg.telegram.lab.server import Lab

MOST_TOGETHER = 100
"""Messages of one container of ours."""


DC = 2
"""Where accounts are at home."""


class Refused(Exception):
    """An RPC error for the client: code and Telegram's name of it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@attrs.define(eq=False)
class Link:
    """What is said within one turn of the loop goes in one packet."""

    lab: Lab
    wire: Wire
    session: Session
    seal: Callable[[Session, Sent], bytes]
    account: LabAccount | None = None
    layer: int = 0
    """Of invokeWithLayer, as this connection's client said it."""
    _out: list[Sent] = attrs.field(factory=list)
    _acks: dict[int, None] = attrs.field(factory=dict)
    _due: bool = False
    _resends: Resends = attrs.Factory(lambda self: Resends(self.lab.patience), takes_self=True)
    _timer: asyncio.TimerHandle | None = None

    @property
    def me(self) -> LabAccount:
        if self.account is None:
            word = self.lab.sign_ins.ended.get(self.session.key_id, "AUTH_KEY_UNREGISTERED")
            raise Refused(401, word)
        return self.account

    def send(self, message: Sent) -> None:
        """It goes, with whatever else is to go, when this turn of the loop is over."""
        self._out.append(message)
        self._soon()

    def say(self, value: Any, *, reply: bool = True, content: bool = False) -> None:
        """A service message; without `content` it goes once."""
        body = bytes(value)
        self.send(self.session.message(body, self.lab.now(), reply=reply, content=content))

    def acknowledge(self, msg_id: int) -> None:
        """Unless its answer goes in the same packet."""
        self._acks[msg_id] = None
        self._soon()

    def answered(self, msg_id: int) -> None:
        self._acks.pop(msg_id, None)

    @property
    def takes_calls(self) -> bool:
        """Whether this device rings."""
        device = self.lab.sign_ins.devices.get(self.session.key_id)
        return device is None or device.takes_calls

    def push(self, update: Any, people: tuple[LabAccount, ...]) -> None:
        if self.account is not None:
            self.account.updates.push(self, update, people)
            return
        # who is not signed in yet is told one thing: that a QR code was accepted
        body = bytes(tl.Updates([update], [], [], datetime.now(UTC), 0))
        self.send(self.session.message(body, self.lab.now(), reply=False))

    def attach(self, account: LabAccount) -> None:
        """This connection speaks for the account from now on, and so does its auth key."""
        self.detach()
        self.account = account
        if self.lab.dcs.is_home(self, account):  # news come over the home connection alone
            account.links.append(self)
        self.lab.keys[self.session.key_id].account = account

    def close(self) -> None:
        """The connection is over, or speaks for another session; its own waits for the next."""
        self.detach()
        if self._timer is not None:
            self._timer.cancel()
        if self.session.link is self:
            self.session.link = None

    def detach(self) -> None:
        if self.account is not None and self in self.account.links:
            self.account.links.remove(self)
        self.account = None

    def cut(self) -> None:
        """The session has ended: its client connects anew and is told."""
        self.detach()
        self.wire.writer.transport.abort()

    def find(self, peer: Any) -> LabAccount:
        """The account behind an input peer or user, which this account has met from now on.

        The access hash must be the one that this account was given, and not that of a "min" user:
        those are found by the message that they were seen in. Bots may leave it out, as at
        Telegram, for whom they have met.
        """
        if isinstance(peer, tl.InputPeerSelf | tl.InputUserSelf):
            return self.me
        found, me = self.lab.accounts.get(getattr(peer, "user_id", 0)), self.me
        user = isinstance(peer, tl.InputUser | tl.InputUserFromMessage)
        wrong = Refused(400, "USER_ID_INVALID" if user else "PEER_ID_INVALID")
        if isinstance(peer, tl.InputPeerUserFromMessage | tl.InputUserFromMessage):
            message = self.lab.chats.seen(me, peer.msg_id)
            if message is None or message.peer_id.user_id != self.find(peer.peer).id:
                raise Refused(400, "MSG_ID_INVALID")
            if found is None or found.id not in mentioned(message):
                raise wrong
        else:
            given = getattr(peer, "access_hash", None)
            by_id = me.is_bot and given == 0 and found is not None and found.id in me.met
            if found is None or given is None or (given != found.hash_for(me) and not by_id):
                raise wrong
        me.met.add(found.id)
        return found

    def _soon(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._due = False
        out, self._out = self._out, []
        now = self.lab.now()
        if self._acks:
            ids, self._acks = list(self._acks), {}
            ack = bytes(tl.MsgsAck(ids))
            out.append(self.session.message(ack, now, reply=True, content=False))
        for at in range(0, len(out), MOST_TOGETHER):
            whole = self.session.together(out[at : at + MOST_TOGETHER], now)
            self.lab.faults.deliver(self, self.seal(self.session, whole))
        self._wait_for_acks(out)

    def _wait_for_acks(self, sent: list[Sent]) -> None:
        if self.session.link is not self:
            return
        loop = asyncio.get_running_loop()
        for message in sent:
            if message.id in self.session.unacked:
                self._resends.went(message.id, loop.time())
        if self._timer is None and (at := self._resends.next) is not None:
            self._timer = loop.call_at(at, self._send_again)

    def _send_again(self) -> None:
        self._timer, unacked = None, self.session.unacked
        if self.session.link is not self:
            return
        for number in self._resends.due(unacked, asyncio.get_running_loop().time()):
            self.lab.counters["sent_again"] += 1
            self.send(unacked[number])
        self._soon()  # it sets the timer again
