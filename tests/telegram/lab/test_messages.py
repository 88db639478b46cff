"""What Telegram's servers check of messages, the lab checks."""

from __future__ import annotations

import gzip
import struct
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from telethon.tl import functions as fn
from telethon.tl import types as tl
from telethon.tl.core import RpcResult
from telethon.tl.tlobject import TLObject

from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.lab.limits import Limit
from tests.telegram.lab.raw import Raw, now_id

STATE = fn.updates.GetStateRequest()


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab() as made:
        made.add_user("Ann", "+100", "ann")
        made.add_user("Bob", "+200", "bob")
        yield made


@pytest_asyncio.fixture
async def raw(lab: Lab) -> AsyncIterator[Raw]:
    async with await Raw.signed_in(lab, named(lab, "Ann")) as made:
        yield made


def named(lab: Lab, name: str) -> LabAccount:
    return next(a for a in lab.accounts.values() if a.first_name == name)


@pytest.mark.parametrize(
    ("seconds", "odd", "code"), [(-400, 0, 16), (100, 0, 17), (0, 1, 18), (0, 2, 18)]
)
async def test_an_id_that_cannot_be_is_told(raw: Raw, seconds: int, odd: int, code: int) -> None:
    await raw.ask(STATE, msg_id=now_id(seconds) + odd)
    assert (await raw.until(tl.BadMsgNotification)).error_code == code


async def test_numbers_of_messages_are_held_to_the_order_of_their_ids(raw: Raw) -> None:
    first = await raw.ask(STATE, seq=21)
    await raw.until(RpcResult, first)
    for seq, msg_id, code in (
        (19, 0, 32),
        (23, first - 4, 33),
        (22, 0, 35),
    ):
        await raw.ask(STATE, msg_id=msg_id, seq=seq)
        assert (await raw.until(tl.BadMsgNotification)).error_code == code
    await raw.ask(tl.MsgsAck([1]), seq=31)
    assert (await raw.until(tl.BadMsgNotification)).error_code == 34


async def test_a_query_that_comes_again_is_answered_again_and_not_done_again(
    lab: Lab, raw: Raw
) -> None:
    msg_id, seq = raw.new_id(), raw.next_seq()
    lab.log.clear()
    await raw.ask(STATE, msg_id, seq)
    await raw.until(RpcResult, msg_id)
    answer = raw.last_id
    await raw.ask(STATE, msg_id, seq)
    await raw.until(RpcResult, msg_id)
    assert raw.last_id == answer
    assert [entry.request for entry in lab.log].count("GetStateRequest") == 1


def container(parts: list[tuple[int, int, bytes]]) -> bytes:
    packed = [struct.pack("<qii", i, s, len(b)) + b for i, s, b in parts]
    return struct.pack("<Ii", 0x73F1F8DC, len(parts)) + b"".join(packed)


async def test_containers_are_opened_and_bad_ones_told(raw: Raw) -> None:
    ids = [raw.new_id(), raw.new_id()]
    body = container([(i, raw.next_seq(), bytes(STATE)) for i in ids])
    whole = raw.say(body, raw.new_id(), 4)
    for msg_id in ids:
        assert await raw.error(msg_id) == ""
    raw.say(body, whole, 4)
    assert (await raw.until(tl.BadMsgNotification)).error_code == 19
    later = raw.new_id()
    raw.say(container([(raw.new_id(), raw.next_seq(), bytes(STATE))]), later, 4)
    assert (await raw.until(tl.BadMsgNotification)).error_code == 64
    for bad in (container([(raw.new_id(), 1, container([]))]), struct.pack("<Ii", 0x73F1F8DC, 9)):
        raw.say(bad, raw.new_id(), 4)
        assert (await raw.until(tl.BadMsgNotification)).error_code == 64


async def test_salts_change_by_the_hour_and_are_told_before(lab: Lab, raw: Raw) -> None:
    before = raw.salt
    asked = await raw.ask(fn.GetFutureSaltsRequest(3))
    salts = (await raw.until(tl.FutureSalts)).salts
    assert salts[0].salt == before and asked
    lab.clock_ahead = 2 * 3600
    late = raw.new_id() + (2 * 3600 << 32)
    await raw.ask(STATE, msg_id=late, seq=51)
    told = await raw.until(tl.BadServerSalt)
    assert told.bad_msg_id == late and told.new_server_salt == salts[2].salt
    lab.clock_ahead = 0.0


async def test_what_was_not_acknowledged_goes_again_when_the_session_returns(
    lab: Lab, raw: Raw
) -> None:
    asked = await raw.ask(STATE)
    await raw.until(RpcResult, asked)
    answer = raw.last_id
    raw.leave()
    await raw.connect()
    await raw.ask(fn.PingRequest(2))
    await raw.until(RpcResult, asked)
    assert raw.last_id == answer
    await raw.ask(tl.MsgsAck([answer]), seq=400)
    raw.leave()
    await raw.connect()
    pinged = await raw.ask(fn.PingRequest(3))
    await raw.until(tl.Pong)
    assert answer not in [msg_id for msg_id, _ in raw.got] and pinged


