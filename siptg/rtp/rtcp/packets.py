"""RTCP packets and their compounds (RFC 3550 §6, reduced size RFC 5506).

`parse` takes what comes in one datagram, `compound` makes one. APP, feedback (RFC 4585), extended
reports (RFC 3611) and types to come are `Other`: lengths checked, contents passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import attrs

LONGEST = 2048
"""Bytes: a compound of two parties fits a datagram that nobody cuts; a longer one is an attack."""
MOST_COUNTED = 31
"""Report blocks, chunks or sources that one packet's five bits can count."""

HEAD = struct.Struct(">BBH")
WORD = struct.Struct(">I")
SENDER = struct.Struct(">IQIII")
BLOCK = struct.Struct(">IIIIII")


def _headed(packet_type: int, count: int, body: bytes) -> bytes:
    """ValueError where the count or the length does not fit the header (§6.4.1)."""
    if count > MOST_COUNTED:
        raise ValueError(f"{count} is more than an RTCP packet can count")
    return HEAD.pack(0x80 | count, packet_type, len(body) // 4) + body


def _to_word(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


@attrs.frozen
class ReportBlock:
    """What a receiver tells of one source (§6.4.1)."""

    ssrc: int
    """Of whom it tells."""
    fraction_lost: int = 0
    """Of 256, since the report before."""
    lost: int = 0
    """Since the beginning; below zero where doubles outnumber losses."""
    highest: int = 0
    """Sequence number with the wraps above it."""
    jitter: int = 0
    """In ticks of the source's RTP clock."""
    last_sr: int = 0
    """The middle of the NTP time in the source's last SR; 0: none came."""
    delay: int = 0
    """Since that SR came, in 1/65,536 s."""

    def __bytes__(self) -> bytes:
        loss = self.fraction_lost << 24 | self.lost & 0xFFFFFF
        last = (self.highest, self.jitter, self.last_sr, self.delay)
        try:
            return BLOCK.pack(self.ssrc, loss, *last)
        except struct.error as error:
            raise ValueError(f"a report block of {self}: {error}") from None


@attrs.frozen
class SenderReport:
    """SR (§6.4.1)."""

    ssrc: int
    ntp: int
    """64 bits: seconds since 1900 above, their fraction below."""
    timestamp: int
    """The RTP clock at that moment."""
    packets: int
    octets: int
    """Of payload."""
    blocks: tuple[ReportBlock, ...] = ()
    extension: bytes = b""
    """Of the profile; whole words."""

    def __bytes__(self) -> bytes:
        head = SENDER.pack(self.ssrc, self.ntp, self.timestamp, self.packets, self.octets)
        return _headed(200, len(self.blocks), head + _tail(self.blocks, self.extension))


@attrs.frozen
class ReceiverReport:
    """RR (§6.4.2)."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()
    extension: bytes = b""

    def __bytes__(self) -> bytes:
        head = WORD.pack(self.ssrc)
        return _headed(201, len(self.blocks), head + _tail(self.blocks, self.extension))


def _tail(blocks: Iterable[ReportBlock], extension: bytes) -> bytes:
    if len(extension) % 4:
        raise ValueError(f"an extension of {len(extension)} bytes is not of whole words")
    return b"".join(map(bytes, blocks)) + extension


CNAME, NAME, EMAIL, PHONE, LOC, TOOL, NOTE, PRIV = range(1, 9)
"""Items of a description (§6.5)."""


@attrs.frozen
class Chunk:
    """What is said of one source."""

    ssrc: int
    items: tuple[tuple[int, str], ...] = ()
    """Kind and text; what is no UTF-8 comes with replacement characters."""

    @property
    def cname(self) -> str | None:
        return next((text for kind, text in self.items if kind == CNAME), None)

    def __bytes__(self) -> bytes:
        parts = [WORD.pack(self.ssrc)]
        for kind, text in self.items:
            if not 1 <= kind <= 255:
                raise ValueError(f"no description is of kind {kind}")
            parts += bytes([kind]), _counted(text)
        return _to_word(b"".join([*parts, b"\0"]))


@attrs.frozen
class SourceDescription:
    """SDES (§6.5)."""

    chunks: tuple[Chunk, ...] = ()

    def __bytes__(self) -> bytes:
        return _headed(202, len(self.chunks), b"".join(map(bytes, self.chunks)))


@attrs.frozen
class Goodbye:
    """BYE (§6.6)."""

    ssrcs: tuple[int, ...] = ()
    reason: str = ""

    def __bytes__(self) -> bytes:
        body = b"".join(map(WORD.pack, self.ssrcs))
        if self.reason:
            body += _to_word(_counted(self.reason))
        return _headed(203, len(self.ssrcs), body)


@attrs.frozen
class Other:
    """APP (204), feedback (205, 206), extended reports (207) and what is not known here."""

    packet_type: int
    count: int
    """The five bits of the header, whatever they mean there."""
    body: bytes
    """All behind the first word; whole words."""

    def __bytes__(self) -> bytes:
        return _headed(self.packet_type, self.count, _tail((), self.body))


Packet = SenderReport | ReceiverReport | SourceDescription | Goodbye | Other


def _counted(text: str) -> bytes:
    data = text.encode()
    if len(data) > 255:
        raise ValueError(f"{len(data)} bytes of text are more than an item holds")
    return bytes([len(data)]) + data


def compound(packets: Iterable[Packet], padding: int = 0) -> bytes:
    """One datagram; `padding` bytes, a multiple of four up to 252, go behind the last (§6.4.1)."""
    parts = [bytes(packet) for packet in packets]
    if padding:
        if padding % 4 or not 0 < padding < 256 or not parts:
            raise ValueError(f"{padding} bytes cannot be the padding of {len(parts)} packets")
        first, kind, words = HEAD.unpack_from(parts[-1])
        body = parts[-1][4:] + bytes(padding - 1) + bytes([padding])
        parts[-1] = HEAD.pack(first | 0x20, kind, words + padding // 4) + body
    return b"".join(parts)


def parse(data: bytes) -> tuple[Packet, ...]:
    """The packets of a datagram; ValueError says what does not fit.

    The lengths must add up (§A.2). Which packet comes first is left open: reduced size begins with
    any (RFC 5506 §3.4.2), and so do some telephones. Padding is taken off wherever it stands.
    """
    if not 4 <= len(data) <= LONGEST:
        raise ValueError(f"{len(data)} bytes are no RTCP")
    return tuple(_packets(data))


def _packets(data: bytes) -> Iterator[Packet]:
    begin = 0
    while begin < len(data):
        if len(data) - begin < 4:
            raise ValueError(f"{len(data) - begin} bytes behind the last RTCP packet")
        first, kind, words = HEAD.unpack_from(data, begin)
        if first >> 6 != 2:
            raise ValueError(f"RTCP version {first >> 6}")
        end = begin + 4 + 4 * words
        if end > len(data):
            raise ValueError(f"an RTCP packet of {end - begin} bytes in {len(data) - begin}")
        body = data[begin + 4 : end]
        if first & 0x20:
            body = _unpadded(body)
        yield _packet(kind, first & 31, body)
        begin = end


def _unpadded(body: bytes) -> bytes:
    padding = body[-1] if body else 0
    if padding == 0 or padding % 4 or padding > len(body):
        raise ValueError(f"{padding} bytes of padding in {len(body)}")
    return body[:-padding]


def _packet(kind: int, count: int, body: bytes) -> Packet:
    if kind == 200:
        _need(body, SENDER.size + BLOCK.size * count, "SR")
        ssrc, ntp, timestamp, packets, octets = SENDER.unpack_from(body)
        blocks, rest = _blocks(body[SENDER.size :], count)
        return SenderReport(ssrc, ntp, timestamp, packets, octets, blocks, rest)
    if kind == 201:
        _need(body, 4 + BLOCK.size * count, "RR")
        blocks, rest = _blocks(body[4:], count)
        return ReceiverReport(WORD.unpack_from(body)[0], blocks, rest)
    if kind == 202:
        return SourceDescription(tuple(_chunks(body, count)))
    if kind == 203:
        _need(body, 4 * count, "BYE")
        ssrcs = struct.unpack_from(f">{count}I", body)
        return Goodbye(ssrcs, _text(body, 4 * count) if len(body) > 4 * count else "")
    return Other(kind, count, body)


def _need(body: bytes, size: int, name: str) -> None:
    if len(body) < size:
        raise ValueError(f"{name} holds {len(body)} bytes instead of {size}")


def _blocks(data: bytes, count: int) -> tuple[tuple[ReportBlock, ...], bytes]:
    """So many blocks, and what stands behind them."""
    blocks = []
    for at in range(0, BLOCK.size * count, BLOCK.size):
        ssrc, loss, highest, jitter, last_sr, delay = BLOCK.unpack_from(data, at)
        lost = (loss & 0xFFFFFF ^ 0x800000) - 0x800000
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_sr, delay))
    return tuple(blocks), data[BLOCK.size * count :]


def _chunks(data: bytes, count: int) -> Iterator[Chunk]:
    """A missing end of the last list is forgiven, and what follows the last chunk."""
    at = 0
    for _ in range(count):
        if at + 4 > len(data):
            raise ValueError("an SDES chunk is cut off")
        (ssrc,) = WORD.unpack_from(data, at)
        at += 4
        items = []
        while at < len(data) and data[at]:
            if at + 1 == len(data):
                raise ValueError("an SDES item is cut off")
            items.append((data[at], _text(data, at + 1)))
            at += 2 + data[at + 1]
        at += 4 - at % 4  # at least one null, up to the next word
        yield Chunk(ssrc, tuple(items))


def _text(data: bytes, at: int) -> str:
    """Text behind its length."""
    end = at + 1 + data[at]
    if end > len(data):
        raise ValueError(f"a text of {data[at]} bytes is cut off")
    return data[at + 1 : end].decode(errors="replace")
