"""Two ends of SRTP, what they send, and how much of it is opened."""

from __future__ import annotations

import random
import struct

import pytest

from siptg.rtp.keys.srtp import SUITES, Refusal, SrtpError, SrtpSession

EVERY = pytest.mark.parametrize("suite", SUITES)
CM = "AES_CM_128_HMAC_SHA1_80"
GCM = "AEAD_AES_128_GCM"
BOTH = pytest.mark.parametrize("suite", [CM, GCM])
REPORT = bytes.fromhex("80c9000112345678")


def keys(suite: str, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(SUITES[suite].length)


def ends(suite: str = CM, seed: int = 0) -> tuple[SrtpSession, SrtpSession]:
    here, there = keys(suite, 2 * seed + 1), keys(suite, 2 * seed + 2)
    return SrtpSession(suite, here, there), SrtpSession(suite, there, here)


def rtp(n: int, ssrc: int = 0x12345678, size: int = 160) -> bytes:
    return struct.pack(">BBHII", 0x80, 0, n & 0xFFFF, n * 160 & 0xFFFFFFFF, ssrc) + bytes(size)


def refused(session: SrtpSession, packet: bytes) -> Refusal:
    with pytest.raises(SrtpError) as caught:
        session.unprotect(packet)
    return caught.value.reason


def opened(session: SrtpSession, packets: list[bytes]) -> list[bool]:
    def is_opened(packet: bytes) -> bool:
        try:
            session.unprotect(packet)
        except SrtpError:
            return False
        return True

    return [is_opened(packet) for packet in packets]
