"""phone.*: who calls whom, the key exchange passed through, signalling data relayed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import attrs
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.accounts import CALLS, LabAccount, random_id
from siptg.telegram.lab.chats import Chats, note_call
from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.handshake import GENERATOR, PRIME
from siptg.telegram.lab.link import Link, Refused
from siptg.telegram.media.servers import Reflector, RelayServer

VERSION = 1
"""Of the Diffie-Hellman configuration."""
RING_SECONDS = 90.0
MOST_CALLS, LARGEST_SIGNAL = 10_000, 128 * 1024


@attrs.define(eq=False)
class Call:
    id: int
    access_hash: int
    caller: LabAccount
    callee: LabAccount
    g_a_hash: bytes
    offered: Any
    random: int
    agreed: Any = None
    state: str = "requested"
    """requested, accepted, on, over."""
    caller_link: Link | None = None
    """The device that called."""
    callee_link: Link | None = None
    """The device that answered."""
    timer: asyncio.TimerHandle | None = None
    direct: bool = True
    """Both users' protocols allow it."""
    chats: Chats | None = None
    """Where the call leaves its line when it is over."""
    wants_rating: bool = False
    ratings: dict[int, tuple[int, str]] = attrs.field(factory=dict)
    """User → stars and comment."""

    @property
    def alive(self) -> bool:
        return self.state != "over"

    def head(self) -> tuple[Any, ...]:
        return self.id, self.access_hash, datetime.now(UTC), self.caller.id, self.callee.id

    def waiting(self, *, received: bool = False) -> tl.PhoneCallWaiting:
        at = datetime.now(UTC) if received else None
        return tl.PhoneCallWaiting(*self.head(), self.agreed or self.offered, receive_date=at)

    def tell(self, account: LabAccount, value: Any) -> None:
        account.notify(tl.UpdatePhoneCall(value), self.caller, self.callee)

    def tell_device(self, account: LabAccount, update: Any) -> None:
        """The device that is in the call; where that is gone, all that the account has."""
        link = self.caller_link if account is self.caller else self.callee_link
        if isinstance(update, tl.UpdatePhoneCall):
            account.updates.remember_call(update, (self.caller, self.callee))
        if link is not None and link in account.links:
            link.push(update, (self.caller, self.callee))
        else:
            account.notify(update, self.caller, self.callee)

    def result(self, link: Link, value: Any) -> tl.phone.PhoneCall:
        return tl.phone.PhoneCall(value, [a.user(link.me) for a in (self.caller, self.callee)])


@attrs.define(eq=False)
class Calls:
    """All calls of the lab. Unlike Telegram it keeps but the newest 10,000, in memory."""

    by_id: dict[int, Call] = attrs.field(factory=dict)
    ring_seconds: float = RING_SECONDS
    p2p_allowed: bool = True
    """With it both users' own protocols must allow it, too."""
    one_at_a_time: bool = False
    """Whether who talks already is occupied for a second call."""
    relays: tuple[RelayServer | Reflector, ...] = ()
    """Servers that each call is told of; reflectors get a new tag a call, as Telegram's do."""
    custom_parameters: str = ""
    """JSON of switches for each call."""
    wants_ratings: bool = False
    """Whether both ends of a call that was answered are asked how it was."""

    def of(self, account: LabAccount) -> Call | None:
        """The call that an account is in, if it was answered."""
        alive = (c for c in self.by_id.values() if c.state in ("accepted", "on"))
        return next((c for c in alive if account in (c.caller, c.callee)), None)


def _find(link: Link, peer: Any, *states: str) -> Call:
    call = link.lab.calls.by_id.get(peer.id)
    if (
        call is None
        or call.access_hash != peer.access_hash
        or link.me not in (call.caller, call.callee)
    ):
        raise Refused(400, "CALL_PEER_INVALID")
    if states and call.state not in states:
        raise Refused(400, "CALL_ALREADY_ACCEPTED" if call.alive else "CALL_ALREADY_DECLINED")
    return call


def _end(call: Call, reason: Any, duration: int | None, but: LabAccount | None = None) -> Any:
    """Over for everybody; `but` learns it as a result."""
    rating = call.wants_rating and call.state == "on"
    call.state = "over"
    if call.timer is not None:
        call.timer.cancel()
    over = tl.PhoneCallDiscarded(call.id, rating or None, reason=reason, duration=duration)
    for account in (call.caller, call.callee):
        if account is not but:
            call.tell(account, over)
    if call.chats is not None:
        note_call(call.chats, call.caller, call.callee, call.id, reason, duration or 0)
    return over


def _connections(relays: Iterable[RelayServer | Reflector]) -> list[Any]:
    """The same for both ends of a call."""
    made: list[Any] = []
    for number, relay in enumerate(relays, 1):
        four, six = ("", relay.host) if ":" in relay.host else (relay.host, "")
        if isinstance(relay, Reflector):
            tag = relay.tag or os.urandom(16)
            made.append(
                tl.PhoneConnection(relay.id, four, six, relay.port, tag, tcp=relay.tcp or None)
            )
        else:
            names = relay.username, relay.password
            made.append(
                tl.PhoneConnectionWebrtc(
                    *(number, four, six, relay.port, *names), turn=relay.turn, stun=relay.stun
                )
            )
    return made


@handles(fn.messages.GetDhConfigRequest)
def dh_config(link: Link, query: Any) -> Any:
    chance = os.urandom(min(max(query.random_length, 0), 1024))
    if query.version == VERSION:
        return tl.messages.DhConfigNotModified(chance)
    return tl.messages.DhConfig(GENERATOR, PRIME.to_bytes(256, "big"), VERSION, chance)


