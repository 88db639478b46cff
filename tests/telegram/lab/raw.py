"""A client that says what it is told to: Telethon's keys and TL, our own numbers."""

from __future__ import annotations

import asyncio
import itertools
import logging
import struct
import time
from typing import Any, Self

from telethon.extensions import BinaryReader
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import functions as fn
from telethon.tl import types as tl
from telethon.tl.core import MessageContainer, RpcResult
from telethon.tl.tlobject import TLObject

from siptg.telegram.account.telethon import new_client
from siptg.telegram.lab import Lab, LabAccount
from tests.support.lab import settings, signed_in

WITHIN = 5.0


class Loggers(dict[str, logging.Logger]):
    def __missing__(self, name: str) -> logging.Logger:
        return logging.getLogger(name)


class Raw:
    """`async with await Raw.signed_in(lab, account) as raw`; a session stays over `again`."""

    def __init__(self, lab: Lab, key: Any) -> None:
        self._lab, self._state = lab, MTProtoState(key, Loggers())
        self._state.salt = 0
        self._seq = itertools.count()
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._writers: list[asyncio.StreamWriter] = []
        self.got: list[tuple[int, Any]] = []
        """(message id, value), containers unpacked."""

    @classmethod
    async def signed_in(cls, lab: Lab, account: LabAccount) -> Raw:
        client = new_client(settings(lab, await signed_in(lab, account)))
        key = client.session.auth_key
        await client.disconnect()
        raw = cls(lab, key)
        await raw.connect()
        await raw.ask(fn.PingRequest(1))  # the salt is told
        await raw.until(tl.BadServerSalt)
        return raw

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *why: object) -> None:
        for writer in self._writers:
            writer.close()
            await writer.wait_closed()

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(*self._lab.address)
        self._writer.write(b"\xee" * 4)
        self._writers.append(self._writer)

    def leave(self) -> None:
        self._writer.close()

    @property
    def salt(self) -> int:
        return int(self._state.salt)

    def new_id(self) -> int:
        return int(self._state._get_new_msg_id())

    def next_seq(self) -> int:
        return next(self._seq) * 2 + 1

    def say(self, body: bytes, msg_id: int, seq: int) -> int:
        message = struct.pack("<qii", msg_id, seq, len(body)) + body
        data = self._state.encrypt_message_data(message)
        self._writer.write(struct.pack("<I", len(data)) + data)
        return msg_id

    async def ask(self, query: TLObject, msg_id: int = 0, seq: int = -1) -> int:
        """Send it; its message id."""
        self.say(bytes(query), msg_id or self.new_id(), self.next_seq() if seq < 0 else seq)
        await self._writer.drain()
        return msg_id or self._state._last_msg_id

    async def read(self) -> Any:
        """A packet: its values are put to `got`; an int for a transport error."""
        (size,) = struct.unpack("<I", await self._reader.readexactly(4))
        data = await self._reader.readexactly(size)
        if size == 4:
            return struct.unpack("<i", data)[0]
        # (this client checks no numbers: what comes twice shall be seen twice)
        self._state._recent_remote_ids.clear()
        message = self._state.decrypt_message_data(data)
        inner = message.obj.messages if isinstance(message.obj, MessageContainer) else [message]
        for one in inner:
            value = one.obj
            if isinstance(value, tl.BadServerSalt):
                self._state.salt = value.new_server_salt
            self.got.append((one.msg_id, value))
        return None

    async def until(self, kind: type, about: int = 0) -> Any:
        """The first such value, taken out of `got`; of an rpc_result the one to a query."""
        async with asyncio.timeout(WITHIN):
            while True:
                for n, (msg_id, value) in enumerate(self.got):
                    if isinstance(value, kind) and (
                        not about or about in (getattr(value, "req_msg_id", 0), msg_id)
                    ):
                        del self.got[n]
                        self.last_id = msg_id
                        return value
                await self.read()

    async def error(self, msg_id: int, query: TLObject | None = None) -> str:
        """The error that a query got, or empty."""
        result = await self.until(RpcResult, msg_id)
        return "" if result.error is None else str(result.error.error_message)

    def result(self, result: RpcResult) -> Any:
        return BinaryReader(result.body).tgread_object()


def now_id(seconds: float = 0.0) -> int:
    """A message id of a moment."""
    at = time.time() + seconds
    return int(at) << 32 | int(at % 1 * (1 << 30)) << 2
