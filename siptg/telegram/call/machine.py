"""The life of a Telegram call, both roles, as a table (design: §8 of the wire protocol). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from siptg.machine import Symbol, Table, step
from siptg.telegram.call import events
from siptg.telegram.call.dh import KeyRefused, Secret, SharedKey, check_commitment
from siptg.telegram.call.host import Host
from siptg.telegram.call.times import CallTimes
from siptg.telegram.people import TelegramCause, TelegramRefused
from siptg.timers import TimerQueue

MOST_KEPT = 32
"""Signalling packets kept until there is a key."""


class State(Symbol):
    """Drawn in docs/states/telegram_call.md."""

    IDLE = "idle"
    REQUESTING = "asked, no id yet"
    WAITING = "the server has it"
    RINGING = "her device rings"
    INCOMING = "ours rings"
    ACCEPTING = "we answered"
    CONFIRMING = "she answered"
    EXCHANGING = "key there, no media"
    ESTABLISHED = "talking"
    LOST = "media gone, signalling lives"
    PARTING = "she closed the media, no word from the server yet"
    ENDING = "we discard"
    OVER = "over"


class Given(Symbol):
    CALL = "our user calls"
    ANSWER = "our user answers"
    DECLINE = "our user declines"
    HANG_UP = "our user hangs up"
    REQUESTED = "PhoneCallRequested"
    WAITING = "PhoneCallWaiting"
    RECEIVED = "PhoneCallWaiting with receive_date"
    ACCEPTED = "PhoneCallAccepted"
    READY = "PhoneCall"
    DISCARDED = "PhoneCallDiscarded"
    SETTLED = "our discard is settled"
    REFUSED = "a request was refused"
    TAKEN = "refused: another device, or she, was faster"
    GONE = "refused: the server knows no such call"
    NO_VERSION = "the server chose a protocol that we do not speak"
    KEY_WRONG = "commitment, range or fingerprint"
    SIGNAL = "signalling packet"
    MEDIA_UP = "ICE and DTLS stand"
    MEDIA_SILENT = "no packet for a while"
    MEDIA_CLOSED = "the other end closed DTLS"
    MEDIA_FAILED = "no path, or a false certificate"
    RECEIVE = "timer: not received"
    RING = "timer: not answered"
    KEYS = "timer: no keys"
    CONNECT = "timer: no media"
    LOST = "timer: lost for good"
    PARTING = "timer: no word after parting"
    ENDING = "timer: discard not answered"


_TIMERS = (
    Given.RECEIVE,
    Given.RING,
    Given.KEYS,
    Given.CONNECT,
    Given.LOST,
    Given.PARTING,
    Given.ENDING,
)


@attrs.define(eq=False)
class CallMachine:
    """Inputs are `feed(given, now, value)`; what to do comes out of `host`."""

    host: Host
    timers: TimerQueue
    draw: Callable[[], Secret]
    """Our half of the key; drawn when it is needed."""
    outgoing: bool
    times: CallTimes = attrs.field(factory=CallTimes)
    state: State = State.IDLE
    id: int = 0
    access_hash: int = attrs.field(default=0, repr=False)
    emoji: str = ""
    _secret: Secret | None = None
    _key: SharedKey | None = None
    _g_a_hash: bytes = b""
    _kept: list[bytes] = attrs.field(factory=list)
    _since: float | None = None
    _cause: TelegramCause | None = None
    _detail: str = ""

    def feed(self, given: Given, now: float, value: Any = None) -> bool:
        """False where the state does not name the input: it changes nothing."""
        return step(self, TABLE, given, now, value)

    def fire(self, timer: Symbol, now: float) -> None:
        step(self, TABLE, timer, now, None)

    # actions

    def _request(self, now: float, _: object) -> None:
        self._secret = self.draw()
        self._start(Given.RECEIVE, self.times.receive, now)
        self.host.request(self._secret.commitment)

    def _keep_id(self, now: float, value: Any) -> None:
        self.id, self.access_hash = value.id, value.access_hash

    def _ring_here(self, now: float, value: events.Requested) -> None:
        self._g_a_hash = value.g_a_hash
        self._start(Given.RING, self.times.ring + 5, now)
        self.host.received()
        self.host.tell(events.Ringing())

    def _ring_there(self, now: float, _: object) -> None:
        self._start(Given.RING, self.times.ring, now)
        self.host.tell(events.Ringing())

    def _accept(self, now: float, _: object) -> None:
        self._secret = self.draw()
        self._start(Given.KEYS, self.times.keys, now)
        self.host.accept(self._secret.public)

    def _wait_for_keys(self, now: float, _: object) -> None:
        self._start(Given.KEYS, self.times.keys, now)

    def _agree_and_confirm(self, now: float, value: events.Accepted) -> None:
        self._start(Given.KEYS, self.times.keys, now)
        if self._secret is None:
            return
        try:
            self._key = self._secret.agree(value.g_b)
        except KeyRefused as error:
            self.feed(Given.KEY_WRONG, now, str(error))
            return
        self.host.confirm(self._secret.public, self._key.fingerprint)

    def _begin_as_caller(self, now: float, ready: events.Ready) -> None:
        if self._key is not None and self._secret is not None:
            self._begin(self._key, self._secret.public, ready, now)

    def _begin_as_callee(self, now: float, ready: events.Ready) -> None:
        if self._secret is None:
            return
        try:
            check_commitment(ready.g_a_or_b, self._g_a_hash)
            self._key = self._secret.agree(ready.g_a_or_b)
        except KeyRefused as error:
            self.feed(Given.KEY_WRONG, now, str(error))
            return
        self._begin(self._key, ready.g_a_or_b, ready, now)

    def _begin(self, key: SharedKey, g_a: bytes, ready: events.Ready, now: float) -> None:
        if key.fingerprint != ready.fingerprint:
            self.feed(Given.KEY_WRONG, now, "the fingerprints differ")
            return
        self.emoji = key.emoji(g_a)
        self._start(Given.CONNECT, self.times.connect, now)
        self.host.tell(events.Agreed(self.emoji))
        self.host.start_media(key, ready)
        kept, self._kept = self._kept, []
        for data in kept:
            self.host.signal(data)

    def _keep_signal(self, now: float, data: bytes) -> None:
        if len(self._kept) < MOST_KEPT:
            self._kept.append(data)

    def _pass_signal(self, now: float, data: bytes) -> None:
        self.host.signal(data)

    def _tell_answered(self, now: float, _: object) -> None:
        self._stop_timers()
        self._since = now
        self.host.tell(events.Answered(self.emoji))

    def _tell_lost(self, now: float, _: object) -> None:
        self._start(Given.LOST, self.times.lost, now)
        self.host.tell(events.Lost())
        self.host.restart_media()

    def _tell_back(self, now: float, _: object) -> None:
        self._stop_timers()
        self.host.tell(events.Back())

    def _restart_again(self, now: float, _: object) -> None:
        self.host.restart_media()

    def _part(self, now: float, _: object) -> None:
        self._start(Given.PARTING, self.times.parting, now)
        self.host.close_media()

    def _because_missed(self, now: float, _: object) -> None:
        self._blame(TelegramCause.NO_ANSWER)

    def _because_unreachable(self, now: float, _: object) -> None:
        self._blame(TelegramCause.UNREACHABLE)

    def _because_declined(self, now: float, _: object) -> None:
        self._blame(TelegramCause.BUSY)

    def _because_hung_up(self, now: float, _: object) -> None:
        self._blame(TelegramCause.HANGUP)

    def _because_lost(self, now: float, _: object) -> None:
        self._blame(TelegramCause.LOST)

    def _because_no_media(self, now: float, detail: object) -> None:
        self._blame(TelegramCause.FAILED, str(detail or "no path within the time"))

    def _because_key_wrong(self, now: float, detail: object) -> None:
        self._blame(TelegramCause.SECURITY, str(detail))

    def _because_no_version(self, now: float, detail: object) -> None:
        self._blame(TelegramCause.OLD_CLIENT, str(detail))

    def _because_keys_late(self, now: float, _: object) -> None:
        self._blame(TelegramCause.SILENT, "the exchange of keys took too long")

    def _because_refused(self, now: float, refusal: TelegramRefused) -> None:
        self._blame(refusal.cause, refusal.text)

    def _because_elsewhere(self, now: float, _: object) -> None:
        self._blame(TelegramCause.ELSEWHERE)

    def _because_discarded(self, now: float, discarded: events.Discarded) -> None:
        reason = discarded.reason
        if reason == "migrate":
            self._blame(TelegramCause.HANGUP, "she made it a group call, which is not spoken here")
        elif not reason and not self.outgoing and self._since is None:
            self._blame(TelegramCause.ELSEWHERE)
        else:
            self._blame(_REASONS.get(reason, TelegramCause.HANGUP))

    def _discard_missed(self, now: float, _: object) -> None:
        self._discard("missed", now)

    def _discard_busy(self, now: float, _: object) -> None:
        self._discard("busy", now)

    def _discard_hangup(self, now: float, _: object) -> None:
        self._discard("hangup", now)

    def _discard_disconnect(self, now: float, _: object) -> None:
        self._discard("disconnect", now)

    def _discard_late_id(self, now: float, value: Any) -> None:
        """An id that turns up after we gave up the request; later news of it changes nothing."""
        if not self.id:
            self._keep_id(now, value)
            self.host.discard("missed", 0.0)

    def _over(self, now: float, _: object) -> None:
        self._stop_timers()
        self.host.close_media()
        duration = now - self._since if self._since is not None else 0.0
        cause = self._cause or TelegramCause.HANGUP
        self.host.tell(events.Ended(cause, self._detail, duration))

    def _discard(self, reason: str, now: float) -> None:
        self._start(Given.ENDING, self.times.ending, now)
        self.host.close_media()
        duration = now - self._since if self._since is not None else 0.0
        if self.id:
            self.host.discard(reason, duration)

    def _blame(self, cause: TelegramCause, detail: str = "") -> None:
        """The first cause is the one that counts."""
        if self._cause is None:
            self._cause, self._detail = cause, detail

    def _start(self, timer: Given, seconds: float, now: float) -> None:
        self._stop_timers()
        self.timers.set(self, timer, now + seconds)

    def _stop_timers(self) -> None:
        self.timers.cancel(self, *_TIMERS)


_REASONS = {
    "busy": TelegramCause.BUSY,
    "missed": TelegramCause.NO_ANSWER,
    "hangup": TelegramCause.HANGUP,
    "disconnect": TelegramCause.LOST,
}

_M = CallMachine
_S, _G = State, Given
_ASKED = (_S.REQUESTING, _S.WAITING, _S.RINGING)
_TO_US = (_S.INCOMING, _S.ACCEPTING)
_MEDIA = (_S.EXCHANGING, _S.ESTABLISHED, _S.LOST)
_ALIVE = tuple(s for s in State if s is not State.OVER)
TABLE: Table = {
    (_S.IDLE, _G.CALL): (_S.REQUESTING, (_M._request,)),
    (_S.IDLE, _G.REQUESTED): (_S.INCOMING, (_M._keep_id, _M._ring_here)),
    (_S.REQUESTING, _G.WAITING): (_S.WAITING, (_M._keep_id,)),
    (_S.REQUESTING, _G.RECEIVED): (_S.RINGING, (_M._keep_id, _M._ring_there)),
    (_S.WAITING, _G.RECEIVED): (_S.RINGING, (_M._keep_id, _M._ring_there)),
    **{(s, _G.ACCEPTED): (_S.CONFIRMING, (_M._keep_id, _M._agree_and_confirm)) for s in _ASKED},
    (_S.REQUESTING, _G.REFUSED): (_S.OVER, (_M._because_refused, _M._over)),
    (_S.REQUESTING, _G.HANG_UP): (_S.ENDING, (_M._because_hung_up, _M._discard_missed)),
    (_S.REQUESTING, _G.RECEIVE): (_S.ENDING, (_M._because_unreachable, _M._discard_missed)),
    (_S.WAITING, _G.RECEIVE): (_S.ENDING, (_M._because_unreachable, _M._discard_missed)),
    (_S.RINGING, _G.RING): (_S.ENDING, (_M._because_missed, _M._discard_missed)),
    (_S.WAITING, _G.HANG_UP): (_S.ENDING, (_M._because_hung_up, _M._discard_missed)),
    (_S.RINGING, _G.HANG_UP): (_S.ENDING, (_M._because_hung_up, _M._discard_missed)),
    (_S.INCOMING, _G.ANSWER): (_S.ACCEPTING, (_M._accept,)),
    (_S.INCOMING, _G.DECLINE): (_S.ENDING, (_M._because_declined, _M._discard_busy)),
    (_S.INCOMING, _G.HANG_UP): (_S.ENDING, (_M._because_declined, _M._discard_busy)),
    (_S.INCOMING, _G.RING): (_S.OVER, (_M._because_missed, _M._over)),
    (_S.INCOMING, _G.REFUSED): (_S.OVER, (_M._because_refused, _M._over)),
    **{(s, _G.TAKEN): (_S.OVER, (_M._because_elsewhere, _M._over)) for s in _TO_US},
    (_S.INCOMING, _G.REQUESTED): (_S.INCOMING, ()),
    (_S.ACCEPTING, _G.WAITING): (_S.ACCEPTING, (_M._wait_for_keys,)),
    (_S.ACCEPTING, _G.RECEIVED): (_S.ACCEPTING, (_M._wait_for_keys,)),
    (_S.ACCEPTING, _G.READY): (_S.EXCHANGING, (_M._begin_as_callee,)),
    (_S.CONFIRMING, _G.READY): (_S.EXCHANGING, (_M._begin_as_caller,)),
    **{
        (s, g): (_S.ENDING, (why, _M._discard_disconnect))
        for s in (_S.CONFIRMING, _S.ACCEPTING)
        for g, why in (
            (_G.KEY_WRONG, _M._because_key_wrong),
            (_G.KEYS, _M._because_keys_late),
            (_G.REFUSED, _M._because_refused),
        )
    },
    (_S.EXCHANGING, _G.NO_VERSION): (_S.ENDING, (_M._because_no_version, _M._discard_disconnect)),
    (_S.EXCHANGING, _G.KEY_WRONG): (_S.ENDING, (_M._because_key_wrong, _M._discard_disconnect)),
    **{
        (s, _G.HANG_UP): (_S.ENDING, (_M._because_hung_up, _M._discard_hangup))
        for s in (_S.CONFIRMING, _S.ACCEPTING, *_MEDIA, _S.PARTING)
    },
    **{
        (s, _G.SIGNAL): (s, (_M._keep_signal,))
        for s in (_S.WAITING, _S.RINGING, _S.INCOMING, _S.CONFIRMING, _S.ACCEPTING)
    },
    **{(s, _G.SIGNAL): (s, (_M._pass_signal,)) for s in (*_MEDIA, _S.PARTING)},
    (_S.EXCHANGING, _G.MEDIA_UP): (_S.ESTABLISHED, (_M._tell_answered,)),
    (_S.EXCHANGING, _G.MEDIA_FAILED): (
        _S.ENDING,
        (_M._because_no_media, _M._discard_disconnect),
    ),
    (_S.EXCHANGING, _G.CONNECT): (_S.ENDING, (_M._because_no_media, _M._discard_disconnect)),
    (_S.ESTABLISHED, _G.MEDIA_UP): (_S.ESTABLISHED, ()),
    (_S.ESTABLISHED, _G.MEDIA_SILENT): (_S.LOST, (_M._tell_lost,)),
    **{(s, _G.MEDIA_CLOSED): (_S.PARTING, (_M._part,)) for s in _MEDIA},
    (_S.LOST, _G.MEDIA_UP): (_S.ESTABLISHED, (_M._tell_back,)),
    (_S.LOST, _G.MEDIA_SILENT): (_S.LOST, (_M._restart_again,)),
    (_S.LOST, _G.LOST): (_S.ENDING, (_M._because_lost, _M._discard_disconnect)),
    (_S.PARTING, _G.PARTING): (_S.ENDING, (_M._because_hung_up, _M._discard_hangup)),
    **{(s, _G.DISCARDED): (_S.OVER, (_M._because_discarded, _M._over)) for s in _ALIVE},
    (_S.INCOMING, _G.GONE): (_S.OVER, (_M._because_missed, _M._over)),
    **{
        (s, _G.GONE): (_S.OVER, (_M._because_hung_up, _M._over))
        for s in _ALIVE
        if s not in (_S.IDLE, _S.INCOMING)
    },
    (_S.ENDING, _G.SETTLED): (_S.OVER, (_M._over,)),
    (_S.ENDING, _G.REFUSED): (_S.OVER, (_M._over,)),
    (_S.ENDING, _G.ENDING): (_S.OVER, (_M._over,)),
    (_S.ENDING, _G.TAKEN): (_S.OVER, (_M._over,)),
    **{
        (s, g): (s, (_M._discard_late_id,))
        for s in (_S.ENDING, _S.OVER)
        for g in (_G.WAITING, _G.RECEIVED, _G.ACCEPTED)
    },
}
"""Rows in the order of a call. The Telegram connection going away is no input: media lives without
it.
"""