async def test_states_are_told_and_messages_sent_again_when_asked_for(raw: Raw) -> None:
    asked = await raw.ask(STATE)
    await raw.until(RpcResult, asked)
    answer = raw.last_id
    await raw.ask(tl.MsgsStateReq([asked, asked + 4, 5]))
    states = list(map(ord, (await raw.until(tl.MsgsStateInfo)).info))
    assert (states[0] & 7, states[2]) == (4, 1)
    await raw.ask(tl.MsgResendReq([answer]))
    await raw.until(RpcResult, asked)
    assert raw.last_id == answer


async def test_an_answer_can_be_dropped_and_a_session_destroyed(raw: Raw) -> None:
    asked = await raw.ask(STATE)
    await raw.until(RpcResult, asked)
    dropping = await raw.ask(fn.RpcDropAnswerRequest(asked))
    dropped = raw.result(await raw.until(RpcResult, dropping))
    assert isinstance(dropped, tl.RpcAnswerDropped) and dropped.msg_id
    unknown = await raw.ask(fn.RpcDropAnswerRequest(asked))
    assert isinstance(raw.result(await raw.until(RpcResult, unknown)), tl.RpcAnswerUnknown)
    await raw.ask(fn.DestroySessionRequest(12345))
    assert (await raw.until(tl.DestroySessionNone)).session_id == 12345


async def test_a_ping_can_say_when_to_hang_up(raw: Raw) -> None:
    await raw.ask(fn.PingDelayDisconnectRequest(7, 0))
    assert (await raw.until(tl.Pong)).ping_id == 7
    with pytest.raises(EOFError):
        await raw.read()


async def test_order_is_kept_where_it_is_asked_for(lab: Lab, raw: Raw) -> None:
    lab.faults.break_down(named(lab, "Ann"), fn.updates.GetStateRequest)
    failing = await raw.ask(STATE)
    assert await raw.error(failing) == "INTERNAL"
    after = await raw.ask(fn.InvokeAfterMsgRequest(failing, STATE))
    assert await raw.error(after) == "MSG_WAIT_FAILED"
    good = await raw.ask(STATE)
    assert await raw.error(await raw.ask(fn.InvokeAfterMsgRequest(good, STATE))) == ""


async def test_who_did_not_say_who_it_is_gets_nothing(lab: Lab, raw: Raw) -> None:
    for entry in lab.keys.values():
        entry.layer = 0
    assert await raw.error(await raw.ask(STATE)) == "CONNECTION_NOT_INITED"
    hello = fn.InitConnectionRequest(1, "d", "s", "a", "en", "", "en", STATE)
    assert await raw.error(await raw.ask(hello)) == "CONNECTION_LAYER_INVALID"
    assert await raw.error(await raw.ask(fn.InvokeWithLayerRequest(200, hello))) == ""
    assert await raw.error(await raw.ask(STATE)) == ""


async def test_bombs_and_garbage_within_a_good_packet_are_refused(raw: Raw) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    packed = struct.pack("<I", 0x3072CFA1) + TLObject.serialize_bytes(bomb)
    packed += bytes(-len(packed) % 4)
    deep = struct.pack("<I", 0xBF9459B7) * 5000 + bytes(STATE)
    for body, text in (
        (packed, "INPUT_FETCH_ERROR"),
        (deep, "INPUT_FETCH_ERROR"),
        (b"\x01\x02\x03\x04" * 3, "INPUT_METHOD_INVALID_67305985"),
    ):
        msg_id = raw.say(body, raw.new_id(), raw.next_seq())
        assert await raw.error(msg_id) == text
    assert await raw.error(await raw.ask(STATE)) == ""


async def test_an_access_hash_is_worth_nothing_to_another(lab: Lab, raw: Raw) -> None:
    ann, bob = named(lab, "Ann"), named(lab, "Bob")
    for viewer, text in ((bob, "USER_ID_INVALID"), (ann, "")):
        peer = tl.InputUser(bob.id, bob.hash_for(viewer))
        assert await raw.error(await raw.ask(fn.users.GetUsersRequest([peer]))) == text


async def test_rate_limits_fill_again(lab: Lab, raw: Raw) -> None:
    lab.limits.of[fn.updates.GetStateRequest] = Limit(2, 600)
    errors = [await raw.error(await raw.ask(STATE)) for _ in range(3)]
    assert errors[:2] == ["", ""] and errors[2].startswith("FLOOD_WAIT_")
    assert lab.limits.wait(named(lab, "Ann").id, fn.updates.GetStateRequest, 1e12) == 0


async def test_transport_errors_on_command_and_when_it_is_crowded(lab: Lab, raw: Raw) -> None:
    lab.faults.transport_error(named(lab, "Ann"), 429)
    await raw.ask(STATE)
    assert await raw.read() == -429
    lab.most_links = 0
    await raw.connect()
    await raw.ask(STATE)
    assert await raw.read() == -429
