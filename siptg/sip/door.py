"""Who may knock, how often, and who is not heard for a while: before any request is looked into."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

import attrs

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MOST_SOURCES = 20_000
LOOPBACK = ("127.0.0.0/8", "::1/128")


@attrs.frozen
class DoorRules:
    """Numbers of a `Door`. Rates are requests that begin something, a second and source."""

    tries: int = 8
    """Wrong passwords within `window` that ban their source."""
    window: float = 600.0
    ban: float = 60.0
    """Seconds of a first ban, more or less by half; each further one is twice as long."""
    longest_ban: float = 86_400.0
    rate: float = 100.0
    """0 for no limit."""
    burst: float = 500.0


@attrs.define
class _Source:
    failures: int = 0
    since: float = 0.0
    bans: int = 0
    until: float = float("-inf")
    tokens: float = 0.0
    seen: float = float("-inf")


@lru_cache(4096)
def source_of(address: str) -> str:
    """What counts as one source: an IPv4 address, or a /64 of IPv6, which is one customer."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


@attrs.define(eq=False)
class Door:
    """`peers` are networks that need no password, and the names they go by: trunks. They and
    `trusted` networks are neither limited nor banned. Over UDP a source address can be forged:
    a trunk that matters comes over TCP or TLS, or from a network of its own.
    """

    rules: DoorRules = attrs.field(factory=DoorRules)
    peers: Mapping[str, str] = attrs.field(factory=dict)
    trusted: Iterable[str] = LOOPBACK
    random: Callable[[], float] = attrs.field(default=lambda: 0.5)
    _sources: OrderedDict[str, _Source] = attrs.field(factory=OrderedDict, init=False)
    _peers: list[tuple[Network, str]] = attrs.field(init=False)
    _trusted: list[Network] = attrs.field(init=False)
    _free: OrderedDict[str, bool] = attrs.field(factory=OrderedDict, init=False)

    def __attrs_post_init__(self) -> None:
        """ValueError names a network that is none."""
        self._peers = [(ipaddress.ip_network(n), name) for n, name in self.peers.items()]
        self._trusted = [ipaddress.ip_network(n) for n in self.trusted]

    def peer(self, address: str) -> str | None:
        """The trunk that an address belongs to."""
        if not self._peers:
            return None
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return None
        return next((name for network, name in self._peers if parsed in network), None)

    def admits(self, address: str, now: float) -> bool:
        """One request that begins something knocks; False where it is to be dropped in silence."""
        if self.is_free(address):
            return True
        source = self._source(source_of(address))
        if source.until > now:
            return False
        rules = self.rules
        if not rules.rate:
            return True
        gained = (now - source.seen) * rules.rate if source.seen > float("-inf") else rules.burst
        source.tokens, source.seen = min(rules.burst, source.tokens + gained), now
        if source.tokens < 1.0:
            return False
        source.tokens -= 1.0
        return True

    def is_banned(self, address: str, now: float) -> bool:
        source = self._sources.get(source_of(address))
        return source is not None and source.until > now

    def failed(self, address: str, now: float) -> bool:
        """A wrong password came from there; True where that bans it."""
        if self.is_free(address):
            return False
        source, rules = self._source(source_of(address)), self.rules
        if now - source.since > rules.window:
            source.failures, source.since = 0, now
        source.failures += 1
        if source.failures < rules.tries:
            return False
        length = min(rules.ban * 2.0**source.bans, rules.longest_ban)
        source.until = now + length * (0.5 + self.random())
        source.bans, source.failures = min(source.bans + 1, 32), 0
        return True

    def succeeded(self, address: str) -> None:
        source = self._sources.get(source_of(address))
        if source is not None:
            source.failures = 0

    def is_free(self, address: str) -> bool:
        """Neither limited nor banned."""
        known = self._free.get(address)
        if known is None:
            known = self._free[address] = self._is_free(address)
            if len(self._free) > MOST_SOURCES:
                self._free.popitem(last=False)
        return known

    def _is_free(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return self.peer(address) is not None or any(parsed in n for n in self._trusted)

    def _source(self, key: str) -> _Source:
        """Known sources, the latest last; who was not heard of for longest is forgotten."""
        source = self._sources.pop(key, None) or _Source()
        self._sources[key] = source
        while len(self._sources) > MOST_SOURCES:
            self._sources.popitem(last=False)
        return source
