"""Calls in Telegram's own types: requests made, updates read (design: §1.1 of the wire
protocol).
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.call.events import (
    Accepted,
    CallUpdate,
    Discarded,
    Ready,
    Requested,
    Signal,
    Waiting,
)
from siptg.telegram.media.servers import Reflector, RelayServer
from siptg.telegram.people import Person, TelegramCause, TelegramRefused

UPDATES = (tl.UpdatePhoneCall, tl.UpdatePhoneCallSignalingData)
LAYERS = 65, 92
_ONCE_MORE = "PARTICIPANT_CALL_FAILED"
"""A refusal that another random id may mend (design: §1.3)."""
TAKEN_ALREADY = "RANDOM_ID_DUPLICATE"
"""The server has the call: Telethon asks again, as if anew, when the connection broke before the
answer came."""
REFLECTOR_PORT = 599
"""Of a reflector that names none."""

_REASONS = {
    "missed": tl.PhoneCallDiscardReasonMissed,
    "busy": tl.PhoneCallDiscardReasonBusy,
    "hangup": tl.PhoneCallDiscardReasonHangup,
    "disconnect": tl.PhoneCallDiscardReasonDisconnect,
}


def read(update: Any) -> CallUpdate | None:
    """An update, or the call in one, as our own value; None for what says nothing to us."""
    if isinstance(update, tl.UpdatePhoneCallSignalingData):
        return Signal(update.phone_call_id, bytes(update.data))
    call = (
        update.phone_call if isinstance(update, tl.UpdatePhoneCall | tl.phone.PhoneCall) else update
    )
    match call:
        case tl.PhoneCallRequested():
            versions = tuple(call.protocol.library_versions)
            return Requested(
                call.id, call.access_hash, call.admin_id, bytes(call.g_a_hash), versions, call.date
            )
        case tl.PhoneCallWaiting():
            received = call.receive_date is not None
            return Waiting(call.id, call.access_hash, received, _callee(call))
        case tl.PhoneCallAccepted():
            return Accepted(call.id, call.access_hash, bytes(call.g_b), _callee(call))
        case tl.PhoneCall():
            return _ready(call)
        case tl.PhoneCallDiscarded():
            return Discarded(call.id, _reason(call.reason), bool(call.need_rating))
        case tl.PhoneCallEmpty():
            return Discarded(call.id, "")
    return None


def _callee(call: Any) -> int:
    return 0 if call.video else int(call.participant_id)


def _ready(call: Any) -> Ready:
    servers = tuple(
        RelayServer(host, s.port, bool(s.turn), bool(s.stun), s.username, s.password)
        for s in call.connections
        if isinstance(s, tl.PhoneConnectionWebrtc)
        for host in _hosts(s)
    )
    reflectors = tuple(
        Reflector(s.id, host, s.port or REFLECTOR_PORT, bytes(s.peer_tag), bool(s.tcp))
        for s in call.connections
        if isinstance(s, tl.PhoneConnection)
        for host in _hosts(s)
    )
    parameters = call.custom_parameters.data if call.custom_parameters else ""
    return Ready(
        call.id,
        call.access_hash,
        bytes(call.g_a_or_b),
        call.key_fingerprint,
        tuple(call.protocol.library_versions),
        servers,
        reflectors,
        bool(call.p2p_allowed),
        parameters,
    )


def _hosts(server: Any) -> list[str]:
    """Its addresses, that of IPv4 first."""
    return [host for host in (server.ip, server.ipv6) if host]


def _reason(reason: Any) -> str:
    for name, kind in _REASONS.items():
        if isinstance(reason, kind):
            return name
    return "migrate" if reason is not None else ""


class Calls:
    """The server's calls for one account (`calls.CallApi`)."""

    def __init__(
        self,
        ask: Callable[[Any], Awaitable[Any]],
        versions: tuple[str, ...],
        known: Callable[[int, bytes], None],
    ) -> None:
        self._ask, self._known = ask, known
        self._protocol = tl.PhoneCallProtocol(
            *LAYERS, list(versions), udp_p2p=True, udp_reflector=True
        )

    async def request(self, person: Person, commitment: bytes) -> CallUpdate:
        user = tl.InputUser(person.id, person.access_hash)

        async def ask() -> CallUpdate:
            number = random.SystemRandom().getrandbits(31)
            asked = fn.phone.RequestCallRequest(user, commitment, self._protocol, random_id=number)
            return _must(read(await self._ask(asked)))

        try:
            made = await ask()
        except TelegramRefused as refused:
            if refused.text != _ONCE_MORE:
                raise
            made = await ask()
        self._known(made.id, commitment)
        return made

    async def received(self, id: int, access_hash: int) -> None:
        await self._ask(fn.phone.ReceivedCallRequest(tl.InputPhoneCall(id, access_hash)))

    async def accept(self, id: int, access_hash: int, g_b: bytes) -> CallUpdate:
        peer = tl.InputPhoneCall(id, access_hash)
        return _must(read(await self._ask(fn.phone.AcceptCallRequest(peer, g_b, self._protocol))))

    async def confirm(self, id: int, access_hash: int, g_a: bytes, fingerprint: int) -> CallUpdate:
        peer = tl.InputPhoneCall(id, access_hash)
        request = fn.phone.ConfirmCallRequest(peer, g_a, fingerprint, self._protocol)
        return _must(read(await self._ask(request)))

    async def discard(self, id: int, access_hash: int, reason: str, duration: float) -> bool:
        peer = tl.InputPhoneCall(id, access_hash)
        request = fn.phone.DiscardCallRequest(peer, int(duration), _REASONS[reason](), 0)
        told = map(read, getattr(await self._ask(request), "updates", ()))
        return any(isinstance(news, Discarded) and news.wants_rating for news in told)

    async def rate(self, id: int, access_hash: int, stars: int, comment: str) -> None:
        peer = tl.InputPhoneCall(id, access_hash)
        await self._ask(fn.phone.SetCallRatingRequest(peer, stars, comment))

    async def signal(self, id: int, access_hash: int, data: bytes) -> bool:
        peer = tl.InputPhoneCall(id, access_hash)
        return bool(await self._ask(fn.phone.SendSignalingDataRequest(peer, data)))


def _must(update: CallUpdate | None) -> CallUpdate:
    if update is None:
        raise TelegramRefused(TelegramCause.INTERNAL, "an answer that is no call")
    return update
