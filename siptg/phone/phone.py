"""The phone itself: an account that registers, stays registered, makes calls and takes them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Self

import attrs

from siptg.phone.calls import Incoming, Outgoing
from siptg.phone.handle import Handle
from siptg.phone.sound import DEFAULT_KEYS, terms_of, ways_of
from siptg.rtp.clock import MediaClock
from siptg.rtp.offer.terms import Policy
from siptg.rtp.stream import DEFAULT_CODECS, MediaStream
from siptg.sip.account import SipAccount
from siptg.sip.agent import UserAgent
from siptg.sip.auth import Digest
from siptg.sip.door import Door
from siptg.sip.flow import Flow
from siptg.sip.ids import Ids
from siptg.sip.registration import Registration
from siptg.sip.routing import host_of, transport_of
from siptg.sip.session import Session
from siptg.sip.timers import Times
from siptg.sip.transport.tls import TlsSettings
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.registrar import Registrar


class Phone:
    """A SIP telephone: `async with Phone("sip:1001@pbx.example.com", password="…") as phone`.

    With an address it registers there and stays registered; without one it only listens. A PBX
    gives a `registrar` and a `guard` and calls whom the registrar has. `clock` is shared where
    several phones run in one process; left out, the phone has its own. The address chooses how it
    is reached: `sip:1001@pbx.example.com;transport=tls`, where `tls` says whom to trust.

    Of calls' sound: `codecs` by their keys (`pcmu`, `g722`, `l16/16000`), best first; `ptime`, the
    milliseconds that a packet should hold; `encryption`, a `Policy` or its name; `dtmf`, the ways
    in which keys go (`rfc4733`, `info`, `inband`), of which the first is used that the other end
    takes. Keys that come are heard by each of these ways, in the audio only where `inband` is
    among them. ValueError for what is none of them.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        password: str = "",
        username: str | None = None,
        display_name: str | None = None,
        proxy: str | None = None,
        expires: int = 300,
        listen: tuple[str, int] | None = None,
        codecs: Sequence[str] = DEFAULT_CODECS,
        ptime: int = 20,
        encryption: Policy | str = Policy.PLAIN,
        dtmf: Sequence[str] = DEFAULT_KEYS,
        clock: MediaClock | None = None,
        guard: Digest | None = None,
        registrar: Registrar | None = None,
        quirks: Iterable[str] = (),
        transports: Sequence[str] | None = None,
        tls: TlsSettings | None = None,
        door: Door | None = None,
        times: Times | None = None,
        ids: Ids | None = None,
    ) -> None:
        self.account = address and SipAccount(
            uri=Uri.parse(address),
            password=password,
            username=username,
            display_name=display_name,
            proxy=Uri.parse(proxy) if proxy else None,
            expires=expires,
            quirks=quirks,
        )
        self.terms = terms_of(codecs, ptime, encryption)
        """What the next call offers or answers; calls that there are keep their own."""
        self.ways = ways_of(dtmf)
        self.registrar = registrar
        self.registration: Registration | None = None
        self.agent: UserAgent
        self._transports, self._tls, self._door = transports, tls, door
        self._listen, self._guard, self._times, self._ids = listen, guard, times, ids
        self._clock, self._given_clock = clock, clock
        self._handles: set[Handle] = set()
        self._hosts = {host_of(self.account.next_hop)} if self.account else set[str]()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        host, port = self._listen or (await self._near_address(), 0)
        async with contextlib.AsyncExitStack() as stack:
            if self._clock is None:
                self._clock = await stack.enter_async_context(MediaClock())
            self.agent = UserAgent(
                (host, port),
                transports=self._transports or self._wanted_transports(),
                tls=self._tls,
                door=self._door,
                ids=self._ids,
                times=self._times or Times(),
                guard=self._guard,
                registrar=self.registrar,
                trusts=self._is_our_pbx if self.account else None,
            )
            await stack.enter_async_context(self.agent)
            self._stack = stack.pop_all()
        if self.account:
            self.registration = self.agent.register(self.account)
        return self

    async def __aexit__(self, *why: object) -> None:
        """End the calls with BYE or CANCEL, take the registration back, close the sockets."""
        await self.agent.close()
        for handle in list(self._handles):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(handle.ended), 0.5)
            handle.task.cancel()
        await asyncio.gather(*(handle.task for handle in self._handles), return_exceptions=True)
        await self._stack.aclose()

    @property
    def address(self) -> tuple[str, int]:
        """Where this phone listens for SIP."""
        return self.agent.address

    async def ready(self) -> None:
        """Wait until the registration holds; RegistrationFailed with the PBX's answer else."""
        if self.registration is not None:
            await self.registration.ready()

    async def dial(self, to: str, *, caller: str | None = None) -> Outgoing:
        """Call a number of our PBX (`100`) or an address (`sip:bob@example.com`).

        `caller` is shown instead of our own name, where there is no account to be bound by.
        ProtocolError says what is wrong with an address.
        """
        target = self.resolve(to)
        account = self.account or None
        if account is None and caller is not None:
            asked = NameAddr.parse(caller)
            account = SipAccount(asked.uri, "", display_name=asked.display_name, proxy=target)
        return await self.dial_uri(target, account=account)

    async def dial_uri(
        self, to: Uri, more: Iterable[tuple[str, str]] = (), *, account: SipAccount | None = None
    ) -> Outgoing:
        """As `dial`, for an address that is parsed; `more` are further headers of the INVITE and
        `account` is one of those that were added.
        """
        stream = await self._open()
        try:
            account = account or self.account or None
            session = self.agent.invite(to, stream, account=account, more=more)
        except BaseException:
            stream.close()
            raise
        return Outgoing(self._handle(session, stream))

    def add(self, account: SipAccount) -> Registration:
        """Register one more account over the same socket, and stay so. Hundreds may be added: their
        first requests are spread, and so are those that follow.
        """
        self._hosts.add(host_of(account.next_hop))
        return self.agent.register(account)

    async def incoming(self) -> AsyncIterator[Incoming]:
        """The calls that come, one after another."""
        async for session in self.agent.sessions():
            stream = await self._open()
            session.set_media(stream)
            yield Incoming(self._handle(session, stream))

    def _handle(self, session: Session, stream: MediaStream) -> Handle:
        if self._clock is None:
            raise RuntimeError("the phone is not open: use `async with Phone(…)`")
        handle = Handle(session, stream, self._clock, self)
        self._handles.add(handle)
        handle.task.add_done_callback(lambda _: self._handles.discard(handle))
        return handle

    async def _open(self) -> MediaStream:
        host = self.agent.address[0]
        return await MediaStream.open(host, terms=self.terms, clock=self._clock)

    def resolve(self, to: str) -> Uri:
        """A number of our PBX or an address, as an address. ValueError without either."""
        if to.startswith(("sip:", "sips:", "tel:")):
            return Uri.parse(to)
        if self.account:
            return attrs.evolve(
                Uri.parse(f"sip:{to}@invalid"),
                host=self.account.uri.host,
                port=self.account.uri.port,
            )
        raise ValueError(f"{to!r} has no host, and this phone has no account to take one from")

    def _wanted_transports(self) -> Sequence[str]:
        """UDP and TCP, and what the account's address asks for."""
        asked = transport_of(self.account.next_hop) if self.account else None
        return ("UDP", "TCP") if asked in (None, "UDP", "TCP") else ("UDP", "TCP", asked)

    def _is_our_pbx(self, flow: Flow) -> bool:
        """Calls for an account come from where it registers, and from nowhere else (SE-9)."""
        hosts = self.agent.stack.routing.hosts
        return any(flow.remote[0] == hosts.get(host, host) for host in self._hosts)

    async def _near_address(self) -> str:
        """The address of ours from which the PBX is reached; loopback where there is none."""
        if not self.account:
            return "127.0.0.1"
        host, port = self.account.next_hop.address
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                found = await loop.getaddrinfo(host, port, family=socket.AF_INET)
                probe.connect(found[0][4])  # sends nothing: it only asks the routing table
            except OSError:
                return "127.0.0.1"
            return str(probe.getsockname()[0])
