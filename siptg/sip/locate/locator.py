"""Asks DNS what a plan wants to know, and remembers for a while who did not answer."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.resolver

from siptg.sip.flow import Address
from siptg.sip.locate.plan import Answer, Naptr, Question, Srv, Target, plan
from siptg.sip.uri import Uri

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds for one question."""
PENALTY = 30.0
"""Seconds for which a target that failed comes last."""
MOST_PENALTIES = 1024


class Locator:
    """`nameservers` and `port` are for networks of their own; left out, the system's are asked."""

    def __init__(
        self,
        *,
        nameservers: Sequence[str] | None = None,
        port: int = 53,
        chance: Callable[[], float] = random.random,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own, self._port, self._chance, self._now = nameservers, port, chance, now
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._dead_until = float("-inf")
        self._failed: OrderedDict[tuple[str, Address], float] = OrderedDict()

    async def locate(
        self, uri: Uri, speaks: Sequence[str], *, family: int = socket.AF_UNSPEC
    ) -> list[Target]:
        """Where to try, best first, those that failed lately last. OSError where there is no such
        place.
        """
        steps = plan(uri, speaks, self._chance)
        answer: Answer | None = None
        try:
            while True:
                question = next(steps) if answer is None else steps.send(answer)
                answer = await self._ask(question, family)
        except StopIteration as done:
            targets: list[Target] = done.value
        if not targets:
            raise OSError(socket.EAI_NONAME, f"no address of {uri.host} that we can reach")
        return sorted(targets, key=self._is_bad)

    def failed(self, transport: str, remote: Address) -> None:
        """It did not answer, or said 503: others first for a while (RFC 3263 §4.3)."""
        self._failed[transport, remote] = self._now() + PENALTY
        if len(self._failed) > MOST_PENALTIES:
            self._failed.popitem(last=False)

    def _is_bad(self, target: Target) -> bool:
        key = target.transport, (target.address, target.port)
        until = self._failed.get(key)
        if until is not None and until <= self._now():
            del self._failed[key]
            until = None
        return until is not None

    async def _ask(self, question: Question, family: int) -> Answer:
        if question.kind == "HOST":
            return await self._host(question.name, family)
        if "." not in question.name.removeprefix("_sip._udp.") or self._is_local(question.name):
            return []  # `localhost`, a name of the hosts file: no domain of its own
        return await self._records(question.kind, question.name)

    @staticmethod
    def _is_local(name: str) -> bool:
        return name.rpartition(".")[2] in ("localhost", "local", "invalid", "test") or (
            name.startswith("_") and name.count(".") < 3
        )

    async def _host(self, name: str, family: int) -> list[str]:
        if self._own is not None:
            four, six = family != socket.AF_INET6, family != socket.AF_INET
            kinds = ["A"] * four + ["AAAA"] * six
            found: list[str] = []
            for kind in kinds:
                found += [str(r.address) for r in await self._raw(kind, name)]
            return found
        loop = asyncio.get_running_loop()
        try:
            infos = await loop.getaddrinfo(
                name, None, family=socket.AddressFamily(family), type=socket.SOCK_DGRAM
            )
        except OSError as error:
            log.debug("no address of %s: %s", name, error)
            return []
        return list(dict.fromkeys(str(info[4][0]) for info in infos))

    async def _records(self, kind: str, name: str) -> Answer:
        raw = await self._raw(kind, name)
        if kind == "SRV":
            return [Srv(r.priority, r.weight, r.port, r.target.to_text()) for r in raw]
        return [
            Naptr(
                r.order,
                r.preference,
                r.flags.decode("ascii", "replace"),
                r.service.decode("ascii", "replace"),
                r.replacement.to_text().rstrip("."),
            )
            for r in raw
        ]

    async def _raw(self, kind: str, name: str) -> list[Any]:
        """The records; none where there are none, or where DNS does not answer."""
        if self._dead_until > self._now():
            return []
        try:
            if self._resolver is None:
                self._resolver = self._make()
            return list(await self._resolver.resolve(name, kind, search=False))
        except (dns.exception.DNSException, OSError, ValueError) as error:
            log.debug("no %s of %s: %s", kind, name, error)
            if isinstance(error, dns.exception.Timeout | dns.resolver.NoNameservers):
                self._dead_until = self._now() + PENALTY  # each question would wait as long
            return []

    def _make(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=self._own is None)
        if self._own is not None:
            resolver.nameservers = list(self._own)
            resolver.port = self._port
        resolver.cache = dns.resolver.LRUCache(1000)
        resolver.lifetime = PATIENCE
        return resolver
