"""Secure RTP and RTCP with one peer (RFC 3711, 6188, 7714) by libsrtp: the one file that knows it.

Made of a suite by its name in SDP and `key || salt` of each side, as SDES (RFC 4568) writes them
and DTLS-SRTP (RFC 5764) exports them. It calls pylibsrtp's C binding itself: the Python wrapper
above that knows four of the six suites and takes half as long again.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import attrs
import pylibsrtp  # noqa: F401  it initialises the library
from pylibsrtp._binding import ffi, lib

from siptg.rtp.keys.rollover import step_stone, steps_to

LONGEST = 8192
"""Bytes of the longest packet that is sealed: 60 ms of L16 at 48 kHz are 5,772."""
WINDOW = 1024
"""Packets by which one may be overtaken (RFC 3711 §3.3.2 asks for 64)."""
FORMER_KEPT = 8.0
"""Seconds for which a replaced receive key still opens what was on its way."""
FORMER_TRIES = 1000
"""Packets tried with it at most in that time, so that a flood does not cost double."""
MOST_SOURCES = 16
"""SSRCs of a peer that are kept apart; of more, the one silent for longest is forgotten."""
PATIENCE, MOST_PATIENCE = 8, 512
"""Refusals in a row before a lost rollover counter is searched; a vain one doubles the patience."""

_TRAILER = 16 + 4 + 128  # what srtp.h says it may write behind a packet
_SEALED = LONGEST + _TRAILER
_AUTH_FAIL, _REPLAY_FAIL, _REPLAY_OLD, _KEY_EXPIRED = 7, 9, 10, 15  # srtp_err_status_t
_protect, _unprotect = lib.srtp_protect, lib.srtp_unprotect


class Refusal(enum.Enum):
    """Why a packet is not sealed or opened."""

    AUTHENTICATION = "authentication"
    """Sealed with another key, or changed on its way."""
    REPLAY = "replay"
    """Seen before, or older than the window."""
    MALFORMED = "malformed"
    """Not RTP, not RTCP, too long; or RTCP in the clear."""
    EXPIRED = "expired"
    """The key has served all the packets it may (RFC 3711 §9.2)."""


class SrtpError(ValueError):
    """The only error of a packet. Count it by `reason` and go on."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(f"SRTP: {reason.value}")
        self.reason = reason


_REASONS = {
    _AUTH_FAIL: Refusal.AUTHENTICATION,
    _REPLAY_FAIL: Refusal.REPLAY,
    _REPLAY_OLD: Refusal.REPLAY,
    _KEY_EXPIRED: Refusal.EXPIRED,
}


def _refused(status: int) -> SrtpError:
    return SrtpError(_REASONS.get(status, Refusal.MALFORMED))


@attrs.frozen
class Suite:
    """A crypto suite of RFC 4568 §6.2, RFC 6188 §4 or RFC 7714 §14.1."""

    name: str
    key_length: int
    salt_length: int
    tag_length: int
    """Bytes that an RTP packet grows by."""
    rtcp_tag_length: int
    """Likewise RTCP, beside four for the index. Never the short one (RFC 4568 §6.2.2)."""

    @property
    def length(self) -> int:
        """Bytes of `key || salt`."""
        return self.key_length + self.salt_length


