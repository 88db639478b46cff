"""What is fuzzed: one function a target, that takes any bytes and falls only where we are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from siptg.rtp.codecs import CODECS
from siptg.rtp.offer import MediaTerms, Negotiator, Policy
from siptg.rtp.sdp import SdpError, SessionDescription
from siptg.rtp.sdp.fingerprint import Fingerprint
from siptg.sip.account import SipAccount
from siptg.sip.auth import Digest
from siptg.sip.errors import ProtocolError
from siptg.sip.flow import Flow
from siptg.sip.framing import Framer
from siptg.sip.ids import Ids
from siptg.sip.parser import Limits, parse
from siptg.sip.stack import Stack
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.invite import InviteSession
from siptg.sip.usages.registrar import Registrar
from tests.fuzz.framings import FRAMINGS
from tests.fuzz.media import MEDIA, SEPARATOR
from tests.fuzz.signalling import SIGNALLING
from tests.support.wire import PaperMedia

FLOW = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
TERMS = MediaTerms(
    tuple(CODECS.values()),
    security=Policy.SDES_OPTIONAL,
    fingerprint=Fingerprint("sha-256", bytes(32).hex(":")),
    noise=True,
)


def message(data: bytes) -> None:
    """A datagram, every header of it touched; what is read can be written and read again."""
    try:
        made = parse(data)
        _ = made.via, made.vias, made.from_, made.to, made.call_id, made.cseq, made.contacts
        _ = made.routes, made.record_routes, made.max_forwards, made.tokens("Supported"), made.sdp
    except ProtocolError:
        return
    again = parse(bytes(made))
    assert (again.call_id, again.cseq, again.vias) == (made.call_id, made.cseq, made.vias)


def sdp(data: bytes) -> None:
    """Read, written, and taken for an offer and for an answer."""
    try:
        made = SessionDescription.parse(data)
    except SdpError:
        return
    SessionDescription.parse(bytes(made))
    for offered in (False, True):
        us = Negotiator(TERMS, "192.0.2.1", 4000, 1, bytes)
        if offered:
            us.offer()
        try:
            us.accept(data) if offered else SessionDescription.parse(us.answer(data))
        except SdpError:
            continue
        us.offer()


def framing(data: bytes) -> None:
    framer = Framer(Limits(size=4096))
    try:
        for begin in range(0, len(data), 7):
            framer.feed(data[begin : begin + 7])
    except ProtocolError:
        return
    assert len(framer._buffer) <= 32_768 + 4096


def stack(data: bytes) -> None:
    """A server and a caller in one: calls, a registration and a subscription under way, answers and
    requests of a stranger between them, and time that goes by.
    """
    made = Stack(
        ids=Ids(1),
        guard=Digest("r", {"alice": "secret"}.get, Ids(2)) if data[:1] > b"\x80" else None,
        registrar=Registrar(),
    )
    made.takes_requests = True
    account = SipAccount(Uri.parse("sip:alice@192.0.2.2"), "secret")
    to, now = NameAddr(Uri.parse("sip:bob@192.0.2.2")), 0.0
    made.invite(to, PaperMedia(), account, FLOW, now)
    made.register(account, FLOW, lambda: None, now)
    made.subscribe("message-summary", "application/x", to, account, FLOW, now)
    for part in data.split(SEPARATOR)[:12]:
        made.receive(part, FLOW, now)
        for step in _users(made):
            step(now)
        now += 0.7
        made.tick(now)
    assert len(made.transactions) <= 40 and len(made.sessions) <= 13
    for _ in range(60):
        now += 40.0
        made.tick(now)
        for session in list(made.sessions.values()):
            session.hang_up(now)
        made.outgoing()
        made.events()
    assert not made.sessions and not [t for t in made.transactions if t.state.name == "ACCEPTED"]


def _users(made: Stack) -> Iterator[Callable[[float], None]]:
    """What the users of new calls do: ring, answer, and sometimes offer again."""
    for usage, event in made.events():
        if event is None and isinstance(usage, InviteSession):
            usage.media = PaperMedia()
            yield lambda now, s=usage: s.ring(now, early=True)  # type: ignore[misc]
            yield lambda now, s=usage: s.answer(now)  # type: ignore[misc]
    for _, data in made.outgoing():
        assert data
    if len(made.sessions) % 2:
        for session in list(made.sessions.values()):
            if session.state.name == "CONFIRMED":
                yield session.talks.offer


TARGETS: dict[str, Callable[[bytes], None]] = {
    "message": message,
    "sdp": sdp,
    "framing": framing,
    "stack": stack,
    **MEDIA,
    **SIGNALLING,
    **FRAMINGS,
}
