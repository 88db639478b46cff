"""Which way a request leaves, and where its answers shall come back to (RFC 3261 §8.1.2, §18)."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

import attrs

from siptg.sip.flow import Address, Flow
from siptg.sip.grammar import written_host
from siptg.sip.uri import Uri

DEFAULT_PORTS = {"UDP": 5060, "TCP": 5060, "TLS": 5061, "WS": 80, "WSS": 443}
"""All that we can speak, and the port of each (RFC 3261 §18, RFC 7118 §5)."""
LARGEST_DATAGRAM = 1300
"""Bytes of a request that goes over UDP where the path is not known (§18.1.1)."""
MOST_KEPT = 4096


def transport_of(uri: Uri) -> str | None:
    """What the URI itself asks for; None where it leaves the choice (RFC 3263 §4.1)."""
    asked = (uri.params.get("transport") or "").upper()
    if uri.scheme == "sips":
        return "WSS" if asked in ("WS", "WSS") else "TLS"
    return asked if asked in DEFAULT_PORTS else None


def host_of(uri: Uri) -> str:
    """The host that requests go to: maddr where it is there (§19.1.1), brackets off."""
    return (uri.params.get("maddr") or uri.host).strip("[]")


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _fixed(name: str, remote: Address) -> Address | None:
    return None


def _always(flow: Flow) -> bool:
    return True


@attrs.define(eq=False)
class Routing:
    """Filled in by the shell, which knows the sockets; without them it reckons with UDP alone."""

    near: Callable[[str, Address], Address | None] = _fixed
    """Our address of a transport, as that remote address sees it; None where we have none."""
    is_open: Callable[[Flow], bool] = _always
    """A connection's flow can still carry something."""
    hosts: OrderedDict[str, str] = attrs.field(factory=OrderedDict)
    """Addresses of host names that were looked up."""
    without_tcp: OrderedDict[Address, None] = attrs.field(factory=OrderedDict)
    """Who did not take a large request over TCP."""

    _contacts: dict[tuple[str | None, Flow, bool], Uri] = attrs.field(factory=dict)
    """Addresses of ours that were asked for before."""

    def know(self, host: str, address: str) -> None:
        self.hosts[host] = address
        if len(self.hosts) > MOST_KEPT:
            self.hosts.popitem(last=False)

    def contact(self, user: str | None, flow: Flow, *, secure: bool = False) -> Uri:
        known = self._contacts.get((user, flow, secure))
        if known is None:
            if len(self._contacts) >= MOST_KEPT:
                self._contacts.clear()
            known = self._contacts[user, flow, secure] = self._contact(user, flow, secure)
        return known

    @staticmethod
    def _contact(user: str | None, flow: Flow, secure: bool) -> Uri:
        host, port = flow.local
        uri = Uri("sip", user, written_host(host), port)
        if secure and flow.transport in ("TLS", "WSS"):
            uri = attrs.evolve(uri, scheme="sips")
        if flow.transport == "UDP":
            return uri
        name = "ws" if flow.transport in ("WS", "WSS") else flow.transport.lower()
        return uri.with_params(transport=name)

    @staticmethod
    def via(flow: Flow, branch: str) -> str:
        host, port = flow.local
        more = ";alias" if flow.transport in ("TCP", "TLS") else ""
        return f"SIP/2.0/{flow.transport} {written_host(host)}:{port};branch={branch};rport{more}"

    def hop(self, uri: Uri, fallback: Flow) -> Flow:
        """The flow towards a URI's host; `fallback` where its name was not looked up, or where we
        do not speak its transport. A connection to that host is used again (RFC 5923 §1).
        """
        if (uri.host, uri.port) == fallback.remote and uri.scheme == "sip" and not uri.params:
            return fallback  # as nearly always
        host, name = host_of(uri), transport_of(uri)
        host = self.hosts.get(host, host)
        same_host = host == fallback.remote[0]
        if name is None:
            name = fallback.transport if same_host else "UDP"
        port = uri.port or DEFAULT_PORTS[name]
        if name == fallback.transport and (same_host and port == fallback.remote[1]):
            return fallback
        if name == fallback.transport and name != "UDP" and same_host and self.is_open(fallback):
            return fallback
        if not is_address(host):
            return fallback
        remote = host, port
        if name == fallback.transport:
            return Flow(name, fallback.local, remote)
        local = self.near(name, remote)
        return fallback if local is None else Flow(name, local, remote)

    def larger(self, flow: Flow) -> Flow | None:
        """The same peer over TCP, for what is too large for a datagram; None where that cannot
        be (§18.1.1).
        """
        if flow.transport != "UDP" or flow.remote in self.without_tcp:
            return None
        local = self.near("TCP", flow.remote)
        return None if local is None else Flow("TCP", local, flow.remote)

    def no_tcp(self, remote: Address) -> None:
        self.without_tcp[remote] = None
        if len(self.without_tcp) > MOST_KEPT:
            self.without_tcp.popitem(last=False)
