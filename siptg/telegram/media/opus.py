"""How Opus is spoken in a Telegram call, and taken out of RED (RFC 7587, RFC 2198). Pure."""

from __future__ import annotations

import attrs

from siptg.rtp.packet import HEADER

PTIMES = (20, 40, 60)
"""Milliseconds that a packet of ours may hold."""
RED_TYPE = 63
"""What Telegram's engines call RED. We never agree to it."""
_FOLLOWED = 0x80
"""Of a block's first byte: another block follows."""


@attrs.frozen
class OpusSettings:
    """ValueError where a value is none that engines take."""

    ptime: int = attrs.field(default=20)
    """Milliseconds of sound in a packet; 60 for thin lines: a third of the headers."""
    corrects: bool = True
    """Each packet carries the one before along while the other end reports loss."""
    pauses: bool = False
    """Nothing but a comfort packet now and then is sent while nothing is said."""

    @ptime.validator
    def _check_ptime(self, _: object, value: int) -> None:
        if value not in PTIMES:
            raise ValueError(f"packets hold {', '.join(map(str, PTIMES))} ms, not {value}")

    @property
    def fmtp(self) -> str:
        """As though the other end had wished it (RFC 7587 §6.1)."""
        said = ["minptime=10"]
        if self.corrects:
            said.append("useinbandfec=1")
        if self.pauses:
            said.append("usedtx=1")
        return ";".join(said)


def primary(packet: bytes) -> bytes:
    """The RTP packet that RED's last block is; as it came where this is no RED (RFC 2198 §3)."""
    if len(packet) <= HEADER.size or packet[0] != 0x80 or packet[1] & 0x7F != RED_TYPE:
        return packet
    at, behind = HEADER.size, 0
    while at < len(packet) and packet[at] & _FOLLOWED:
        if at + 4 > len(packet):
            return packet
        behind += (packet[at + 2] & 3) << 8 | packet[at + 3]
        at += 4
    begin = at + 1 + behind
    if begin >= len(packet):
        return packet
    kind = packet[at] | (packet[1] & 0x80)
    return packet[:1] + bytes((kind,)) + packet[2 : HEADER.size] + packet[begin:]
