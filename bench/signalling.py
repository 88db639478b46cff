"""SIP: what a message costs, and what a whole dialog costs without a socket."""

from __future__ import annotations

import functools
import itertools
import subprocess
import time
from pathlib import Path

from bench.figure import Measure, rate
from bench.foreign import Peers
from siptg.sip.account import SipAccount
from siptg.sip.events import Answered, Ended
from siptg.sip.flow import Flow
from siptg.sip.ids import Ids
from siptg.sip.message import Request
from siptg.sip.parser import parse
from siptg.sip.stack import Stack
from siptg.sip.uri import NameAddr, Uri

PYTHON_PEERS = ("opensip", "aiosip", "aiovoip", "aiosipua", "sipmessage", "sippy")
SDP = (
    b"v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.4\r\ns=-\r\nc=IN IP4 192.0.2.4\r\n"
    b"t=0 0\r\nm=audio 49170 RTP/AVP 0 8 9 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
    b"a=ptime:20\r\na=sendrecv\r\n"
)
INVITE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP proxy.example.com:5060;branch=z9hG4bK87asdks7;rport\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bKnashds8;received=192.0.2.4\r\n"
    b"Max-Forwards: 69\r\n"
    b'From: "Alice" <sip:alice@example.org>;tag=1928301774\r\n'
    b"To: <sip:bob@example.com>\r\n"
    b"Call-ID: a84b4c76e66710@192.0.2.4\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"Contact: <sip:alice@192.0.2.4:5060>\r\n"
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY\r\n"
    b"Supported: replaces, 100rel, timer\r\n"
    b"User-Agent: bench\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: %d\r\n\r\n" % len(SDP)
) + SDP


def parse_touch_write() -> bytes:
    """Parse, read six headers as values, write."""
    message = parse(INVITE)
    _ = message.via.branch, message.from_.tag, message.to.uri
    _ = message.call_id, message.cseq.number, message.contacts[0].uri
    return bytes(message)


def parsing() -> float:
    """Messages a second."""
    written = parse_touch_write()
    if not isinstance(parse(written), Request) or len(written) < len(INVITE):
        raise RuntimeError("we write something else")
    return rate(parse_touch_write)


def parsing_peers(peers: Peers, folder: Path) -> dict[str, Measure]:
    """The same by each peer, in a process of its own."""
    file = folder / "invite"
    file.write_bytes(INVITE)

    def in_c() -> float:
        made = peers.compiled("osip_parse.c", "libosip2", "libosip2-dev")
        done = subprocess.run([made, file], capture_output=True, text=True, timeout=30, check=True)
        return float(done.stdout)

    asked: dict[str, Measure] = {
        name: functools.partial(peers.ask, "parse.py", name, str(file)) for name in PYTHON_PEERS
    }
    return {**asked, "libosip2": in_c}


class Silence:
    """Media of fixed words."""

    def offer(self) -> bytes:
        return SDP

    def answer(self, offer: bytes) -> bytes:
        return SDP

    def accept(self, answer: bytes) -> None:
        pass


class TwoStacks:
    """A caller and a callee; what one sends the other receives at once."""

    def __init__(self) -> None:
        self.caller, self.callee = Stack(ids=Ids(1)), Stack(ids=Ids(2))
        self.there = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
        self.back = Flow("UDP", self.there.remote, self.there.local)
        self.account = SipAccount(Uri.parse("sip:alice@192.0.2.1"), "")
        self.to = NameAddr(Uri.parse("sip:bob@192.0.2.2"))
        self.clock = itertools.count(1)

    def dialog(self) -> None:
        """INVITE 180 200 ACK BYE 200, a hundred such calls in a second of the stacks' time."""
        now = next(self.clock) / 100
        caller, callee, ended = self.caller, self.callee, 0
        caller.tick(now)
        callee.tick(now)
        caller.invite(self.to, Silence(), self.account, self.there, now)
        while ended < 2:
            for session, event in caller.events():
                ended += isinstance(event, Ended)
                if isinstance(event, Answered):
                    session.hang_up(now)
            for session, event in callee.events():
                ended += isinstance(event, Ended)
                if event is None:
                    session.media = Silence()
                    session.ring(now)
                    session.answer(now)
            sent, answered = caller.outgoing(), callee.outgoing()
            if not sent and not answered and not ended:
                raise RuntimeError("the dialog stands still")
            for _, data in sent:
                callee.receive(data, self.back, now)
            for _, data in answered:
                caller.receive(data, self.there, now)


def dialogs(seconds: float = 1.0) -> float:
    """Dialogs a second, both ends counted in."""
    stacks = TwoStacks()
    for _ in range(50):
        stacks.dialog()
    count, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds:
        stacks.dialog()
        count += 1
    return count / took
