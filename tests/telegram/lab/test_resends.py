"""What is not acknowledged goes again by itself, under its old number, and not for ever."""

from __future__ import annotations

from telethon.tl import functions as fn
from telethon.tl import types as tl
from telethon.tl.core import RpcResult

from siptg.telegram.lab import Lab
from siptg.telegram.lab.resends import MOST_WAITED_FOR, Patience, Resends
from tests.telegram.lab.raw import Raw

SOON = Patience(first=0.02, times=2)
STATE = fn.updates.GetStateRequest()


def test_each_wait_is_twice_the_one_before_and_the_last_is_the_last() -> None:
    resends = Resends(Patience(first=10.0, times=3))
    resends.went(5, 100.0)
    went, now = [], 100.0
    while resends.next is not None:
        now = resends.next
        for number in resends.due({5}, now):
            went.append(now)
            resends.went(number, now)
    assert went == [110.0, 130.0, 170.0]


def test_what_was_acknowledged_is_waited_for_no_more() -> None:
    resends = Resends(Patience(first=10.0))
    resends.went(5, 100.0)
    resends.went(9, 104.0)
    assert resends.due({9}, 110.0) == []
    assert resends.next == 114.0 and resends.due({9}, 114.0) == [9]


def test_no_more_are_waited_for_than_a_session_remembers() -> None:
    resends = Resends(Patience(first=1.0))
    for number in range(2 * MOST_WAITED_FOR):
        resends.went(number, float(number))
    every = range(2 * MOST_WAITED_FOR)
    assert len(resends.due(every, 1e9)) == MOST_WAITED_FOR


async def test_a_client_that_never_acknowledges_hears_each_message_so_often_and_no_more() -> None:
    async with Lab() as lab:
        lab.patience = SOON
        ann = lab.add_user("Ann", "+100")
        async with await Raw.signed_in(lab, ann) as raw:
            (link,) = ann.links
            asked = await raw.ask(STATE)
            copies: list[int] = []
            while len(copies) <= SOON.times:
                await raw.until(RpcResult, asked)
                copies.append(raw.last_id)
            assert len(set(copies)) == 1
            while link._resends.next is not None:  # others of the same age
                await raw.read()
            await raw.ask(fn.PingRequest(2))
            await raw.until(tl.Pong)
            assert copies[0] not in [number for number, _ in raw.got]
            assert copies[0] in link.session.unacked  # it still goes when the client returns


async def test_a_lost_acknowledgement_brings_the_same_message_once_more() -> None:
    async with Lab() as lab:
        lab.patience = Patience(first=0.02, times=9)
        ann = lab.add_user("Ann", "+100")
        async with await Raw.signed_in(lab, ann) as raw:
            (link,) = ann.links
            asked = await raw.ask(STATE)
            await raw.until(RpcResult, asked)
            answer = raw.last_id
            lab.faults.lose_acks(ann)
            for kept in (True, False):
                await raw.ask(tl.MsgsAck([answer]), seq=400)
                await raw.ask(fn.PingRequest(3))
                await raw.until(tl.Pong)
                assert (answer in link.session.unacked) is kept
                if kept:
                    await raw.until(RpcResult, asked)
                    assert raw.last_id == answer
            assert answer not in link._resends.due(link.session.unacked, 1e12)