_WIDENED = ("AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32")
_PROFILES = {  # srtp_profile_t, where AES-256-CM has none: there it is the one that gets widened
    Suite("AEAD_AES_256_GCM", 32, 12, 16, 16): 8,
    Suite("AEAD_AES_128_GCM", 16, 12, 16, 16): 7,
    Suite("AES_256_CM_HMAC_SHA1_80", 32, 14, 10, 10): 1,
    Suite("AES_256_CM_HMAC_SHA1_32", 32, 14, 4, 10): 2,
    Suite("AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10): 1,
    Suite("AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10): 2,
}


def _widen(policy: Any) -> bool:
    """Of AES-128-CM make AES-256-CM (RFC 6188), the tags as they are.

    srtp.h lays out six 32-bit numbers: cipher, its key and salt length, authentication, its key
    length, its tag length, services. Where they do not read as AES-128-CM does, hands off.
    """
    if ffi.sizeof("srtp_crypto_policy_t") != 24:
        return False
    numbers = ffi.cast("uint32_t *", policy)
    if (*numbers[0:4], numbers[5]) != (1, 30, 3, 20, 3):
        return False
    numbers[0], numbers[1] = 5, 46
    return True


def _context(suite: Suite, key: bytes, source: int) -> Any:
    """A libsrtp session, one key for every SSRC. ValueError where the library makes none."""
    policy, secret = ffi.new("srtp_policy_t *"), ffi.new("unsigned char[]", key)
    policy.ssrc.type, policy.key, policy.window_size = source, secret, WINDOW
    rtp, rtcp = ffi.addressof(policy, "rtp"), ffi.addressof(policy, "rtcp")
    failed = lib.srtp_crypto_policy_set_from_profile_for_rtp(rtp, _PROFILES[suite])
    failed |= lib.srtp_crypto_policy_set_from_profile_for_rtcp(rtcp, _PROFILES[suite])
    if suite.name in _WIDENED:
        failed |= not (_widen(rtp) and _widen(rtcp))
    session = ffi.new("srtp_t *")
    if failed or lib.srtp_create(session, policy):
        raise ValueError(f"this libsrtp has no {suite.name}")
    return ffi.gc(session, _release)


def _release(session: Any) -> None:
    lib.srtp_dealloc(session[0])


def _apply(function: Callable[..., int], context: Any, packet: bytes) -> tuple[int, bytes]:
    """One call of libsrtp in memory of its own, where speed is not asked for."""
    size = len(packet)
    if size > _SEALED:
        return -1, b""
    memory, length = ffi.new("char[]", size + _TRAILER), ffi.new("int *", size)
    ffi.memmove(memory, packet, size)
    status = function(context[0], memory, length)
    return status, b"" if status else ffi.buffer(memory)[: length[0]]


def _works(suite: Suite) -> bool:
    """Whether the library here has it; what we widened must also give a known answer."""
    try:
        context = _context(suite, bytes(range(suite.length)), lib.ssrc_any_outbound)
    except ValueError:
        return False
    if suite.name not in _WIDENED:
        return True
    sealed = _apply(_protect, context, b"\x80" + bytes(27))[1]
    answer = "cb4a3d180af445a60c30897ebdf400e4f51079412b63947ce29f"
    return sealed[12:] == bytes.fromhex(answer)[: 16 + suite.tag_length]


SUITES: Mapping[str, Suite] = MappingProxyType({s.name: s for s in _PROFILES if _works(s)})
"""What this installation seals and opens, by name, the strongest first."""


def _suite(name: str, *keys: bytes) -> Suite:
    suite = SUITES.get(name)
    if suite is None:
        raise ValueError(f"no crypto suite {name} here")
    for key in keys:
        if len(key) != suite.length:
            raise ValueError(f"{name} takes {suite.length} bytes of key and salt, not {len(key)}")
    return suite


class _Theirs:
    """One receive key, and whom it has met."""

    __slots__ = ("_key", "_known", "context", "suite")

    def __init__(self, suite: Suite, key: bytes) -> None:
        self.suite, self._key = suite, key
        self.context = _context(suite, key, lib.ssrc_any_inbound)
        self._known: dict[bytes, None] = {}

    def has(self, suite: Suite, key: bytes) -> bool:
        return self.suite is suite and self._key == key

    def meet(self, ssrc: bytes) -> None:
        """A packet of this SSRC was authentic: libsrtp keeps a stream for it, without end."""
        known = self._known
        if ssrc in known:
            del known[ssrc]  # and in again, behind the others
        elif len(known) == MOST_SOURCES:
            oldest = next(iter(known))
            del known[oldest]
            self._forget(oldest)
        known[ssrc] = None

    def _forget(self, ssrc: bytes) -> None:
        lib.srtp_remove_stream(self.context[0], int.from_bytes(ssrc, sys.byteorder))

    def search(self, packet: bytes, last: bytes | None) -> bytes:
        """Open a packet under a later rollover counter than libsrtp's guess; empty: none is."""
        ssrc = packet[8:12]
        if last is None or last[8:12] != ssrc:
            if ssrc in self._known:
                return b""
            last = None
        scout = _Theirs(self.suite, self._key).context
        forger = _context(self.suite, self._key, lib.ssrc_any_outbound)
        stones: list[bytes] = []

        def follow(step: int) -> None:
            stones.append(_apply(_protect, forger, step_stone(step, ssrc))[1])
            _apply(_unprotect, scout, stones[-1])

        if not steps_to(packet, last, follow, lambda data: not _apply(_unprotect, scout, data)[0]):
            return b""
        self._forget(ssrc)
        for stone in stones:
            _apply(_unprotect, self.context, stone)
        return _apply(_unprotect, self.context, packet)[1]


class SrtpSession:
    """Seals what goes to one peer and opens what comes, any SSRC, in one thread.

    A packet in is a packet out or SrtpError, and no packet ends a session. After `rekey`, `tick`
    at `deadline()`. An outgoing rollover counter begins at 0 with each key of ours: a stream whose
    sequence has gone round takes a new SSRC with it, since peers differ about what goes on.
    """

    __slots__ = (
        "_before", "_former", "_former_tries", "_former_until", "_inbound", "_key", "_last",
        "_length", "_memory", "_ours", "_outbound", "_patience", "_refusals", "_speaker", "_suite",
        "_tag", "_theirs", "_view",
    )  # fmt: skip

    def __init__(self, suite: str, ours: bytes, theirs: bytes) -> None:
        """`ours` seals, `theirs` opens. ValueError: no such suite here, or keys not of its size."""
        self._suite = _suite(suite, ours, theirs)
        self._memory = ffi.new("char[]", _SEALED + _TRAILER)
        self._view, self._length = ffi.buffer(self._memory), ffi.new("int *")
        self._seal_with(ours)
        self._open_with(_Theirs(self._suite, theirs))
        self._former: _Theirs | None = None
        self._former_until, self._former_tries = 0.0, 0

    @property
    def suite(self) -> Suite:
        return self._suite

    def _seal_with(self, key: bytes) -> None:
        self._key, self._ours = key, _context(self._suite, key, lib.ssrc_any_outbound)
        self._outbound = self._ours[0]

    def _open_with(self, theirs: _Theirs) -> None:
        self._theirs, self._inbound, self._tag = theirs, theirs.context[0], theirs.suite.tag_length
        self._speaker = b""
        self._last: bytes | None = None
        """The last packet that was opened, as it came."""
        self._before: bytes | None = None
        """What `_last` was at the last refusal: if it still is, refusals come in a row."""
        self._refusals, self._patience = 0, PATIENCE

    def protect(self, packet: bytes) -> bytes:
        size, view, length = len(packet), self._view, self._length
        if size > LONGEST:
            raise SrtpError(Refusal.MALFORMED)
        view[:size] = packet
        length[0] = size
        status = _protect(self._outbound, self._memory, length)
        if status:
            raise _refused(status)
        return view[: size + self._tag]  # type: ignore[no-any-return]

    def unprotect(self, packet: bytes) -> bytes:
        size, view, length = len(packet), self._view, self._length
        if size > _SEALED:
            raise SrtpError(Refusal.MALFORMED)
        view[:size] = packet
        length[0] = size
        status = _unprotect(self._inbound, self._memory, length)
        if status:
            return self._otherwise(packet, status)
        self._last = packet
        if packet[8:12] != self._speaker:
            self._speaker = packet[8:12]
            self._theirs.meet(self._speaker)
        return view[: size - self._tag]  # type: ignore[no-any-return]

    def protect_rtcp(self, packet: bytes) -> bytes:
        if len(packet) > LONGEST:
            raise SrtpError(Refusal.MALFORMED)
        status, sealed = _apply(lib.srtp_protect_rtcp, self._ours, packet)
        if status:
            raise _refused(status)
        return sealed

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        status, opened = _apply(lib.srtp_unprotect_rtcp, self._theirs.context, packet)
        if not status:
            self._theirs.meet(packet[4:8])
            return opened
        former = self._try_former(lib.srtp_unprotect_rtcp, packet)
        if former is None:
            raise _refused(status)
        return former

    def rekey(self, suite: str, ours: bytes, theirs: bytes, now: float) -> None:
        """New keys, agreed in mid-call; a key that is as before keeps its counters.

        The receive key before is tried for a while on what the new one does not open. One of ours
        that was given up must not come back: its counters would begin again.
        """
        chosen = _suite(suite, ours, theirs)
        if not self._theirs.has(chosen, theirs):
            back = self._former
            new = back if back and back.has(chosen, theirs) else _Theirs(chosen, theirs)
            self._former, self._former_until = self._theirs, now + FORMER_KEPT
            self._former_tries = FORMER_TRIES
            self._open_with(new)
        if (self._suite, self._key) != (chosen, ours):
            self._suite = chosen
            self._seal_with(ours)

    def deadline(self) -> float | None:
        """When `tick` is due; None: not before the next `rekey`."""
        return None if self._former is None else self._former_until

    def tick(self, now: float) -> None:
        """Let go of the former receive key when its time is over."""
        if now >= self._former_until:
            self._former = None

    def _try_former(self, function: Callable[..., int], packet: bytes) -> bytes | None:
        if self._former is None:
            return None
        status, opened = _apply(function, self._former.context, packet)
        if not status:
            self._former.meet(packet[8:12] if function is _unprotect else packet[4:8])
        self._former_tries -= 1
        if not self._former_tries:
            self._former = None
        return None if status else opened

    def _otherwise(self, packet: bytes, status: int) -> bytes:
        """The receive key did not open it as it stands."""
        if status not in (_AUTH_FAIL, _REPLAY_OLD):
            raise _refused(status)
        former = self._try_former(_unprotect, packet)
        if former is not None:
            return former
        if self._before is not self._last:
            self._before, self._refusals = self._last, 0
        self._refusals += 1
        if self._refusals >= self._patience:
            self._refusals = 0
            opened = self._theirs.search(packet, self._last)
            if opened:
                self._patience, self._last, self._speaker = PATIENCE, packet, packet[8:12]
                self._theirs.meet(self._speaker)
                return opened
            self._patience = min(2 * self._patience, MOST_PATIENCE)
        raise _refused(status)
