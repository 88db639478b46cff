"""Which questions to ask DNS about a URI, and what follows from the answers (RFC 3263 §4).

A plan is a generator: it yields questions, is sent answers, and returns the targets. It knows no
socket and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import attrs

from siptg.sip.routing import DEFAULT_PORTS, host_of, is_address, transport_of
from siptg.sip.uri import Uri

SERVICES = {
    "SIP+D2U": "UDP",
    "SIP+D2T": "TCP",
    "SIPS+D2T": "TLS",
    "SIP+D2W": "WS",
    "SIPS+D2W": "WSS",
}
"""NAPTR services (RFC 3263 §4.1, RFC 7118 §6)."""
LABELS = {
    "UDP": "_sip._udp",
    "TCP": "_sip._tcp",
    "TLS": "_sips._tcp",
    "WS": "_sip._ws",
    "WSS": "_sips._ws",
}
MOST_TARGETS = 16


@attrs.frozen
class Question:
    kind: str
    """`NAPTR`, `SRV` or `HOST` (A and AAAA)."""
    name: str


@attrs.frozen
class Naptr:
    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@attrs.frozen
class Srv:
    priority: int
    weight: int
    port: int
    target: str


@attrs.frozen
class Target:
    """One place to try."""

    transport: str
    host: str
    """The name that its certificate has to show."""
    address: str
    port: int


Answer = Sequence[Naptr | Srv | str]
Plan = Generator[Question, Answer, list[Target]]


def plan(uri: Uri, speaks: Sequence[str], random: Callable[[], float]) -> Plan:
    """The places to try, best first; none where the name leads nowhere. `speaks` are our
    transports, the ones we like best first.
    """
    host, asked = host_of(uri), transport_of(uri)
    if asked is not None and asked not in speaks:
        return []
    if is_address(host) or uri.port is not None:
        name = asked or _first(speaks)
        found = yield from _addresses(host)
        return [Target(name, host, a, uri.port or DEFAULT_PORTS[name]) for a in found]
    if asked is None:
        services = yield from _services(host, speaks, random)
        if services:
            return services
    for name in [asked] if asked else speaks:
        found_here = yield from _srv(name, f"{LABELS[name]}.{host}", host, random)
        if found_here:
            return found_here
    name = asked or _first(speaks)
    found = yield from _addresses(host)
    return [Target(name, host, a, DEFAULT_PORTS[name]) for a in found][:MOST_TARGETS]


def _first(speaks: Sequence[str]) -> str:
    """Of a SIP URI that says nothing: UDP, unless we do not speak it."""
    return "UDP" if "UDP" in speaks else speaks[0]


def _addresses(host: str) -> Generator[Question, Answer, list[str]]:
    if is_address(host):
        return [host]
    answer = yield Question("HOST", host)
    return [found for found in answer if isinstance(found, str)]


def _services(
    host: str, speaks: Sequence[str], random: Callable[[], float]
) -> Generator[Question, Answer, list[Target]]:
    answer = yield Question("NAPTR", host)
    useful = [
        n
        for n in answer
        if isinstance(n, Naptr)
        and n.flags.lower() == "s"
        and SERVICES.get(n.service.upper()) in speaks
    ]
    for record in sorted(useful, key=lambda n: (n.order, n.preference)):
        name = SERVICES[record.service.upper()]
        found = yield from _srv(name, record.replacement, host, random)
        if found:
            return found
    return []


def _srv(
    name: str, label: str, domain: str, random: Callable[[], float]
) -> Generator[Question, Answer, list[Target]]:
    answer = yield Question("SRV", label)
    targets: list[Target] = []
    records = [r for r in answer if isinstance(r, Srv) and r.target not in ("", ".")]
    for record in ordered(records, random):
        if len(targets) >= MOST_TARGETS:
            break
        host = record.target.rstrip(".")
        addresses = yield from _addresses(host)
        # a certificate shows the domain that was asked for, not what DNS made of it (RFC 5922 §4)
        targets += [Target(name, domain, a, record.port) for a in addresses]
    return targets


def ordered(records: Sequence[Srv], random: Callable[[], float]) -> list[Srv]:
    """By priority, inside of one by lots as heavy as their weights (RFC 2782)."""
    result: list[Srv] = []
    for priority in sorted({r.priority for r in records}):
        left = sorted((r for r in records if r.priority == priority), key=lambda r: r.weight)
        while left:
            drawn = random() * sum(r.weight for r in left)
            chosen = left[-1]
            for record in left:
                drawn -= record.weight
                if drawn <= 0:
                    chosen = record
                    break
            left.remove(chosen)
            result.append(chosen)
    return result
