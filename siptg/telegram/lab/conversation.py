"""What is said on one connection: keys, sessions, service messages, queries."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from typing import TYPE_CHECKING, Any

from telethon.errors import TypeNotFoundError
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.handlers import HANDLERS
from siptg.telegram.lab.link import Link, Refused
from siptg.telegram.lab.reading import MALFORMED, read
from siptg.telegram.lab.records import LogEntry
from siptg.telegram.lab.service import CONTENT_OR_NOT, NOT_CONTENT, Service
from siptg.telegram.lab.session import (
    BAD_CONTAINER,
    BAD_SALT,
    CONTAINER_AGAIN,
    Sent,
    Session,
    inner,
)
from siptg.telegram.lab.wire import Wire

if TYPE_CHECKING:
    from siptg.telegram.lab.server import KeyEntry, Lab

NO_SUCH_KEY = struct.pack("<i", -404)
MOST_AT_ONCE = 1000
"""Queries of one session that wait for their answers."""
WAITED_FOR = 30.0
"""Seconds that invokeAfterMsg waits."""


class Conversation:
    """`take` each payload of a client. One of `MALFORMED` when the connection is of no use."""

    def __init__(self, lab: Lab, wire: Wire) -> None:
        self._lab, self._wire = lab, wire
        self._handshake = lab.new_handshake()
        self._link: Link | None = None
        self._service: Service | None = None

    def take(self, payload: bytes) -> None:
        if payload[:8] == bytes(8):
            self._shake_hands(payload)
            return
        entry = self._lab.keys.get(payload[:8])
        if entry is None:
            self._wire.write(NO_SUCH_KEY)
            return
        error = self._lab.faults.transport_reply(entry.account)
        if error is not None:
            self._wire.write(error)
            return
        opened = entry.envelope.open(payload)
        link = self._linked(entry, opened.session)
        session, now = link.session, self._lab.now()
        wrong = session.wrong_id(opened.id, now)
        if wrong:
            link.say(tl.BadMsgNotification(opened.id, opened.seq, wrong))
            return
        if not entry.salts.good(opened.salt, now):
            salt = struct.unpack("<q", entry.salts.current(now))[0]
            link.say(tl.BadServerSalt(opened.id, opened.seq, BAD_SALT, salt))
            return
        if not session.announced:
            session.announced = True
            unique, salt = os.urandom(8), entry.salts.current(now)
            numbers = struct.unpack("<qq", unique + salt)
            link.say(tl.NewSessionCreated(opened.id, *numbers), content=True)
        self._unpack(link, opened.id, opened.seq, opened.body)

    def close(self) -> None:
        """Queries go on: their answers wait for the session's next connection."""
        if self._service is not None:
            self._service.close()
        if self._link is not None:
            self._link.close()

    def _linked(self, entry: KeyEntry, id: bytes) -> Link:
        link = self._link
        if link is not None and link.session.id == id and id in entry.sessions:
            return link
        session = entry.session(id)
        if link is not None:  # another session on the same connection
            link.close()

        def seal(session: Session, sent: Sent) -> bytes:
            salt = entry.salts.current(self._lab.now())
            return entry.envelope.seal(salt, session.id, sent.id, sent.seq, sent.body)

        link = self._link = session.link = Link(self._lab, self._wire, session, seal)
        if self._service is not None:
            self._service.close()
        self._service = Service(link, entry)
        if entry.account is not None:
            link.attach(entry.account)
        for sent in list(session.unacked.values()):  # what the last connection lost
            self._lab.counters["sent_again"] += 1
            link.send(sent)
        return link

    def _shake_hands(self, payload: bytes) -> None:
        reply = self._handshake.answer(payload[20:])
        now = self._lab.now()
        msg_id = int(now) << 32 | int(now % 1 * (1 << 32)) & ~3 | 1
        self._wire.write(bytes(8) + struct.pack("<qi", msg_id, len(reply)) + reply)
        if self._handshake.auth_key is not None:
            self._lab.keep_key(self._handshake.auth_key)
            self._handshake = self._lab.new_handshake()

    # messages

    def _unpack(self, link: Link, msg_id: int, seq: int, body: bytes) -> None:
        try:
            parts = inner(body)
        except (ValueError, struct.error):
            link.say(tl.BadMsgNotification(msg_id, seq, BAD_CONTAINER))
            return
        if parts is None:
            self._message(link, msg_id, seq, body)
            return
        session = link.session
        wrong = (
            CONTAINER_AGAIN
            if session.seen(msg_id)
            else BAD_CONTAINER
            if any(part[0] >= msg_id for part in parts)
            else session.wrong_order(msg_id, seq, False)
        )
        if wrong:
            link.say(tl.BadMsgNotification(msg_id, seq, wrong))
            return
        for part in parts:
            self._message(link, *part)
        session.accept(msg_id, seq)

    def _message(self, link: Link, msg_id: int, seq: int, body: bytes) -> None:
        session = link.session
        if session.seen(msg_id):
            self._again(link, msg_id)
            return
        wrong = session.wrong_id(msg_id, self._lab.now())
        value: Any = None
        if not wrong:
            try:
                value = read(body)
            except TypeNotFoundError as error:
                value = Refused(400, f"INPUT_METHOD_INVALID_{error.invalid_constructor_id}")
            except MALFORMED:
                value = Refused(400, "INPUT_FETCH_ERROR")
            kind = not isinstance(value, NOT_CONTENT)
            content = None if isinstance(value, CONTENT_OR_NOT) else kind
            wrong = session.wrong_order(msg_id, seq, content)
        if wrong:
            link.say(tl.BadMsgNotification(msg_id, seq, wrong))
            return
        session.accept(msg_id, seq)
        if seq & 1:
            link.acknowledge(msg_id)
        if self._service is not None and self._service.take(msg_id, value):
            return
        if len(session.tasks) >= MOST_AT_ONCE:
            value = Refused(420, "FLOOD_WAIT_1")
        self._query(link, msg_id, value)

    def _again(self, link: Link, msg_id: int) -> None:
        """A query that comes again is answered again, not done again."""
        session = link.session
        self._lab.counters["repeated"] += 1
        link.acknowledge(msg_id)
        sent = session.unacked.get(session.answers.get(msg_id, 0))
        if sent is not None:
            link.send(sent)

    # queries

    def _query(self, link: Link, msg_id: int, query: Any) -> None:
        """Most are answered at once; one that waits (for a bot) must not stop those behind it."""
        try:
            query, after = self._shelled(link, query)
            if not after:
                value = self._handled(link, query)
                if not asyncio.iscoroutine(value):
                    self._answer(link.session, msg_id, value)
                    return
            else:
                value = self._after(link, query, after)
        except Refused as error:
            self._refuse(link.session, msg_id, error)
            return
        except MALFORMED as error:
            self._malformed(link.session, msg_id, error)
            return
        tasks = link.session.tasks
        tasks[msg_id] = asyncio.create_task(self._wait(link.session, msg_id, value))
        tasks[msg_id].add_done_callback(lambda _: tasks.pop(msg_id, None))

    async def _wait(self, session: Session, msg_id: int, value: Any) -> None:
        try:
            self._answer(session, msg_id, await value)
        except Refused as error:
            self._refuse(session, msg_id, error)
        except MALFORMED as error:
            self._malformed(session, msg_id, error)

    async def _after(self, link: Link, query: Any, others: list[int]) -> Any:
        """invokeAfterMsg: only when those are done, and only if they went well."""
        session = link.session
        tasks = [session.tasks[other] for other in others if other in session.tasks]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=WAITED_FOR)
            if late:
                raise Refused(400, "MSG_WAIT_TIMEOUT")
        if any(other in session.failed or not session.seen(other) for other in others):
            raise Refused(400, "MSG_WAIT_FAILED")
        value = self._handled(link, query)
        return await value if asyncio.iscoroutine(value) else value

    def _shelled(self, link: Link, query: Any) -> tuple[Any, list[int]]:
        """A query out of what stands around it, and what it has to wait for."""
        after: list[int] = []
        entry = self._lab.keys[link.session.key_id]
        layer = 0
        while True:
            match query:
                case Refused():
                    raise query
                case fn.InvokeWithLayerRequest():
                    layer = query.layer
                    if layer < 1:
                        raise Refused(400, "CONNECTION_LAYER_INVALID")
                case fn.InitConnectionRequest():
                    if query.api_id <= 0:
                        raise Refused(400, "API_ID_INVALID")
                    entry.layer = layer or entry.layer
                    if not entry.layer:
                        raise Refused(400, "CONNECTION_LAYER_INVALID")
                case fn.InvokeWithoutUpdatesRequest():
                    pass
                case fn.InvokeAfterMsgRequest():
                    after.append(query.msg_id)
                case fn.InvokeAfterMsgsRequest():
                    after += query.msg_ids[:MOST_AT_ONCE]
                case _:
                    break
            query = query.query
        if not entry.layer:
            raise Refused(400, "CONNECTION_NOT_INITED")
        return query, after

    def _handled(self, link: Link, query: Any) -> Any:
        """What the handler gives, which may be a coroutine; Refused otherwise."""
        lab, kind, account = self._lab, type(query), link.account
        who = account.first_name if account else "?"
        lab.log.append(LogEntry(time.monotonic(), who, kind.__name__))
        refused = lab.faults.refused(account, kind) or lab.dcs.refused(link, kind)
        if refused is not None:
            raise refused
        wait = lab.limits.wait(account.id, kind, time.monotonic()) if account else 0
        if wait:
            raise Refused(420, f"FLOOD_WAIT_{wait}")
        handler = HANDLERS.get(kind)
        if handler is None:
            lab.counters["unknown"] += 1
            raise Refused(400, f"LAB_DOES_NOT_KNOW_{kind.__name__.upper()}")
        return handler(link, query)

    def _answer(self, session: Session, msg_id: int, value: Any) -> None:
        sent = session.answer(msg_id, value, self._lab.now())
        if session.link is not None:
            session.link.answered(msg_id)
            session.link.send(sent)

    def _refuse(self, session: Session, msg_id: int, error: Refused) -> None:
        session.failed.append(msg_id)
        self._answer(session, msg_id, tl.RpcError(error.code, error.text))

    def _malformed(self, session: Session, msg_id: int, error: Exception) -> None:
        self._lab.counters["malformed"] += 1
        self._lab.note(f"{type(error).__name__}: {error}")
        self._refuse(session, msg_id, Refused(400, "INPUT_REQUEST_INVALID"))
