"""Ends that offer and answer, and descriptions to give them."""

from __future__ import annotations

import random
from typing import Any

import attrs

from siptg.rtp.codecs import OPUS, PCMA, PCMU, Codec
from siptg.rtp.offer import Agreed, MediaTerms, Negotiator
from siptg.rtp.sdp import MediaSection, SessionDescription
from siptg.rtp.sdp.fingerprint import Fingerprint

G722 = attrs.evolve(PCMU, name="G722", payload_type=9, rates=(16_000,))
L16 = attrs.evolve(PCMU, name="L16", payload_type=117, clock_rate=16_000, rates=(16_000,))
GSM = attrs.evolve(PCMU, name="GSM", payload_type=3, packet_ms=(20, 40, 60))
OURS = Fingerprint("sha-256", bytes(range(32)).hex(":").upper())
THEIRS = Fingerprint("sha-256", bytes(range(32, 64)).hex(":").upper())
HEAD = "v=0\no=- 7 7 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n"


def end(
    *codecs: Codec, host: str = "192.0.2.1", port: int = 2000, seed: int = 1, **terms: Any
) -> Negotiator:
    """One end, its chance the same each time."""
    made = MediaTerms(codecs or (PCMU, PCMA, OPUS), **terms)
    return Negotiator(made, host, port, 42, random.Random(seed).randbytes)


def said(*lines: str, head: str = HEAD) -> bytes:
    """A description of theirs: head, then the lines."""
    return (head + "".join(line + "\n" for line in lines)).replace("\n", "\r\n").encode()


def audio(formats: str = "0", *attributes: str, protocol: str = "RTP/AVP") -> bytes:
    """One audio section of theirs."""
    return said(f"m=audio 4000 {protocol} {formats}", *(f"a={one}" for one in attributes))


def parsed(data: bytes) -> SessionDescription:
    return SessionDescription.parse(data)


def section(data: bytes, index: int = 0) -> MediaSection:
    return parsed(data).media[index]


def version(data: bytes) -> int:
    return int(parsed(data).origin.split()[2])


def agreed(one: Negotiator) -> Agreed:
    assert one.agreed is not None
    return one.agreed


def talk(a: Negotiator, b: Negotiator) -> tuple[Agreed, Agreed]:
    """a offers, b answers."""
    a.accept(b.answer(a.offer()))
    return agreed(a), agreed(b)
