"""What Telegram's reflectors speak: packets, names of candidates, addresses that stand for peers.
Pure (design: §6.2 of the wire protocol).

A reflector knows a call by 12 bytes, and each socket in it by four more. A packet to a peer bears
the peer's tag first, then our four bytes, so that the peer knows whose it is.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from ipaddress import IPv6Address

from siptg.telegram.media.servers import Reflector

HELLO = b"\xff" * 12
TCP_FIRST = b"\xee" * 4
"""What a TCP connection begins with."""
LARGEST = 2048
"""Bytes of a packet; a TCP stream that announces more is not one of ours."""

_LENGTH = struct.Struct(">I")
_FRAME = struct.Struct("<I")
_GREETING = HELLO + b"\xfe\xff\xff\xff" + struct.pack(">Q", 123)
_NAME = re.compile(r"reflector-(\d{1,5})-(\d{1,10})\.reflector", re.ASCII)
_STAND_INS = bytes.fromhex("0100000000000000")
"""100::/64, the discard prefix (RFC 6666): nobody lives there, so no candidate of the network can
be taken for one of these."""


def hello(tag: bytes) -> bytes:
    """Says at which address a tag is to be found; `tag` is 16 bytes."""
    return tag + _GREETING


def keep_alive(tag: bytes) -> bytes:
    """The same over TCP, where nothing is answered."""
    return tag + bytes(4)


def packet(call: bytes, peer: bytes, own: bytes, data: bytes) -> bytes:
    """`data` for the peer of that tag; `call` is 12 bytes, `peer` and `own` are 4."""
    length = len(data)
    return call + peer + own + _LENGTH.pack(length) + data + bytes(-length % 4)


def is_ours(data: bytes, tag: bytes) -> bool:
    """Whether it is of our call: then the reflector that sent it can be used."""
    return data[:12] == tag[:12]


def opened(data: bytes, tag: bytes) -> tuple[bytes, bytes] | None:
    """The sender's four bytes and the data; None where it is for another tag, an answer to a hello,
    or shorter than it says.
    """
    if data[:16] != tag or len(data) < 24 or data[16:28] == HELLO:
        return None
    (length,) = _LENGTH.unpack_from(data, 20)
    end = 24 + length
    if not length or end > len(data):
        return None
    return data[16:20], data[24:end]


def framed(data: bytes) -> bytes:
    """As it goes over TCP."""
    return _FRAME.pack(len(data)) + data


def unframed(buffer: bytearray) -> list[bytes]:
    """Whole packets out of a TCP stream, which are taken from `buffer`; ValueError for a length
    that no packet has, after which the stream says nothing any more.
    """
    found = []
    while len(buffer) >= 4:
        (length,) = _FRAME.unpack_from(buffer)
        if not 0 < length <= LARGEST:
            raise ValueError(f"a packet of {length} bytes")
        if len(buffer) < 4 + length:
            break
        found.append(bytes(buffer[4 : 4 + length]))
        del buffer[: 4 + length]
    return found


def numbered(reflectors: Iterable[Reflector]) -> list[tuple[int, Reflector]]:
    """Each with its number: 1, 2, 3 … in ascending order of ids. One server may stand there twice,
    with an address of each family.
    """
    known = list(reflectors)
    order = {id: n for n, id in enumerate(sorted({r.id for r in known}), 1)}
    return sorted(((order[r.id], r) for r in known), key=lambda pair: pair[0])


def name_of(number: int, own: bytes) -> str:
    """What a candidate is called: the server's number and who we are there."""
    return f"reflector-{number}-{int.from_bytes(own, 'little')}.reflector"


def read_name(name: str) -> tuple[int, bytes] | None:
    """Server number and tag of a peer; None for what is no such name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    number, tag = int(match[1]), int(match[2])
    if not 0 < number <= 0xFFFF or not 0 < tag <= 0xFFFFFFFF:
        return None
    return number, tag.to_bytes(4, "little")


def stand_in(number: int, tag: bytes) -> str:
    """An address for a peer behind a reflector: ICE wants addresses."""
    return str(IPv6Address(_STAND_INS + bytes(2) + number.to_bytes(2, "big") + tag))


def behind(address: str) -> tuple[int, bytes]:
    """Server number and tag of such an address; (0, b"") for any other."""
    if not address.startswith("100::"):
        return 0, b""
    packed = IPv6Address(address).packed
    return int.from_bytes(packed[10:12], "big"), packed[12:]
