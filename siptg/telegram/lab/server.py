"""The lab: an MTProto server on loopback that the real Telethon takes for Telegram."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import struct
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Self

import attrs
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from telethon.crypto import AuthKey
from telethon.tl import functions as fn
from telethon.tl import types as tl
from telethon.tl.core import TLMessage
from telethon.tl.tlobject import TLObject

from siptg.telegram.lab import (  # noqa: F401  (they register handlers)
    calls,
    chats,
    dcs,
    devices,
    files,
    inline,
    sign_in,
)
from siptg.telegram.lab.accounts import LabAccount
from siptg.telegram.lab.calls import Calls
from siptg.telegram.lab.chats import Chats
from siptg.telegram.lab.dcs import DataCentres
from siptg.telegram.lab.files import Files
from siptg.telegram.lab.handlers import HANDLERS
from siptg.telegram.lab.handshake import Handshake
from siptg.telegram.lab.inline import Inline
from siptg.telegram.lab.link import Link, Refused
from siptg.telegram.lab.logins import SignIns
from siptg.telegram.lab.password import Password
from siptg.telegram.lab.session import Session
from siptg.telegram.lab.wire import Wire
from siptg.telegram.server import Server

log = logging.getLogger(__name__)

DC = 2
MOST_KEYS, MOST_LINKS, MOST_LOGGED = 10_000, 1_000, 10_000
SHELLS = (
    fn.InvokeWithLayerRequest,
    fn.InitConnectionRequest,
    fn.InvokeWithoutUpdatesRequest,
    fn.InvokeAfterMsgRequest,
)
"""Queries around a query."""


@attrs.define(eq=False)
class KeyEntry:
    """An auth key outlives its connections, and so does who signed in with it."""

    key: AuthKey
    salt: bytes
    account: LabAccount | None = None


@attrs.frozen
class LogEntry:
    """A request that the lab was asked."""

    time: float
    account: str
    request: str


class Lab:
    """`async with Lab() as lab`: add people, give clients `lab.server`. All state is in memory."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, key: RSAPrivateKey | None = None
    ) -> None:
        """`key` proves the lab to its clients; without one it makes its own."""
        self.accounts: dict[int, LabAccount] = {}
        self.keys: dict[bytes, KeyEntry] = {}
        self.codes: dict[str, str] = {}
        self.code_sent: Callable[[str, str], None] = lambda phone, code: None
        """Told each code that a phone would receive."""
        self.counters: Counter[str] = Counter()
        self.log: deque[LogEntry] = deque(maxlen=MOST_LOGGED)
        self.chats, self.inline, self.calls = Chats(), Inline(), Calls()
        self.files, self.dcs, self.sign_ins = Files(), DataCentres(), SignIns()
        self.refusals: dict[tuple[int, type], deque[Refused]] = {}
        self._host = host
        self._ids = itertools.count(1001)
        self._key = key or generate_private_key(65537, 2048)
        self._server: asyncio.Server | None = None
        self._address: tuple[str, int] = (host, port)
        self._wires: set[Wire] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *why: object) -> None:
        await self.down()

    async def up(self) -> None:
        """Listen; after `down` at the same port again."""
        self._server = await asyncio.start_server(self._serve, *self._address)
        self._address = self._server.sockets[0].getsockname()[:2]

    async def down(self) -> None:
        """Drop everybody and stop listening; accounts, keys and calls are kept."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for wire in list(self._wires):
            wire.writer.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=2)

    @property
    def address(self) -> tuple[str, int]:
        return self._address

    @property
    def server(self) -> Server:
        """What clients have to know."""
        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        return Server(DC, *self._address, public.decode())

    def add_user(self, name: str, phone: str, username: str | None = None) -> LabAccount:
        return self._add(LabAccount(next(self._ids), name, phone.lstrip("+"), username))

    def add_bot(self, name: str, username: str, token: str) -> LabAccount:
        return self._add(LabAccount(int(token.partition(":")[0]), name, "", username, token))

    def code_for(self, phone: str) -> str:
        """The code that would have been sent to the phone; empty where none was asked for."""
        return self.codes.get(phone.lstrip("+"), "")

    # faults on command

    def drop(self, account: LabAccount) -> None:
        """Cut the connections of an account, as a network does."""
        for link in list(account.links):
            link.wire.writer.transport.abort()

    def refuse(
        self, account: LabAccount, query: type, code: int, text: str, times: int = 1
    ) -> None:
        """Answer the next queries of that kind by an error."""
        waiting = self.refusals.setdefault((account.id, query), deque())
        waiting.extend(Refused(code, text) for _ in range(times))

    def set_password(self, account: LabAccount, text: str, hint: str = "") -> None:
        """Two-step password from now on; an empty text takes it away."""
        self.sign_ins.passwords.pop(account.id, None)
        if text:
            self.sign_ins.passwords[account.id] = Password.of(text, hint)

    def revoke(self, account: LabAccount, word: str = "SESSION_REVOKED") -> None:
        """End all its sessions, as their owner can on another device."""
        devices.sign_out(self, account, word)

    def ban(self, account: LabAccount) -> None:
        """As Telegram does with spammers: its sessions end, its number is refused."""
        self.sign_ins.banned.add(account.id)
        devices.sign_out(self, account, "USER_DEACTIVATED_BAN")

    def delete(self, account: LabAccount) -> None:
        """The account is no more: nobody finds it, its sessions end."""
        self.accounts.pop(account.id, None)
        devices.sign_out(self, account, "USER_DEACTIVATED")

    # connections

    def _add(self, account: LabAccount) -> LabAccount:
        self.accounts[account.id] = account
        return account

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task, wire = asyncio.current_task(), Wire(reader, writer)
        if task is None or len(self._wires) >= MOST_LINKS:
            writer.close()
            return
        self._serving.add(task)
        self._wires.add(wire)
        conversation = _Conversation(self, wire)
        try:
            while True:
                await conversation.take(await wire.read())
        except (asyncio.IncompleteReadError, ConnectionError):
            self.counters["gone"] += 1
        except (
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            struct.error,
            EOFError,
            AttributeError,
        ) as error:
            # garbage of any kind ends its connection, and nobody else's
            self.counters["garbage"] += 1
            log.debug("! lab: %s: %s", type(error).__name__, error)
        finally:
            await conversation.close()
            self._wires.discard(wire)
            self._serving.discard(task)
            writer.close()

    @property
    def fingerprint(self) -> int:
        """Of the RSA key: the lower 64 bits of SHA-1 over its numbers as TL bytes."""
        from hashlib import sha1

        numbers = self._key.public_key().public_numbers()
        parts = (numbers.n.to_bytes(256, "big"), numbers.e.to_bytes(3, "big"))
        digest = sha1(b"".join(TLObject.serialize_bytes(p) for p in parts)).digest()
        return int.from_bytes(digest[-8:], "little", signed=True)

    def new_handshake(self) -> Handshake:
        return Handshake(self._key, self.fingerprint)


class _Conversation:
    """What is said on one connection."""

    def __init__(self, lab: Lab, wire: Wire) -> None:
        self._lab, self._wire = lab, wire
        self._handshake = lab.new_handshake()
        self._link: Link | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, payload: bytes) -> None:
        if payload[:8] == bytes(8):
            self._shake_hands(payload)
            return
        if self._link is None or payload[:8] != self._link.session.key_id:
            entry = self._lab.keys.get(payload[:8])
            if entry is None:
                self._wire.write(struct.pack("<i", -404))  # Telegram's "no such key"
                return
            self._link = Link(self._lab, self._wire, Session(entry.key, entry.salt))
            if entry.account is not None:
                self._link.attach(entry.account)
        link = self._link
        messages, at_once = link.session.open(payload)
        for ready in at_once:
            link.send(ready)
        acks = [m.id for m in messages if m.content]
        if acks:
            link.send(link.session.ack(acks))
        for message in messages:
            if message.id in link.session.answers:
                self._lab.counters["repeated"] += 1
                link.send(link.session.seal(link.session.answers[message.id], reply=True))
                continue
            # a query that waits (for a bot's answer) must not stop those behind it
            task = asyncio.create_task(self._answer(link, message.id, message.value))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._link is not None:
            self._link.detach()

    def _shake_hands(self, payload: bytes) -> None:
        reply = self._handshake.answer(payload[20:])
        now = time.time()
        msg_id = int(now) << 32 | int(now % 1 * (1 << 32)) & ~3 | 1
        self._wire.write(bytes(8) + struct.pack("<qi", msg_id, len(reply)) + reply)
        key = self._handshake.auth_key
        if key is not None and len(self._lab.keys) < MOST_KEYS:
            entry = KeyEntry(key, os.urandom(8))
            self._lab.keys[struct.pack("<Q", key.key_id)] = entry

    async def _answer(self, link: Link, msg_id: int, query: Any) -> None:
        while isinstance(query, SHELLS):
            query = query.query
        match query:
            case tl.MsgsAck() | tl.MsgsStateReq() | tl.MsgResendReq() | TLMessage():
                return
            case fn.PingRequest() | fn.PingDelayDisconnectRequest():
                link.send(link.session.plain(tl.Pong(msg_id, query.ping_id)))
                return
        lab, name = self._lab, type(query).__name__
        lab.log.append(
            LogEntry(time.monotonic(), link.account.first_name if link.account else "?", name)
        )
        try:
            waiting = lab.refusals.get((link.account.id if link.account else 0, type(query)))
            if waiting:
                raise waiting.popleft()
            handler = HANDLERS.get(type(query))
            if handler is None:
                lab.counters["unknown"] += 1
                raise Refused(400, f"LAB_DOES_NOT_KNOW_{name.upper()}")
            value = handler(link, query)
            if asyncio.iscoroutine(value):
                value = await value
            link.send(link.session.result(msg_id, value))
        except Refused as error:
            link.send(link.session.error(msg_id, error.code, error.text))
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            lab.counters["malformed"] += 1
            log.debug("! lab: %s: %s", name, error)
            link.send(link.session.error(msg_id, 400, "INPUT_REQUEST_INVALID"))
