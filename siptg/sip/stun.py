"""STUN binding on the SIP port: a keep-alive that also tells what a NAT makes of our address
(RFC 5389, RFC 5626 §4.4.2).
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Protocol

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.flow import Address

COOKIE = 0x2112A442
_HEADER = struct.Struct("!HHI12s")
BINDING, SUCCESS = 0x0001, 0x0101
MAPPED, XOR_MAPPED = 0x0001, 0x0020


def is_stun(data: bytes) -> bool:
    """Told from SIP by its first two bits and the magic cookie (RFC 5389 §6)."""
    return len(data) >= 20 and data[0] < 4 and data[4:8] == b"\x21\x12\xa4\x42"


def request(transaction: bytes) -> bytes:
    """A binding request; `transaction` is twelve bytes of chance."""
    return _HEADER.pack(BINDING, 0, COOKIE, transaction)


def is_request(data: bytes) -> bool:
    return int.from_bytes(data[:2], "big") == BINDING


def transaction_of(data: bytes) -> bytes:
    return data[8:20]


def answer(data: bytes, remote: Address) -> bytes:
    """The success response: what their address looks like from here."""
    transaction = transaction_of(data)
    packed = ipaddress.ip_address(remote[0].partition("%")[0]).packed
    mask = struct.pack("!I", COOKIE) + transaction
    hidden = bytes(a ^ b for a, b in zip(packed, mask, strict=False))
    family = 1 if len(packed) == 4 else 2
    value = struct.pack("!BBH", 0, family, remote[1] ^ (COOKIE >> 16)) + hidden
    attribute = struct.pack("!HH", XOR_MAPPED, len(value)) + value
    return _HEADER.pack(SUCCESS, len(attribute), COOKIE, transaction) + attribute


def mapped(data: bytes) -> Address:
    """Our address as a success response shows it; ProtocolError where it shows none."""
    kind, length, _, transaction = _HEADER.unpack_from(data)
    if kind != SUCCESS or length + 20 > len(data):
        raise ProtocolError("not a STUN success response")
    at, mask = 20, struct.pack("!I", COOKIE) + transaction
    while at + 4 <= 20 + length:
        name, size = struct.unpack_from("!HH", data, at)
        value = data[at + 4 : at + 4 + size]
        if name in (XOR_MAPPED, MAPPED) and size in (8, 20) and len(value) == size:
            port, packed = int.from_bytes(value[2:4], "big"), value[4:]
            if name == XOR_MAPPED:
                port ^= COOKIE >> 16
                packed = bytes(a ^ b for a, b in zip(packed, mask, strict=False))
            return str(ipaddress.ip_address(packed)), port
        at += 4 + size + -size % 4
    raise ProtocolError("no address in a STUN response")


class StunUser(Protocol):
    """Who asked what the other end sees of us."""

    def told(self, address: Address, now: float) -> None: ...


@attrs.define(eq=False)
class StunDesk:
    """Answers binding requests, and hands answers to who asked; all else is dropped."""

    _waiting: dict[bytes, StunUser] = attrs.field(factory=dict)

    def expect(self, transaction: bytes, user: StunUser | None) -> None:
        """None takes it back."""
        if user is None:
            self._waiting.pop(transaction, None)
        else:
            self._waiting[transaction] = user

    def receive(self, data: bytes, remote: Address, now: float) -> bytes | None:
        """What to send back."""
        if is_request(data):
            return answer(data, remote)
        user = self._waiting.pop(transaction_of(data), None)
        if user is None:
            return None
        try:
            user.told(mapped(data), now)
        except ProtocolError:
            return None  # its user hears nothing, and takes that as no answer
        return None
