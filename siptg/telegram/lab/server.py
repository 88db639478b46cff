"""The lab: an MTProto server on loopback that the real Telethon takes for Telegram."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import struct
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from hashlib import sha256
from typing import Self

import attrs
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from telethon.crypto import AuthKey
from telethon.tl.tlobject import TLObject

from siptg.telegram.lab import (  # noqa: F401  (they register handlers)
    calls,
    chats,
    contacts,
    dcs,
    devices,
    files,
    forwards,
    inline,
    privacy,
    sign_in,
    updates,
)
from siptg.telegram.lab.accounts import LabAccount
from siptg.telegram.lab.calls import Calls
from siptg.telegram.lab.chats import Chats
from siptg.telegram.lab.conversation import Conversation
from siptg.telegram.lab.dcs import DataCentres
from siptg.telegram.lab.envelope import Envelope
from siptg.telegram.lab.faults import Faults
from siptg.telegram.lab.files import Files
from siptg.telegram.lab.handshake import Handshake
from siptg.telegram.lab.inline import Inline
from siptg.telegram.lab.limits import Limits
from siptg.telegram.lab.logins import SignIns
from siptg.telegram.lab.password import Password
from siptg.telegram.lab.reading import MALFORMED
from siptg.telegram.lab.records import LogEntry
from siptg.telegram.lab.resends import Patience
from siptg.telegram.lab.salts import PERIOD, Salts
from siptg.telegram.lab.session import Session
from siptg.telegram.lab.wire import Wire
from siptg.telegram.server import Server

log = logging.getLogger(__name__)

DC = 2
MOST_KEYS, MOST_LINKS, MOST_LOGGED = 10_000, 5_000, 10_000
TOO_MANY, CROWDED_WITHIN = struct.pack("<i", -429), 5.0
"""What a client hears that comes when there are too many; and how long it is waited for to ask."""
MOST_SESSIONS = 16
"""Of one auth key."""


class KeyEntry:
    """An auth key outlives its connections, and so do its sessions and who signed in with it."""

    def __init__(self, key: AuthKey) -> None:
        self.key = key
        self.account: LabAccount | None = None
        self.layer = 0
        """What invokeWithLayer and initConnection said last; 0 before they did."""
        self.envelope, self.salts = Envelope(key, os.urandom), Salts(sha256(key.key).digest())
        self.sessions: OrderedDict[bytes, Session] = OrderedDict()

    def session(self, id: bytes) -> Session:
        """The client's session of that number; the oldest that nobody uses makes room."""
        found = self.sessions.get(id)
        if found is None:
            key_id = self.envelope.key_id
            found = self.sessions[id] = Session(key_id, id)
            idle = [one for one in self.sessions.values() if one.link is None and one is not found]
            if len(self.sessions) > MOST_SESSIONS and idle:
                self.forget(idle[0].id)
        return found

    def forget(self, id: bytes) -> bool:
        session = self.sessions.pop(id, None)
        for task in list(session.tasks.values()) if session else ():
            task.cancel()
        return session is not None


class Lab:
    """`async with Lab() as lab`: add people, give clients `lab.server`. All state is in memory;
    `folder.py` keeps on disk who has an account and is signed in, but no messages and no calls.

    Simpler than Telegram: one data centre unless others are opened; private chats only; no
    temporary keys.
    """

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
        self.faults, self.limits = Faults(self), Limits()
        self.most_links = MOST_LINKS
        self.patience = Patience()
        """How long acknowledgements are waited for."""
        self.clock_ahead = 0.0
        """Seconds by which the lab's clock differs from this machine's."""
        self.salt_seconds = PERIOD
        """How long a salt of keys that are made from now on is the current one."""
        self._host = host
        self.ids = itertools.count(1001)
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
        sessions = [one for entry in self.keys.values() for one in entry.sessions.values()]
        tasks = [task for session in sessions for task in session.tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def address(self) -> tuple[str, int]:
        return self._address

    @property
    def server(self) -> Server:
        """What clients have to know."""
        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        return Server(DC, *self._address, public.decode())

    def add_user(self, name: str, phone: str, username: str | None = None) -> LabAccount:
        return self._add(LabAccount(next(self.ids), name, phone.lstrip("+"), username))

    def add_bot(self, name: str, username: str, token: str) -> LabAccount:
        return self._add(LabAccount(int(token.partition(":")[0]), name, "", username, token))

    def code_for(self, phone: str) -> str:
        """The code that would have been sent to the phone; empty where none was asked for."""
        return self.codes.get(phone.lstrip("+"), "")

    # faults on command

    def drop(self, account: LabAccount) -> None:
        """Cut the connections of an account, as a network does."""
        self.faults.cut(account)

    def withhold(self, account: LabAccount) -> None:
        """Tell its clients nothing until `release`."""
        account.updates.held = account.updates.held or []

    def release(self, account: LabAccount, *, order: random.Random | None = None) -> None:
        """Tell what was withheld, in its order, or in a random one."""
        account.updates.release(order=order)

    def lose(self, account: LabAccount, pushes: int = 1) -> None:
        """The next updates for its clients get lost on their way."""
        account.updates.losing += pushes

    def refuse(
        self, account: LabAccount | None, query: type, code: int, text: str, times: int = 1
    ) -> None:
        """Answer the next queries of that kind by an error; more of it in `faults`."""
        self.faults.refuse(account, query, code, text, times)

    def now(self) -> float:
        """Unix seconds, as the lab tells its clients."""
        return time.time() + self.clock_ahead

    def note(self, what: str) -> None:
        """Something malformed, for who looks into it."""
        log.debug("! lab: %s", what)

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
        if task is None:
            writer.close()
            return
        self._serving.add(task)
        crowded = len(self._wires) >= self.most_links
        self._wires.add(wire)
        conversation = Conversation(self, wire)
        try:
            if crowded:
                await asyncio.wait_for(wire.read(), CROWDED_WITHIN)
                wire.write(TOO_MANY)
                return
            while True:
                conversation.take(await wire.read())
        except TimeoutError:
            self.counters["crowded"] += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            self.counters["gone"] += 1
        except MALFORMED as error:
            # garbage of any kind ends its connection, and nobody else's
            self.counters["garbage"] += 1
            log.debug("! lab: %s: %s", type(error).__name__, error)
        finally:
            conversation.close()
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

    def keep_key(self, key: AuthKey) -> None:
        """A key that was agreed on; where there are too many, the oldest of nobody goes."""
        if len(self.keys) >= MOST_KEYS:
            unused = next((k for k, entry in self.keys.items() if entry.account is None), None)
            if unused is None:
                return
            del self.keys[unused]
        entry = KeyEntry(key)
        entry.salts = attrs.evolve(entry.salts, period=self.salt_seconds)
        self.keys[entry.envelope.key_id] = entry

    def new_handshake(self) -> Handshake:
        return Handshake(self._key, self.fingerprint)
