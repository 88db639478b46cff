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
ANYWHERE = (
    fn.auth.ExportAuthorizationRequest,
    fn.auth.ImportAuthorizationRequest,
    fn.help.GetConfigRequest,
    fn.messages.EditInlineBotMessageRequest,
    fn.upload.GetFileRequest,
)
"""What an account may ask at other data centres than its home."""


@attrs.define(eq=False)
class DataCentres:
    addresses: dict[int, tuple[str, int]] = attrs.field(factory=dict)
    """Number → where it listens, without the home one."""
    exported: dict[bytes, LabAccount] = attrs.field(factory=dict)
    """What exportAuthorization gave, each good once."""
    homes: dict[int, int] = attrs.field(factory=dict)
    """Account → the data centre that it was moved to."""

    def move(self, account: LabAccount, number: int) -> None:
        """From now on it is at home there: elsewhere it is told nothing, and sent there."""
        self.homes[account.id] = number
        for link in [link for link in account.links if self.of(link) != number]:
            account.links.remove(link)

    def is_home(self, link: Link, account: LabAccount) -> bool:
        return self.of(link) == self.homes.get(account.id, link.lab.sign_ins.dc)

    def refused(self, link: Link, query: type) -> Refused | None:
        """What a client is answered whose account was moved."""
        home = self.homes.get(link.account.id) if link.account is not None else None
        if home is None or home == self.of(link) or query in ANYWHERE:
            return None
        return Refused(303, f"USER_MIGRATE_{home}")

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
    if query.dc_id not in (link.lab.sign_ins.dc, *link.lab.dcs.addresses):
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
