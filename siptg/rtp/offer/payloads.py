"""Our payload types of one description: what we offer, what we answer, what was accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs

from siptg.rtp.codecs import Codec
from siptg.rtp.offer.formats import EVENT, NOISE, Format, Formats
from siptg.rtp.offer.numbers import Numbers
from siptg.rtp.offer.terms import MediaTerms
from siptg.rtp.sdp import Attribute
from siptg.rtp.sdp.rtpmap import RtpMap, key_of

EVENT_TYPES = {8000: 101, 16_000: 102, 48_000: 103}
"""The numbers that telephone-event has in our offers, by clock, where nothing else has them."""
NOISE_TYPE = 13
"""Of comfort noise at 8 kHz (RFC 3551 §6)."""


@attrs.frozen
class Line:
    """One payload type: its number, what it is, and with which parameters."""

    number: int
    rtpmap: str
    fmtp: str = ""

    def attributes(self) -> Iterator[Attribute]:
        yield "rtpmap", f"{self.number} {self.rtpmap}"
        if self.fmtp:
            yield "fmtp", f"{self.number} {self.fmtp}"


@attrs.frozen
class Payloads:
    """By number: what may come to us."""

    codecs: Mapping[int, Codec]
    events: Mapping[int, int]
    """Number → clock rate."""
    noise: Mapping[int, int]
    lines: tuple[Line, ...] = ()
    """How a description says it."""

    @property
    def rtpmaps(self) -> dict[int, str]:
        """What the numbers mean to an answer that uses them without a=rtpmap."""
        named = {number: codec.rtpmap for number, codec in self.codecs.items()}
        named |= {number: f"{EVENT}/{rate}" for number, rate in self.events.items()}
        return named | {number: f"{NOISE}/{rate}" for number, rate in self.noise.items()}


def offered(terms: MediaTerms, first: Codec | None, numbers: Numbers) -> Payloads:
    """All codecs, and telephone-event at each of their clocks (RFC 4733 §2.1), as well as at 8 kHz,
    for many know no other one whatever they speak; `first` is what is agreed on.
    """
    codecs = sorted(terms.codecs, key=lambda codec: codec != first)
    heard = {numbers.ours(key_of(codec), codec.payload_type): codec for codec in codecs}
    lines = [Line(number, codec.rtpmap, codec.fmtp) for number, codec in heard.items()]
    noise = {_noise(numbers, rate): rate for rate in noisy(codecs) if terms.noise}
    clocks = dict.fromkeys([*(codec.clock_rate for codec in codecs), 8000])
    events = {_event(numbers, rate): rate for rate in clocks if terms.events}
    return Payloads(heard, events, noise, (*lines, *_extras(events, noise, terms)))


def answered(terms: MediaTerms, formats: Formats, best: Format, numbers: Numbers) -> Payloads:
    """Under their numbers as far as these are free here."""
    others = () if terms.one_codec else (one for one in formats.codecs if one is not best)
    heard: dict[int, Codec] = {}
    lines: list[Line] = []
    for one in (best, *others):
        codec = one.codec
        number = numbers.like(key_of(codec), one.number, codec.payload_type)
        heard[number] = codec
        lines.append(Line(number, codec.rtpmap, codec.answer_fmtp(one.fmtp)))
    noise: dict[int, int] = {}
    for rate in noisy(heard.values()):
        if terms.noise and rate in formats.noise:
            noise[_noise(numbers, rate, formats.noise[rate])] = rate
    events: dict[int, int] = {}
    for codec in heard.values():
        rate, event = formats.event_for(codec)
        if terms.events and event is not None:
            events[_event(numbers, rate, event.number)] = rate
    return Payloads(heard, events, noise, (*lines, *_extras(events, noise, terms)))


def accepted(ours: Payloads, formats: Formats) -> Payloads:
    """Of our offer what their answer takes up. They send by our numbers; their own are added where
    they mean nothing else, for not all who write others mean it.
    """
    taken = {one.codec: one.number for one in formats.codecs}
    codecs = {number: codec for number, codec in ours.codecs.items() if codec in taken}
    events = {number: rate for number, rate in ours.events.items() if rate in formats.events}
    noise = {number: rate for number, rate in ours.noise.items() if rate in formats.noise}
    known, clocks = ours.rtpmaps, set(ours.events.values())
    codecs |= {one.number: one.codec for one in formats.codecs if one.number not in known}
    for rate, event in formats.events.items():
        if rate in clocks and event.number not in known:
            events[event.number] = rate
    clocks = set(ours.noise.values())
    noise |= {n: rate for rate, n in formats.noise.items() if rate in clocks and n not in known}
    return Payloads(codecs, events, noise)


def noisy(codecs: Iterable[Codec]) -> list[int]:
    """The clocks of codecs that have no silence of their own, as Opus has (RFC 3389 §1)."""
    return list(dict.fromkeys(one.clock_rate for one in codecs if one.name.lower() != "opus"))


def _event(numbers: Numbers, rate: int, theirs: int | None = None) -> int:
    return _number(numbers, RtpMap(EVENT, rate), theirs, EVENT_TYPES.get(rate))


def _noise(numbers: Numbers, rate: int, theirs: int | None = None) -> int:
    return _number(numbers, RtpMap(NOISE, rate), theirs, NOISE_TYPE if rate == 8000 else None)


def _number(numbers: Numbers, what: RtpMap, theirs: int | None, wanted: int | None) -> int:
    if theirs is None:
        return numbers.ours(what.key, wanted)
    return numbers.like(what.key, theirs, wanted)


def _extras(
    events: Mapping[int, int], noise: Mapping[int, int], terms: MediaTerms
) -> Iterator[Line]:
    yield from (Line(number, f"{NOISE}/{rate}") for number, rate in noise.items())
    for number, rate in events.items():
        yield Line(number, f"{EVENT}/{rate}", terms.events)
