"""Service messages: acks, pings, states, resends, salts, sessions
(core.telegram.org/mtproto/service_messages and …_about_messages).
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.link import Link

if TYPE_CHECKING:
    from siptg.telegram.lab.server import KeyEntry

NOT_CONTENT = (tl.MsgsAck, tl.MsgsStateInfo, tl.MsgsAllInfo)
"""Messages that nobody acknowledges: their numbers are even."""
CONTENT_OR_NOT = (
    tl.MsgsStateReq,
    tl.MsgResendReq,
    tl.MsgsStateInfo,
    tl.MsgsAllInfo,
    fn.PingRequest,
    fn.PingDelayDisconnectRequest,
)
"""Clients differ in how they number these, and Telegram takes both."""
MOST_ASKED, LONGEST_DELAY = 1000, 3600


class Service:
    """`take` each message; what is none of these is a query."""

    def __init__(self, link: Link, entry: KeyEntry) -> None:
        self._link, self._entry = link, entry
        self._leaving: asyncio.TimerHandle | None = None

    def close(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()

    def take(self, msg_id: int, value: Any) -> bool:
        link, session, now = self._link, self._link.session, self._link.lab.now()
        match value:
            case tl.MsgsAck():
                if not link.lab.faults.ack_lost(link.account):
                    session.acknowledged(value.msg_ids)
            case tl.MsgsStateInfo() | tl.MsgsAllInfo():
                pass  # what the client has: acknowledgements say as much
            case tl.MsgsStateReq():
                states = bytes(session.state_of(n, now) for n in value.msg_ids[:MOST_ASKED])
                link.say(tl.MsgsStateInfo(msg_id, states))
            case tl.MsgResendReq():
                self._resend(msg_id, value.msg_ids[:MOST_ASKED], now)
            case fn.PingRequest() | fn.PingDelayDisconnectRequest():
                if isinstance(value, fn.PingDelayDisconnectRequest):
                    self._leave_after(value.disconnect_delay)
                link.answered(msg_id)
                link.say(tl.Pong(msg_id, value.ping_id))
            case fn.GetFutureSaltsRequest():
                salts = [tl.FutureSalt(*s) for s in self._entry.salts.future(now, value.num)]
                link.answered(msg_id)
                link.say(tl.FutureSalts(msg_id, int(now), salts))
            case fn.RpcDropAnswerRequest():
                self._result(msg_id, self._dropped(value.req_msg_id))
            case fn.DestroySessionRequest():
                id = struct.pack("<q", value.session_id)
                mine = id == session.id
                gone = not mine and self._entry.forget(id)
                answer = tl.DestroySessionOk if gone else tl.DestroySessionNone
                link.answered(msg_id)
                link.say(answer(value.session_id))
            case _:
                return False
        return True

    def _leave_after(self, seconds: int) -> None:
        """ping_delay_disconnect: each puts the end off."""
        self.close()
        delay = min(max(seconds, 0), LONGEST_DELAY)
        loop = asyncio.get_running_loop()
        self._leaving = loop.call_later(delay, self._link.wire.writer.close)

    def _resend(self, msg_id: int, wanted: list[int], now: float) -> None:
        """Those that are still here go again; of the others the state is told."""
        session, missing = self._link.session, []
        for number in wanted:
            sent = session.unacked.get(number)
            if sent is None:
                missing.append(number)
            else:
                self._link.lab.counters["sent_again"] += 1
                self._link.send(sent)
        if missing:
            states = bytes(session.state_of(n, now) for n in missing)
            self._link.say(tl.MsgsStateInfo(msg_id, states))

    def _dropped(self, query: int) -> Any:
        session = self._link.session
        if query in session.tasks:
            session.tasks[query].cancel()
            return tl.RpcAnswerDroppedRunning()
        sent = session.unacked.pop(session.answers.pop(query, 0), None)
        if sent is None:
            return tl.RpcAnswerUnknown()
        return tl.RpcAnswerDropped(sent.id, sent.seq, len(sent.body))

    def _result(self, msg_id: int, value: Any) -> None:
        self._link.answered(msg_id)
        self._link.send(self._link.session.answer(msg_id, value, self._link.lab.now()))