@handles(fn.phone.GetCallConfigRequest)
def call_config(link: Link, query: Any) -> tl.DataJSON:
    return tl.DataJSON('{"audio_max_bitrate": 20000}')


@handles(fn.phone.RequestCallRequest)
def request(link: Link, query: Any) -> tl.phone.PhoneCall:
    calls, caller, callee = link.lab.calls, link.me, link.find(query.user_id)
    if callee.is_bot or callee is caller:
        raise Refused(400, "USER_IS_BOT" if callee.is_bot else "USER_ID_INVALID")
    if not callee.allows(CALLS, caller):
        raise Refused(403, "USER_PRIVACY_RESTRICTED")
    if caller.id in callee.blocked:
        raise Refused(403, "USER_IS_BLOCKED")
    if any(c.caller is caller and c.random == query.random_id for c in calls.by_id.values()):
        raise Refused(500, "RANDOM_ID_DUPLICATE")
    call = Call(
        random_id(), random_id(), caller, callee, query.g_a_hash, query.protocol, query.random_id
    )
    callee.met.add(caller.id)
    call.caller_link = link
    call.chats, call.wants_rating = link.lab.chats, calls.wants_ratings
    calls.by_id[call.id] = call
    while len(calls.by_id) > MOST_CALLS:
        del calls.by_id[next(iter(calls.by_id))]
    loop, missed = asyncio.get_running_loop(), tl.PhoneCallDiscardReasonMissed()
    call.timer = loop.call_later(calls.ring_seconds, _end, call, missed, None)
    call.tell(callee, tl.PhoneCallRequested(*call.head(), query.g_a_hash, query.protocol))
    return call.result(link, call.waiting())


@handles(fn.phone.ReceivedCallRequest)
def received(link: Link, query: Any) -> bool:
    call = _find(link, query.peer, "requested")
    if link.me is call.callee:
        call.tell(call.caller, call.waiting(received=True))
    return True


@handles(fn.phone.AcceptCallRequest)
def accept(link: Link, query: Any) -> tl.phone.PhoneCall:
    call = _find(link, query.peer, "requested")
    if link.me is not call.callee:
        raise Refused(400, "CALL_PEER_INVALID")
    calls = link.lab.calls
    if calls.one_at_a_time and (calls.of(call.callee) or calls.of(call.caller)):
        raise Refused(500, "CALL_OCCUPY_FAILED")
    offered = call.offered.library_versions
    common = [v for v in query.protocol.library_versions if v in offered]
    if not common:
        raise Refused(406, "CALL_PROTOCOL_COMPAT_LAYER_INVALID")
    best = max(common, key=lambda v: [int(n) for n in v.split(".")])
    call.agreed = tl.PhoneCallProtocol(65, 92, [best], udp_p2p=True, udp_reflector=True)
    call.direct = bool(call.offered.udp_p2p and query.protocol.udp_p2p)
    call.state, call.callee_link = "accepted", link
    if call.timer is not None:
        call.timer.cancel()
    call.tell(call.caller, tl.PhoneCallAccepted(*call.head(), query.g_b, call.agreed))
    for other in call.callee.links:
        if other is not link:  # her other devices stop ringing
            over = tl.PhoneCallDiscarded(call.id)
            other.push(tl.UpdatePhoneCall(over), (call.caller, call.callee))
    return call.result(link, call.waiting(received=True))


@handles(fn.phone.ConfirmCallRequest)
def confirm(link: Link, query: Any) -> tl.phone.PhoneCall:
    call = _find(link, query.peer, "accepted")
    if link.me is not call.caller:
        raise Refused(400, "CALL_PEER_INVALID")
    if sha256(query.g_a).digest() != call.g_a_hash:
        raise Refused(400, "DH_G_A_INVALID")
    call.state = "on"
    custom = link.lab.calls.custom_parameters
    ready = tl.PhoneCall(
        *call.head(),
        query.g_a,
        query.key_fingerprint,
        call.agreed,
        _connections(link.lab.calls.relays),
        datetime.now(UTC),
        p2p_allowed=link.lab.calls.p2p_allowed and call.direct,
        custom_parameters=tl.DataJSON(custom) if custom else None,
    )
    call.tell_device(call.callee, tl.UpdatePhoneCall(ready))
    return call.result(link, ready)


@handles(fn.phone.SendSignalingDataRequest)
def signal(link: Link, query: Any) -> bool:
    call = _find(link, query.peer, "accepted", "on")
    if len(query.data) > LARGEST_SIGNAL:
        raise Refused(400, "DATA_TOO_LONG")
    other = call.callee if link.me is call.caller else call.caller
    call.tell_device(other, tl.UpdatePhoneCallSignalingData(call.id, query.data))
    return True


@handles(fn.phone.DiscardCallRequest)
def discard(link: Link, query: Any) -> tl.Updates:
    call = _find(link, query.peer)
    if not call.alive:
        raise Refused(400, "CALL_ALREADY_DECLINED")
    over = _end(call, query.reason, query.duration, but=link.me)
    users = [a.user(link.me) for a in (call.caller, call.callee)]
    return tl.Updates([tl.UpdatePhoneCall(over)], users, [], datetime.now(UTC), 0)


@handles(fn.phone.SetCallRatingRequest, fn.phone.SaveCallDebugRequest)
def rate(link: Link, query: Any) -> Any:
    call = _find(link, query.peer)
    if isinstance(query, fn.phone.SaveCallDebugRequest):
        return True
    call.ratings[link.me.id] = query.rating, query.comment
    return tl.Updates([], [], [], datetime.now(UTC), 0)
