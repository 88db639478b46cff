"""A Telegram user that is not ours: the real Telethon for requests, ntgcalls for sound.

    async with NtgUser(lab, "+15550002") as olga:
        call = await olga.called()           # rings; answered at once where `answers`
        await call.engine.hears(440)

The key agreement is written out here, so that ours is not judged by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
from collections.abc import Callable
from typing import Any, Protocol, Self

from telethon import TelegramClient, events
from telethon.crypto import rsa
from telethon.sessions import StringSession
from telethon.tl import functions as fn
from telethon.tl import types as tl

from tests.world.engine import Engine

VERSIONS = ("9.0.0", "8.0.0")


class Server(Protocol):
    """Where a lab listens and what its key is."""

    @property
    def dc_id(self) -> int: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def public_key(self) -> str: ...


class Lab(Protocol):
    """What we need of a lab: its address, and the code it would send."""

    @property
    def server(self) -> Server: ...
    def code_for(self, phone: str) -> str: ...


class NtgCall:
    """One call of that user: a secret, an engine, and how it ended."""

    def __init__(self, user: NtgUser, outgoing: bool) -> None:
        self.user, self.outgoing = user, outgoing
        self.engine = Engine(self._signal)
        self.rings: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.talks: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done with the name of the reason."""
        self.peer: Any = None
        self._secret, self._p, self._g, self._committed = 0, 0, b"", b""
        self._early: list[bytes] = []

    async def request(self, whom: Any) -> None:
        self._g = await self._draw()
        committed, number = hashlib.sha256(self._g).digest(), random.getrandbits(31)
        asked = fn.phone.RequestCallRequest(
            whom, g_a_hash=committed, protocol=self.user.protocol(), random_id=number
        )
        await self.take((await self.user.client(asked)).phone_call)

    async def answer(self) -> None:
        self._g = await self._draw()
        asked = fn.phone.AcceptCallRequest(self.peer, self._g, self.user.protocol())
        await self.take((await self.user.client(asked)).phone_call)

    async def hangup(self) -> None:
        await self._discard(tl.PhoneCallDiscardReasonHangup())

    async def decline(self) -> None:
        await self._discard(tl.PhoneCallDiscardReasonBusy())

    async def _discard(self, reason: Any) -> None:
        if not self.ended.done():
            self.end(reason)
            await self.user.client(fn.phone.DiscardCallRequest(self.peer, 0, reason, 0))

    def end(self, reason: Any) -> None:
        if not self.ended.done():
            name = type(reason).__name__ if reason else "none"
            self.ended.set_result(name.removeprefix("PhoneCallDiscardReason"))

    async def take(self, said: Any) -> None:
        """What the server says of the call, as a result or as an update."""
        if not isinstance(said, tl.PhoneCallDiscarded | tl.PhoneCallEmpty):
            self.peer = tl.InputPhoneCall(said.id, said.access_hash)
        match said:
            case tl.PhoneCallRequested():
                self._committed = said.g_a_hash
                await self.user.client(fn.phone.ReceivedCallRequest(self.peer))
            case tl.PhoneCallWaiting() if said.receive_date and not self.rings.done():
                self.rings.set_result(None)
            case tl.PhoneCallAccepted():
                key, print_ = self._agree(said.g_b)
                protocol = self.user.protocol()
                asked = fn.phone.ConfirmCallRequest(self.peer, self._g, print_, protocol)
                self._talk(key, (await self.user.client(asked)).phone_call)
            case tl.PhoneCall() if not self.outgoing and not self.talks.done():
                if hashlib.sha256(said.g_a_or_b).digest() != self._committed:
                    raise ValueError("the caller did not keep its word")
                key, print_ = self._agree(said.g_a_or_b)
                if print_ != said.key_fingerprint:
                    raise ValueError("the keys differ")
                self._talk(key, said)
            case tl.PhoneCallDiscarded():
                self.end(said.reason)

    def receive(self, packet: bytes) -> None:
        """Signalling of the other side; the engine gets it once it has the key."""
        if self.talks.done():
            self.engine.signal(packet)
        else:
            self._early.append(packet)

    async def _draw(self) -> bytes:
        """A new secret; the public value that goes with it."""
        config = await self.user.client(fn.messages.GetDhConfigRequest(0, 256))
        self._p = int.from_bytes(config.p, "big")
        self._secret = int.from_bytes(os.urandom(256), "big") % self._p
        return pow(int(config.g), self._secret, self._p).to_bytes(256, "big")

    def _agree(self, theirs: bytes) -> tuple[bytes, int]:
        shared = pow(int.from_bytes(theirs, "big"), self._secret, self._p)
        key = shared.to_bytes(256, "big")
        return key, int.from_bytes(hashlib.sha1(key).digest()[12:20], "little", signed=True)

    def _talk(self, key: bytes, said: Any) -> None:
        user = self.user
        self.engine.start(
            key,
            outgoing=self.outgoing,
            hz=user.hz,
            versions=user.versions,
            servers=[_server(one) for one in said.connections if user.takes(one)],
            p2p=bool(said.p2p_allowed),
        )
        self.talks.set_result(None)
        for packet in self._early:
            self.engine.signal(packet)

    def _signal(self, packet: bytes) -> None:
        asked = fn.phone.SendSignalingDataRequest(self.peer, packet)
        self.user.spawn(self.user.client(asked))


