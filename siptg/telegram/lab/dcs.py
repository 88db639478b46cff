"""Other data centres: further ports of the same lab.

Simpler than Telegram: all of them know the same keys, accounts and messages; only what is said to
belong to one is refused at the others.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.accounts import LabAccount
from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import Link, Refused

if TYPE_CHECKING:
    from siptg.telegram.lab.server import Lab

MOST_EXPORTED = 1000


@attrs.define(eq=False)
class DataCentres:
    addresses: dict[int, tuple[str, int]] = attrs.field(factory=dict)
    """Number → where it listens, without the home one."""
    exported: dict[bytes, LabAccount] = attrs.field(factory=dict)
    """What exportAuthorization gave, each good once."""

    def of(self, link: Link) -> int:
        """The data centre that a client is connected to."""
        here = link.wire.writer.get_extra_info("sockname")[:2]
        found = (n for n, address in self.addresses.items() if address == here)
        return next(found, link.lab.sign_ins.dc)


@asynccontextmanager
async def data_centre(lab: Lab, number: int) -> AsyncIterator[None]:
    """One more data centre of a lab, as long as the block lasts."""
    server = await asyncio.start_server(lab._serve, lab.address[0], 0)
    lab.dcs.addresses[number] = server.sockets[0].getsockname()[:2]
    try:
        yield
    finally:
        del lab.dcs.addresses[number]
        server.close()


def options(lab: Lab) -> list[Any]:
    return [tl.DcOption(number, *address) for number, address in lab.dcs.addresses.items()]


@handles(fn.auth.ExportAuthorizationRequest)
def export(link: Link, query: Any) -> tl.auth.ExportedAuthorization:
    if query.dc_id not in link.lab.dcs.addresses:
        raise Refused(400, "DC_ID_INVALID")
    exported, token = link.lab.dcs.exported, os.urandom(32)
    exported[token] = link.me
    while len(exported) > MOST_EXPORTED:
        del exported[next(iter(exported))]
    return tl.auth.ExportedAuthorization(link.me.id, token)


@handles(fn.auth.ImportAuthorizationRequest)
def take(link: Link, query: Any) -> tl.auth.Authorization:
    account = link.lab.dcs.exported.pop(query.bytes, None)
    if account is None or account.id != query.id:
        raise Refused(400, "AUTH_BYTES_INVALID")
    link.attach(account)
    return tl.auth.Authorization(account.user(account))
