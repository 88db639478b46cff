"""The queue before a Telegram of paper, and sends over a connection that is cut anywhere."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import attrs
import pytest

from siptg.telegram.account.client import Account
from siptg.telegram.account.pace import Priority, Rates
from siptg.telegram.account.queue import Queue
from siptg.telegram.lab import Lab
from siptg.telegram.people import TelegramCause, TelegramRefused
from tests.support.lab import settings, signed_in

FAST = Rates(chat=1000, overall=1000)


@attrs.define(eq=False)
class Paper:
    """Answers each request by itself, or by what was prepared."""

    errors: list[TelegramRefused] = attrs.field(factory=list)
    asked: list[Any] = attrs.field(factory=list)

    async def __call__(self, request: Any) -> Any:
        self.asked.append(request)
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        return request


async def test_edits_that_wait_become_one_and_all_get_its_answer() -> None:
    paper = Paper()
    async with Queue(paper, Rates(chat=20, chat_burst=1)) as queue:
        first = asyncio.create_task(queue.send(1, Priority.NOTE, "first"))
        edits = [
            asyncio.create_task(queue.send(1, Priority.CARD, n, key="k", text=n)) for n in range(5)
        ]
        assert await asyncio.gather(*edits) == [4] * 5
        await first
        assert await queue.send(1, Priority.CARD, 5, key="k", text=4) is None
    assert set(paper.asked) == {"first", 4} and queue.counters["same"] == 1


async def test_troubles_of_telegram_are_tried_again_with_the_same_request() -> None:
    paper = Paper([TelegramRefused(TelegramCause.INTERNAL, "INTERNAL", passing=True)])
    async with Queue(paper, FAST) as queue:
        request = object()
        assert await queue.send(1, Priority.NOTE, request) is request
    assert paper.asked == [request, request]


async def test_flood_waits_are_waited_for_and_calls_are_refused_meanwhile() -> None:
    paper = Paper([TelegramRefused(TelegramCause.FLOOD, "FLOOD_WAIT_1", 1.0)])
    async with Queue(paper, FAST) as queue:
        with pytest.raises(TelegramRefused):
            await queue.now("call")
        with pytest.raises(TelegramRefused) as refused:
            await queue.now("call")
        assert refused.value.seconds > 0.5 and len(paper.asked) == 1
        assert await queue.send(1, Priority.NOTE, "text") == "text"
    assert paper.asked == ["call", "text"]


async def test_other_refusals_are_told_at_once() -> None:
    paper = Paper([TelegramRefused(TelegramCause.BLOCKED, "USER_IS_BLOCKED")])
    async with Queue(paper, FAST) as queue:
        with pytest.raises(TelegramRefused, match="USER_IS_BLOCKED"):
            await queue.send(1, Priority.NOTE, "text")


@attrs.define(eq=False)
class Cutter:
    """A relay before the lab that ends each connection after so many bytes of one direction."""

    lab: Lab
    chance: random.Random
    calm: bool = True
    cuts: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(*self.lab.address)
        both = [
            asyncio.create_task(self._carry(a, b)) for a, b in ((reader, ours), (theirs, writer))
        ]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        for end in (writer, ours):
            end.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        left = self.chance.randrange(400, 4000)
        while data := await source.read(4096):
            if not self.calm and len(data) >= left:
                to.write(data[:left])
                await to.drain()
                self.cuts += 1
                return
            left -= 0 if self.calm else len(data)
            to.write(data)


async def test_a_send_arrives_once_wherever_the_connection_is_cut() -> None:
    async with Lab() as lab:
        ann, bob = lab.add_user("Ann", "+100", "ann"), lab.add_user("Bob", "+200", "bob")
        session = await signed_in(lab, ann)
        cutter = Cutter(lab, random.Random(3))
        server = await asyncio.start_server(cutter.serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        chosen = attrs.evolve(settings(lab, session), rates=FAST)
        async with Account(chosen) as account:
            person = await account.find("bob")
            client = account.telethon
            client.session.set_dc(client.session.dc_id, host, port)
            client._sender._connection._ip, client._sender._connection._port = host, port
            lab.drop(ann)
            cutter.calm = False
            for n in range(40):
                await account.send(person, str(n))
            cutter.calm = True
        server.close()
        texts = [update.message.message for _, update, _ in bob.kept]
        assert texts == [str(n) for n in range(40)] and cutter.cuts > 3
