"""A server made of a stack alone: hears bytes, answers calls with paper media, must end empty."""

from __future__ import annotations

from itertools import count

from siptg.sip.auth import Digest
from siptg.sip.flow import Address, Flow
from siptg.sip.ids import Ids
from siptg.sip.stack import Stack
from siptg.sip.usages.invite import InviteSession
from siptg.sip.usages.registrar import Registrar
from tests.support.wire import PaperMedia

LOCAL, REMOTE = ("192.0.2.222", 5060), ("192.0.2.111", 5060)
COMPACT = {
    "via": "v",
    "from": "f",
    "to": "t",
    "call-id": "i",
    "contact": "m",
    "content-length": "l",
}
_serial = count()


class Uas:
    """One stack, one peer, one way between them."""

    def __init__(
        self,
        transport: str = "UDP",
        *,
        guard: Digest | None = None,
        local: Address = LOCAL,
        remote: Address = REMOTE,
    ) -> None:
        self.registrar = Registrar()
        self.stack = Stack(ids=Ids(7), registrar=self.registrar, guard=guard)
        self.flow = Flow(transport, local, remote)
        self.calls: list[InviteSession] = []
        self.now = 0.0

    def hear(self, data: bytes) -> list[bytes]:
        """What is sent at once in answer; new calls wait in `calls`."""
        self.stack.receive(data, self.flow, self.now)
        for session, event in self.stack.events():
            if event is None:
                session.media = PaperMedia()
                self.calls.append(session)
        return self.said()

    def said(self) -> list[bytes]:
        return [data for _, data in self.stack.outgoing()]

    def statuses(self, data: bytes) -> list[int]:
        return [status_of(answer) for answer in self.hear(data)]

    def wait(self, seconds: float) -> list[bytes]:
        """What is sent while the time goes by."""
        self.now += seconds
        self.stack.tick(self.now)
        return self.said()

    def still_serves(self) -> bool:
        """A whole call from INVITE to the BYE."""
        name, before = f"good{next(_serial)}", len(self.calls)
        self.hear(request("INVITE", name))
        if len(self.calls) != before + 1:
            return False
        self.calls[-1].answer(self.now)
        (ok,) = self.said()
        tag = ok.split(b"\r\nTo: ")[1].split(b"\r\n")[0].partition(b";tag=")[2].decode()
        quiet = self.hear(request("ACK", name, tag)) == []
        bye = self.statuses(request("BYE", name, tag))
        self.calls.pop()
        return status_of(ok) == 200 and quiet and bye == [200]

    def is_empty(self) -> bool:
        """After everything was hung up and every timer has run."""
        for session in self.calls:
            session.hang_up(self.now)
        for _ in range(3):
            self.wait(100)
        stack = self.stack
        return not stack.sessions and not len(stack.transactions) and stack.deadline() is None


def status_of(answer: bytes) -> int:
    """Of a response as it is sent; AssertionError for anything else."""
    version, status, _ = answer.split(b"\r\n", 1)[0].split(b" ", 2)
    assert version == b"SIP/2.0", answer
    return int(status)


def header(answer: bytes, name: str) -> list[str]:
    """All values of a header as they are sent, read without the parser that is under test."""
    lines = answer.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines)
    names = {name.lower(), COMPACT.get(name.lower(), "")}
    return [value.strip() for found, _, value in pairs if found.strip().lower() in names]


def request(method: str, name: str, tag: str = "") -> bytes:
    """One that nobody could object to; `name` tells its dialog from others."""
    number, to_tag = (2 if method == "BYE" else 1), f";tag={tag}" if tag else ""
    body = "v=0\r\n" if method == "INVITE" else ""
    return (
        f"{method} sip:bob@192.0.2.222 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.111;branch=z9hG4bK{name}{method}\r\n"
        f"Max-Forwards: 70\r\n"
        f"From: <sip:alice@192.0.2.111>;tag=f{name}\r\n"
        f"To: <sip:bob@192.0.2.222>{to_tag}\r\n"
        f"Call-ID: {name}@192.0.2.111\r\n"
        f"CSeq: {number} {method}\r\n"
        f"Contact: <sip:alice@192.0.2.111>\r\n"
        "Content-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
