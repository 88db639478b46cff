"""Finds the transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from siptg.sip.ids import MAGIC_COOKIE
from siptg.sip.message import Request, Response
from siptg.sip.transactions.base import Ended, Key, Transaction
from siptg.sip.transactions.client import Client
from siptg.sip.transactions.invite_client import InviteClient
from siptg.sip.transactions.invite_server import InviteServer
from siptg.sip.transactions.server import Server

_USUAL_BRANCH = re.compile(
    r"SIP/2\.0/[A-Z]+ [A-Za-z0-9.\-]+(?::\d+)?;branch=([A-Za-z0-9]+)"
    r"(?:;rport(?:=\d+)?|;received=[0-9.]+|;alias)*\Z"
)
"""A Via of ours as it comes back: its branch without a look at the rest."""

ClientTransaction = InviteClient | Client
ServerTransaction = InviteServer | Server


@attrs.define(eq=False)
class TransactionTable:
    clients: dict[Key, ClientTransaction] = attrs.field(factory=dict)
    servers: dict[Key, ServerTransaction] = attrs.field(factory=dict)
    merging: dict[Key, Key] = attrs.field(factory=dict)
    """Keys of the INVITEs we serve by their `merge_key`: how a merged request shows (§8.2.2.2)."""

    forget_client: Ended = attrs.field(init=False)
    forget_server: Ended = attrs.field(init=False)
    forget_invite: Ended = attrs.field(init=False)
    """Made once: a bound method for each transaction would weigh as much as its key."""

    def __attrs_post_init__(self) -> None:
        self.forget_client = self._forget_client
        self.forget_server = self._forget_server
        self.forget_invite = self._forget_invite

    @staticmethod
    def client_key(response: Response) -> Key:
        """Branch of the top Via and method of CSeq."""
        found = _USUAL_BRANCH.match(response.headers.first.get("Via", ""))
        return found[1] if found else response.via.branch, response.cseq.method

    @staticmethod
    def server_key(request: Request, method: str | None = None) -> Key:
        """Branch, sent-by and method, where an ACK counts as its INVITE; without the magic cookie
        by the rules of RFC 2543.
        """
        via = request.via
        branch = via.branch
        name = method or ("INVITE" if request.method == "ACK" else request.method)
        if branch and branch.startswith(MAGIC_COOKIE) and branch != MAGIC_COOKIE:
            return f"{branch} {via.host.lower()}:{via.known_port} {name}"
        # the To tag of an ACK is that of our response: without it, all of one INVITE agree
        return request.from_.tag, request.call_id, request.cseq.number, str(request.uri), name

    @staticmethod
    def merge_key(request: Request) -> Key:
        return f"{request.from_.tag} {request.headers.first.get('CSeq')} {request.call_id}"

    def _forget_client(self, transaction: Transaction) -> None:
        self.clients.pop(transaction.key, None)

    def _forget_server(self, transaction: Transaction) -> None:
        self.servers.pop(transaction.key, None)

    def _forget_invite(self, transaction: Transaction) -> None:
        self.servers.pop(transaction.key, None)
        if isinstance(transaction, InviteServer):
            first = self.merging.get(transaction.merged_as)
            if first == transaction.key:
                del self.merging[transaction.merged_as]

    def __len__(self) -> int:
        return len(self.clients) + len(self.servers)

    def __iter__(self) -> Iterator[ClientTransaction | ServerTransaction]:
        yield from list(self.clients.values())
        yield from list(self.servers.values())
