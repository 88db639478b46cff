"""Finds the transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3)."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from siptg.sip.ids import MAGIC_COOKIE
from siptg.sip.message import Request, Response
from siptg.sip.transactions.base import Key, Transaction
from siptg.sip.transactions.client import Client
from siptg.sip.transactions.invite_client import InviteClient
from siptg.sip.transactions.invite_server import InviteServer
from siptg.sip.transactions.server import Server

ClientTransaction = InviteClient | Client
ServerTransaction = InviteServer | Server


@attrs.define(eq=False)
class TransactionTable:
    clients: dict[Key, ClientTransaction] = attrs.field(factory=dict)
    servers: dict[Key, ServerTransaction] = attrs.field(factory=dict)
    merging: dict[Key, Key] = attrs.field(factory=dict)
    """Key of the INVITE we serve by From tag, Call-ID and CSeq: how a merged request shows
    (§8.2.2.2).
    """

    @staticmethod
    def client_key(message: Request | Response) -> Key:
        """Branch of the top Via and method of CSeq."""
        return message.via.branch, message.cseq.method

    @staticmethod
    def server_key(request: Request, method: str | None = None) -> Key:
        """Branch, sent-by and method, where an ACK counts as its INVITE; without the magic cookie
        by
        the rules of RFC 2543.
        """
        via = request.via
        name = method or ("INVITE" if request.method == "ACK" else request.method)
        if via.branch and via.branch.startswith(MAGIC_COOKIE) and via.branch != MAGIC_COOKIE:
            return via.branch, via.sent_by, name
        # the To tag of an ACK is that of our response: without it, all of one INVITE agree
        return request.from_.tag, request.call_id, request.cseq.number, str(request.uri), name

    def forget_client(self, transaction: Transaction) -> None:
        self.clients.pop(transaction.key, None)

    def forget_server(self, transaction: Transaction) -> None:
        self.servers.pop(transaction.key, None)

    def forget_invite(self, transaction: Transaction) -> None:
        self.servers.pop(transaction.key, None)
        request = transaction.request
        self.merging.pop((request.from_.tag, request.call_id, request.cseq), None)

    def __len__(self) -> int:
        return len(self.clients) + len(self.servers)

    def __iter__(self) -> Iterator[ClientTransaction | ServerTransaction]:
        yield from list(self.clients.values())
        yield from list(self.servers.values())