def _server(said: Any) -> dict[str, object]:
    """A connection as the engine wants it."""
    about = {"id": said.id, "ip": said.ip, "ipv6": said.ipv6, "port": said.port}
    if isinstance(said, tl.PhoneConnection):
        return about | {"tag": said.peer_tag.hex(), "tcp": bool(said.tcp)}
    names = {"username": said.username, "password": said.password}
    return about | names | {"turn": bool(said.turn), "stun": bool(said.stun)}


class NtgUser:
    """Signs in at the lab with the code that it would send; `client` is Telethon's, for chats."""

    def __init__(
        self,
        lab: Lab,
        phone: str,
        *,
        hz: float = 880,
        versions: tuple[str, ...] = VERSIONS,
        answers: bool = True,
    ) -> None:
        self.lab, self.phone = lab, phone
        self.hz, self.versions, self.answers = hz, versions, answers
        self.takes: Callable[[Any], bool] = lambda connection: True
        """Which of the servers that Telegram tells are used."""
        self.me: Any = None
        self.client: Any = None
        self._call: NtgCall | None = None
        self._incoming: asyncio.Queue[NtgCall] = asyncio.Queue()
        self._updates: asyncio.Queue[Any] = asyncio.Queue()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        server = self.lab.server
        rsa.add_key(server.public_key, old=False)
        session = StringSession()
        session.set_dc(server.dc_id, server.host, server.port)
        self.client = TelegramClient(session, 1, "hash", request_retries=0, flood_sleep_threshold=0)
        await self.client.connect()
        sent = await self.client.send_code_request(self.phone)
        code = self.lab.code_for(self.phone)
        self.me = await self.client.sign_in(self.phone, code, phone_code_hash=sent.phone_code_hash)
        kinds = [tl.UpdatePhoneCall, tl.UpdatePhoneCallSignalingData]
        self.client.add_event_handler(self._updates.put, events.Raw(kinds))
        self.spawn(self._obey())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._call is not None and self._call.peer is not None:
            with contextlib.suppress(Exception):  # it may be over at the server already
                await self._call.hangup()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()
        await self.client.disconnect()

    def protocol(self) -> Any:
        return tl.PhoneCallProtocol(65, 92, list(self.versions), udp_p2p=True, udp_reflector=True)

    def spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def call(self, username: str) -> NtgCall:
        """Call somebody by username; the caller waits for `rings`, `talks`, `ended`."""
        call = await self._new(outgoing=True)
        await call.request(await self.client.get_input_entity(username))
        return call

    async def called(self, seconds: float = 10.0) -> NtgCall:
        """The next incoming call."""
        return await asyncio.wait_for(self._incoming.get(), seconds)

    async def _new(self, outgoing: bool) -> NtgCall:
        self._call = NtgCall(self, outgoing)
        await self._stack.enter_async_context(self._call.engine)
        return self._call

    async def _obey(self) -> None:
        """Updates, one after another."""
        while True:
            update = await self._updates.get()
            if isinstance(update, tl.UpdatePhoneCallSignalingData):
                if self._call is not None:
                    self._call.receive(update.data)
            elif isinstance(update.phone_call, tl.PhoneCallRequested):
                call = await self._new(outgoing=False)
                await call.take(update.phone_call)
                self._incoming.put_nowait(call)
                if self.answers:
                    await call.answer()
            elif self._call is not None:
                await self._call.take(update.phone_call)
