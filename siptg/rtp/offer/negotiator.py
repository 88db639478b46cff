"""Offer and answer for one audio stream (RFC 3264, RFC 6337). Pure."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from siptg.machine import Symbol, Table, step
from siptg.rtp.offer.agreed import Agreed, Sdes
from siptg.rtp.offer.choice import choose, disabled, grouped
from siptg.rtp.offer.direction import Direction
from siptg.rtp.offer.draft import audio, declined, way_and_protocol
from siptg.rtp.offer.formats import Formats
from siptg.rtp.offer.keying import PROTOCOLS, Keyring, TheirKeys
from siptg.rtp.offer.numbers import Numbers
from siptg.rtp.offer.outcome import Outcome, agree, stated
from siptg.rtp.offer.payloads import Payloads, accepted, answered, offered
from siptg.rtp.offer.place import Place, family_of
from siptg.rtp.offer.terms import MediaTerms, Way
from siptg.rtp.sdp import Attribute, Connection, MediaSection, SdpError, SessionDescription


class OutOfTurn(ValueError):
    """An offer or an answer that the state does not allow: glare (491), or an answer to nothing."""


class State(Symbol):
    """Of offer and answer. Drawn in docs/states/offer.md."""

    IDLE = "nothing was said"
    OFFERED = "our first offer is out"
    ACCEPTED = "they answered us"
    """Another fork, or the 2xx after a 183, may answer the same offer again."""
    SETTLED = "we answered them, or our offer came to nothing"
    REOFFERED = "a later offer of ours is out"


class Given(Symbol):
    OUR_OFFER = "our offer"
    THEIR_OFFER = "their offer, answered"
    ANSWER = "their answer"
    REFUSED = "our offer was refused"


@attrs.frozen
class Offered:
    """An offer of ours: until its answer is here, packets may come by any of it (RFC 3264 §5.1)."""

    terms: MediaTerms
    way: Way
    protocol: str
    reduced: bool
    direction: Direction
    payloads: Payloads
    sections: list[MediaSection] = attrs.field(repr=False)
    slot: int


@attrs.define(eq=False)
class Negotiator:
    """One end of one stream: makes offers, answers them, remembers what was agreed.

    Its verbs raise SdpError where nothing fits (488) and OutOfTurn where it is not their turn
    (491); then nothing has changed.
    """

    terms: MediaTerms
    host: str
    port: int
    session: int
    """o= needs a number that nobody else has."""
    random: Callable[[int], bytes]
    """So many bytes of chance, for keys."""
    rtcp_port: int = attrs.field(default=0, kw_only=True)
    """Where it is not the one after `port`."""
    direction: Direction = attrs.field(default=Direction.SENDRECV, kw_only=True)
    """What we want: SENDONLY holds the other end."""
    agreed: Agreed | None = attrs.field(default=None, init=False)
    offered: Offered | None = attrs.field(default=None, init=False)
    """Our last offer, for as long as it may be answered."""
    state: State = attrs.field(default=State.IDLE, init=False)
    _keyring: Keyring = attrs.field(init=False, repr=False)
    _numbers: Numbers = attrs.field(factory=Numbers, init=False)
    _last: Outcome | None = attrs.field(default=None, init=False)
    _path: tuple[object, ...] = attrs.field(default=(), init=False)
    """Between which addresses packets went last."""
    _home: str = attrs.field(default="", init=False)
    """The address in o=: one of a session, wherever its media goes."""
    _version: int = attrs.field(default=0, init=False)
    _written: bytes = attrs.field(default=b"", init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._keyring, self._home = Keyring(self.random), self.host

    @property
    def expected(self) -> Payloads | None:
        """What may come now: of our offer that waits, and of what is agreed (RFC 3264 §8.3)."""
        agreed, waits = self.agreed, self.offered
        if agreed is None:
            return waits.payloads if waits else None
        now = Payloads(agreed.receive, agreed.event_receive, agreed.noise_receive)
        if waits is None or self.state is not State.REOFFERED:
            return now
        more = waits.payloads
        return Payloads(
            {**now.codecs, **more.codecs},
            {**now.events, **more.events},
            {**now.noise, **more.noise},
        )

    def offer(self) -> bytes:
        """All that we can do; once something is agreed, that first and under its numbers."""
        self._check(Given.OUR_OFFER)
        terms, agreed, last = self.terms, self.agreed, self._last
        sections = [declined(section) for section in last.sections] if last else []
        slot, mid, groups = (last.slot, last.mid, last.groups) if last else (0, "", ())
        protocol = sections[slot].protocol if sections else ""
        way, protocol = way_and_protocol(terms, agreed, protocol)
        payloads = offered(terms, agreed.codec if agreed else None, self._numbers)
        security = agreed.security if agreed else None
        suite = security.suite if isinstance(security, Sdes) else ""
        keys = self._keyring.offer(way, terms, suite)
        reduced = terms.reduced_size and terms.feedback
        more = self._more(terms.rtcp_mux, reduced, keys, mid)
        section = audio(self.port, protocol, payloads.lines, terms, self.direction, more)
        sections[slot : slot + 1] = [section]
        what = Offered(terms, way, protocol, reduced, self.direction, payloads, sections, slot)
        step(self, TABLE, Given.OUR_OFFER, what)
        return self._description(sections, groups)

    def answer(self, offer: bytes) -> bytes:
        """Takes one audio section of it and declines all else."""
        self._check(Given.THEIR_OFFER)
        theirs = SessionDescription.parse(offer)
        last, terms = self._last, self.terms
        sections = [declined(section) for section in theirs.media]
        if last is not None and disabled(theirs, last.slot):
            off = attrs.evolve(last.agreed, direction=Direction.INACTIVE, held=True)
            step(self, TABLE, Given.THEIR_OFFER, Outcome(off, sections, last.slot, last.mid))
            return self._description(sections, ())
        choice = choose(theirs, terms, family_of(self.host), last.slot if last else None)
        formats, place, section = choice.formats, choice.place, choice.section
        best = min(formats.codecs, key=lambda one: terms.codecs.index(one.codec))
        payloads = answered(terms, formats, best, self._numbers)
        says, mux = stated(theirs, section, place), choice.mux(terms)
        security, keys = self._keyring.answer(choice.way, choice.keys, terms, self._moved(place))
        agreed = agree(
            formats,
            best,
            payloads,
            place,
            ptime=terms.ptime,
            mux=mux,
            reduced=terms.reduced_size and section.has("rtcp-rsize"),
            direction=says.reverse.both(self.direction),
            held=not says.receives,
            security=security,
        )
        more = self._more(mux, agreed.reduced_size, keys, choice.mid)
        sections[choice.index] = audio(
            self.port, section.protocol, payloads.lines, terms, agreed.direction, more
        )
        groups = tuple(grouped(theirs, choice, mux))
        outcome = Outcome(agreed, sections, choice.index, choice.mid, groups)
        step(self, TABLE, Given.THEIR_OFFER, outcome)
        return self._description(sections, groups)

    def accept(self, answer: bytes) -> None:
        """The answer to our offer; of several, as of forks, each takes the place of the last."""
        self._check(Given.ANSWER)
        theirs, ours, last = SessionDescription.parse(answer), self.offered, self._last
        assert ours is not None  # the states that take an answer have an offer
        section = _section_of(theirs, ours)
        known = ours.payloads
        formats = Formats.read(theirs, section, known.codecs.values(), known.rtpmaps)
        if not formats.codecs:
            raise SdpError("the answer has no codec of our offer")
        place = Place.of(theirs, section, family_of(self.host))
        keys = TheirKeys.read(theirs, section, ours.terms.suites)
        optional = ours.terms.security.optional and Way.PLAIN in PROTOCOLS[ours.protocol.upper()]
        security = self._keyring.accept(ours.way, keys, optional, self._moved(place))
        says = stated(theirs, section, place)
        held = not says.receives
        if not ours.direction.sends:  # we did not offer to send: their not listening says nothing
            held = self.agreed is not None and self.agreed.held
        agreed = agree(
            formats,
            formats.codecs[0],
            accepted(known, formats),
            place,
            ptime=ours.terms.ptime,
            mux=ours.terms.rtcp_mux and section.has("rtcp-mux"),
            reduced=ours.reduced and section.has("rtcp-rsize"),
            direction=says.reverse.both(ours.direction),
            held=held,
            security=security,
        )
        mid, groups = (last.mid, last.groups) if last else ("", ())
        step(self, TABLE, Given.ANSWER, Outcome(agreed, ours.sections, ours.slot, mid, groups))

    def refused(self) -> None:
        """Our offer was refused, or is taken back: what was agreed before holds."""
        step(self, TABLE, Given.REFUSED, None)

    def renew_keys(self) -> None:
        """The next offer or answer brings new keys of ours (SDES)."""
        self._keyring.renew()

    def _check(self, given: Given) -> None:
        if (self.state, given) not in TABLE:
            raise OutOfTurn(f"{given.value} is out of turn: {self.state.value}")

    # actions of the table

    def _await(self, what: Offered) -> None:
        self.offered = what

    def _settle(self, outcome: Outcome) -> None:
        agreed = outcome.agreed
        self.agreed, self._last = agreed, outcome
        self._keyring.settle(agreed.security)
        if not Connection(agreed.remote[0]).blank:
            self._path = self._path_to(agreed.remote)

    def _forget_offer(self, _: object) -> None:
        self.offered = None

    # helpers

    def _path_to(self, remote: tuple[str, int]) -> tuple[object, ...]:
        return remote, self.host, self.port

    def _moved(self, place: Place) -> bool:
        """An end has another address than before; none at all is no other (a hold)."""
        return not place.blank and self._path_to(place.remote) != self._path

    def _more(self, mux: bool, reduced: bool, keys: list[Attribute], mid: str) -> list[Attribute]:
        more: list[Attribute] = []
        if self.rtcp_port not in (0, self.port + 1):
            more.append(("rtcp", str(self.rtcp_port)))
        if mux:
            more.append(("rtcp-mux", None))
        if reduced:
            more.append(("rtcp-rsize", None))
        return [*more, *keys, *([("mid", mid)] if mid else [])]

    def _description(self, sections: list[MediaSection], groups: tuple[str, ...]) -> bytes:
        """The version rises when, and only when, something has changed (RFC 3264 §8)."""
        attributes: list[Attribute] = [("group", group) for group in groups]
        made = SessionDescription("", [Connection(self.host)], sections, attributes)
        body = bytes(made)
        if body != self._written:
            self._version += 1
            self._written = body
        made.origin = f"- {self.session} {self._version} {Connection(self._home)}"
        return bytes(made)


def _section_of(answer: SessionDescription, ours: Offered) -> MediaSection:
    """That which answers ours; some leave out those that they decline."""
    sections = answer.media
    if len(sections) > len(ours.sections):
        raise SdpError(f"the answer has {len(sections)} media for {len(ours.sections)}")
    likely = sections[ours.slot : ours.slot + 1] or sections
    for section in likely:
        if section.kind.lower() == "audio" and section.port:
            return section
    raise SdpError("the answer takes no audio")


_N = Negotiator
_S, _G = State, Given
TABLE: Table = {
    (_S.IDLE, _G.OUR_OFFER): (_S.OFFERED, (_N._await,)),
    (_S.IDLE, _G.THEIR_OFFER): (_S.SETTLED, (_N._settle,)),
    (_S.OFFERED, _G.OUR_OFFER): (_S.OFFERED, (_N._await,)),  # the last one was never sent
    (_S.OFFERED, _G.ANSWER): (_S.ACCEPTED, (_N._settle,)),
    (_S.OFFERED, _G.REFUSED): (_S.IDLE, (_N._forget_offer,)),
    (_S.ACCEPTED, _G.ANSWER): (_S.ACCEPTED, (_N._settle,)),
    (_S.ACCEPTED, _G.OUR_OFFER): (_S.REOFFERED, (_N._await,)),
    (_S.ACCEPTED, _G.THEIR_OFFER): (_S.SETTLED, (_N._forget_offer, _N._settle)),
    (_S.SETTLED, _G.OUR_OFFER): (_S.REOFFERED, (_N._await,)),
    (_S.SETTLED, _G.THEIR_OFFER): (_S.SETTLED, (_N._settle,)),
    (_S.REOFFERED, _G.OUR_OFFER): (_S.REOFFERED, (_N._await,)),
    (_S.REOFFERED, _G.ANSWER): (_S.ACCEPTED, (_N._settle,)),
    (_S.REOFFERED, _G.REFUSED): (_S.SETTLED, (_N._forget_offer,)),
}
"""An offer that comes while ours is out has no row: that is glare (RFC 3264 §4, RFC 6337 §2.2)."""
