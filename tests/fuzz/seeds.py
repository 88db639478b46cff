"""Where fuzzing begins: good messages of each kind, and the words they are made of."""

from __future__ import annotations

from pathlib import Path

from siptg.rtp.keys.srtp import SUITES, SrtpSession
from siptg.rtp.packet import RtpPacket
from siptg.rtp.rtcp.packets import (
    Chunk,
    Goodbye,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    compound,
)
from tests.fuzz import framings, signalling
from tests.fuzz.media import KEY, MEDIA, SEPARATOR
from tests.sip.torture.messages import SDP, sip
from tests.sip.torture.test_ours import LEGAL, WRONG
from tests.support.devices import DEVICES

TO = "<sip:bob@192.0.2.222>;tag=x"
WORDS = """
INVITE ACK BYE CANCEL OPTIONS REGISTER PRACK UPDATE INFO MESSAGE REFER NOTIFY SUBSCRIBE SIP/2.0
Via: From: To: Call-ID: CSeq: Contact: Route: Record-Route: Max-Forwards: Require: Supported:
Content-Length: Content-Type: RSeq: RAck: Session-Expires: Min-SE: Replaces: Refer-To: Event:
Subscription-State: Authorization: Proxy-Authenticate: WWW-Authenticate: Expires: Path:
Service-Route: z9hG4bK ;tag= ;branch= ;rport ;received= ;lr ;transport=tcp ;expires= 100rel timer
replaces application/sdp multipart/mixed;boundary= message/sipfrag sips: tel: Digest nonce= realm=
qop="auth" algorithm=SHA-256 terminated;reason= active;expires= \\x0d\\x0a
m=audio a=rtpmap: a=fmtp: a=ptime: a=maxptime: a=rtcp: a=crypto:1 inline: |2^31 |1:4 a=fingerprint:
a=setup:actpass a=tls-id: a=mid: a=group:BUNDLE a=group:ANAT a=bundle-only a=inactive RTP/SAVP
UDP/TLS/RTP/SAVPF InitialSetup Candidates NegotiateChannels MediaState @type exchangeId contents
payloadTypes ssrcGroups rtpExtensions sdpString candidate: a=ice-ufrag: a=ice-pwd: typ
m=application m=video offer answer
telephone-event/8000 CN/8000 opus/48000/2 AES_CM_128_HMAC_SHA1_80 sha-256
"""


def conversations() -> list[bytes]:
    """Several messages in one input, as a stack hears them."""
    invite = sip("INVITE", body=SDP)
    ack = sip("ACK", to=TO, via="SIP/2.0/UDP 192.0.2.111;branch=z9hG4bKack")
    later = [
        sip(method, to=TO, cseq=f"{n} {method}", via=f"SIP/2.0/UDP h;branch=z9hG4bK{n}")
        for n, method in enumerate(("INFO", "UPDATE", "REFER", "PRACK", "NOTIFY", "BYE"), 2)
    ]
    answers = [
        sip(method, first=f"SIP/2.0 {status} X", to=TO)
        for method in ("INVITE", "REGISTER", "SUBSCRIBE")
        for status in (100, 180, 183, 200, 302, 401, 407, 420, 422, 481, 491, 503, 603)
    ]
    return [
        SEPARATOR.join([invite, ack, *later]),
        SEPARATOR.join([invite, sip("CANCEL"), ack]),
        *(SEPARATOR.join(answers[n : n + 4]) for n in range(0, len(answers), 4)),
    ]


def media(target: str) -> list[bytes]:
    """Packets of a call, of keys, reports, sealed ones; descriptions in turn."""
    if target == "sdp-offer":
        devices = list(DEVICES.values())
        pairs = zip(devices, devices[1:] + devices[:1], strict=True)
        return [SDP, SEPARATOR.join([SDP] * 3), *map(SEPARATOR.join, pairs)]
    if target == "rtcp":
        block = ReportBlock(1, 2, 3, 4, 5, 6, 7)
        names = SourceDescription((Chunk(1, ((1, "me"),)),))
        reports = [
            compound([SenderReport(1, 2, 3, 4, 5, (block,)), names]),
            compound([ReceiverReport(1, (block, block)), names, Goodbye((1,), "end")], 4),
        ]
        return [*reports, SEPARATOR.join(reports)]
    made, suite = [], next(iter(SUITES.values()))
    session = SrtpSession(suite.name, KEY[-suite.length :], KEY[: suite.length])
    for n in range(6):
        for ssrc, kind, payload in (
            (7, 0, bytes(160)),
            (8, 111, b"\xf8" * 40),
            (9, 101, b"\1\x8a\0\xa0"),
        ):
            packet = bytes(RtpPacket(kind, n, n * 160, ssrc, payload))
            if target == "events":
                packet = bytes(6) + b"\1\1\x8a\0\xa0"
            if target == "srtp":
                packet = session.protect(packet)
            made.append(bytes([len(packet), 0]) + packet + b"\2\2xx")
    return [b"".join(made[n::4]) for n in range(4)] + [b"".join(made)]


def write(folder: Path, target: str) -> Path:
    """A corpus for a target, and beside it the dictionary; the path of the dictionary."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = [data for data, _ in (LEGAL | WRONG).values()]
    if target == "stack":
        seeds = conversations() + seeds
    if target == "sdp":
        seeds = [SDP, SDP + b"a=sendonly\r\na=rtpmap:8 PCMA/8000\r\n", b"v=0\r\n"]
        seeds += DEVICES.values()
    if target in signalling.SIGNALLING:
        seeds = signalling.conversations()
    if target in framings.FRAMINGS:
        seeds = framings.seeds(target)
    if target in MEDIA:
        seeds = media(target)
    for n, data in enumerate(seeds):
        (folder / f"{n:03}").write_bytes(data[:4096])
    words = folder.parent / "words.dict"
    words.write_text(
        "".join(f'"{word.replace(chr(34), chr(92) + chr(34))}"\n' for word in WORDS.split())
    )
    return words
