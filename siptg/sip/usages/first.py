"""The first request of something: INVITE, SUBSCRIBE, OPTIONS, MESSAGE of an account (RFC 3261
§8.1.1).
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from siptg.sip.account import SipAccount
from siptg.sip.flow import Flow
from siptg.sip.headers import Headers
from siptg.sip.identity import ANONYMOUS
from siptg.sip.message import Request
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.core import Core


@attrs.define
class Standing:
    """What a registrar told an account: it holds for whatever the account asks for next."""

    service_route: tuple[NameAddr, ...] = ()
    """RFC 3608: the way of all its requests."""
    gruu: Uri | None = None
    """RFC 5627: an address that leads to this very device from everywhere."""


def routes_of(account: SipAccount, standing: Standing | None) -> list[NameAddr]:
    """The Route of a first request: the registrar's, else our outbound proxy where it is a loose
    router (`;lr`); a proxy without that is only sent to.
    """
    if standing is not None and standing.service_route:
        return list(standing.service_route)
    proxy = account.proxy
    return [NameAddr(proxy)] if proxy is not None and "lr" in proxy.params else []


def first_request(
    core: Core,
    method: str,
    to: NameAddr,
    account: SipAccount,
    flow: Flow,
    tag: str,
    *,
    standing: Standing | None = None,
    more: Iterable[tuple[str, str]] = (),
) -> Request:
    """Ready but for its Via."""
    secure = to.uri.scheme == "sips"
    contact = standing.gruu if standing is not None else None
    contact = contact or core.contact(account.uri.user, flow, secure=secure)
    sender = ANONYMOUS if account.anonymous else account.name_addr
    headers = [("Route", str(route)) for route in routes_of(account, standing)]
    headers += [
        ("Max-Forwards", "70"),
        ("From", f"{sender};tag={tag}"),
        ("To", str(to)),
        ("Call-ID", core.ids.call_id()),
        ("CSeq", f"1 {method}"),
        ("Contact", f"<{contact}>"),
    ]
    if account.anonymous:  # RFC 3323 §4.1, RFC 3325 §9.2
        headers += [("Privacy", "id"), ("P-Preferred-Identity", str(account.name_addr))]
    if account.asserted is not None:
        headers.append(("P-Asserted-Identity", str(account.asserted)))
    return Request(method, to.uri.without_headers(), Headers([*headers, *more]))
