"""Our user agent and SIPp: exact messages, loss, repeats, CANCEL, digest; no sound."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest

from siptg.sip.account import SipAccount
from siptg.sip.agent import Session, UserAgent
from siptg.sip.auth import Digest
from siptg.sip.events import Answered, Ended, Ringing, SessionEvent
from siptg.sip.ids import Ids
from siptg.sip.uri import Uri
from siptg.sip.usages.registrar import Registrar
from tests.world.process import sip_uri
from tests.world.sipp import Sipp

pytestmark = pytest.mark.world

PORT = 40_000
"""Where nobody listens: these calls are silent."""
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    f"m=audio {PORT} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
).encode()


class Silence:
    """Media of fixed words."""

    def offer(self) -> bytes:
        return SDP

    def answer(self, offer: bytes) -> bytes:
        if b"PCMU" not in offer:
            raise ValueError("no codec in common")
        return SDP

    def accept(self, answer: bytes) -> None:
        if b"m=audio" not in answer:
            raise ValueError("no audio")


Serve = Callable[[Session], Coroutine[None, None, None]]


@contextlib.asynccontextmanager
async def serving(
    serve: Serve, *, guard: Digest | None = None, registrar: Registrar | None = None
) -> AsyncIterator[UserAgent]:
    """An agent on loopback; each incoming call is `serve`d in a task of its own."""
    agent = UserAgent(("127.0.0.1", 0), guard=guard, registrar=registrar)
    async with agent, asyncio.TaskGroup() as group:

        async def take() -> None:
            async for session in agent.sessions():
                session.set_media(Silence())
                group.create_task(serve(session))

        taking = group.create_task(take())
        yield agent
        taking.cancel()


async def last(session: Session, *, hang_up: bool = False) -> list[SessionEvent]:
    """All events of a call; with `hang_up` it is ended by us once it is answered."""
    seen: list[SessionEvent] = []
    async for event in session.events():
        seen.append(event)
        if hang_up and isinstance(event, Answered):
            session.hangup()
    return seen


async def ring_and_answer(session: Session) -> None:
    session.ring()
    await asyncio.sleep(0.05)
    session.answer()
    assert isinstance((await last(session))[0], Answered)


async def ring_slowly(session: Session) -> None:
    session.ring()
    await asyncio.sleep(0.4)
    session.answer()
    await last(session)


async def ring_for_ever(session: Session) -> None:
    session.ring()
    ended = (await last(session))[-1]
    assert isinstance(ended, Ended)
    assert ended.by_remote and ended.status == 487


async def dial(agent: UserAgent, sipp: Sipp, password: str = "") -> Session:
    to, us = (Uri.parse(sip_uri(user, sipp.address)) for user in ("bob", "alice"))
    return agent.invite(to, Silence(), account=SipAccount(us, password) if password else None)


def alice() -> Digest:
    """Of MD5 alone: SIPp gives up where the first challenge is SHA-256."""
    return Digest("test", {"alice": "secret"}.get, Ids(), algorithms=("MD5",))


# SIPp calls us


async def test_ten_calls_a_second_are_answered_and_ended_by_sipp(tmp_path: Path) -> None:
    async with (
        serving(ring_and_answer) as agent,
        Sipp("uac_call", agent.address, folder=tmp_path, calls=10) as sipp,
    ):
        await sipp.done()


@pytest.mark.rfc(3261, "13.3.1.4")
async def test_our_200_is_repeated_until_its_ack_comes(tmp_path: Path) -> None:
    async with (
        serving(ring_and_answer) as agent,
        Sipp("uac_lost_ack", agent.address, folder=tmp_path, repeats=True) as sipp,
    ):
        await sipp.done()


@pytest.mark.rfc(3261, "17.2.1")
async def test_repeated_requests_bring_the_same_answers_and_no_second_call(tmp_path: Path) -> None:
    async with (
        serving(ring_slowly) as agent,
        Sipp("uac_duplicates", agent.address, folder=tmp_path, repeats=True, calls=5) as sipp,
    ):
        await sipp.done()


@pytest.mark.rfc(3261, "9.2")
async def test_a_call_cancelled_while_it_rings_ends_with_487(tmp_path: Path) -> None:
    async with (
        serving(ring_for_ever) as agent,
        Sipp("uac_cancel", agent.address, folder=tmp_path, calls=10) as sipp,
    ):
        await sipp.done()


@pytest.mark.rfc(6026, "7.1")
async def test_a_cancel_after_the_answer_does_nothing_to_the_call(tmp_path: Path) -> None:
    async with (
        serving(ring_and_answer) as agent,
        Sipp("uac_cancel_late", agent.address, folder=tmp_path, calls=5) as sipp,
    ):
        await sipp.done()


async def test_a_caller_proves_who_it_is_and_is_let_in(tmp_path: Path) -> None:
    login = ("alice", "secret")
    async with (
        serving(ring_and_answer, guard=alice()) as agent,
        Sipp("uac_auth", agent.address, folder=tmp_path, credentials=login) as sipp,
    ):
        await sipp.done()


async def test_a_caller_with_a_wrong_password_reaches_nobody(tmp_path: Path) -> None:
    rung: list[Session] = []

    async def ring(session: Session) -> None:
        rung.append(session)

    login = ("alice", "wrong")
    async with (
        serving(ring, guard=alice()) as agent,
        Sipp("uac_auth", agent.address, folder=tmp_path, credentials=login) as sipp,
    ):
        with pytest.raises(AssertionError, match="401 Unauthorized"):
            await sipp.done()
    assert rung == []


async def test_sipp_registers_with_digest(tmp_path: Path) -> None:
    registrar = Registrar()
    login = {"credentials": ("alice", "secret"), "service": "alice"}
    async with (
        serving(ring_and_answer, guard=alice(), registrar=registrar) as agent,
        Sipp("uac_register", agent.address, folder=tmp_path, **login) as sipp,  # type: ignore[arg-type]
    ):
        await sipp.done()
        assert registrar.locate("alice", agent.now())[0].flow.remote == sipp.address


# We call SIPp


async def test_ten_calls_of_ours_are_answered_and_ended_by_us(tmp_path: Path) -> None:
    async with (
        UserAgent(("127.0.0.1", 0)) as agent,
        Sipp("uas_call", folder=tmp_path, calls=10, hold=0.05) as sipp,
    ):
        calls = [await dial(agent, sipp) for _ in range(10)]
        told = await asyncio.gather(*(last(call, hang_up=True) for call in calls))
        await sipp.done()
    assert told == [[Ringing(180, False), Answered(), Ended(200, "OK", False)]] * 10


@pytest.mark.rfc(3261, "17.1.1.2")
async def test_a_lost_invite_is_sent_again_after_t1_and_twice_t1(tmp_path: Path) -> None:
    async with (
        UserAgent(("127.0.0.1", 0)) as agent,
        Sipp("uas_lost_invite", folder=tmp_path, repeats=True) as sipp,
    ):
        await last(await dial(agent, sipp), hang_up=True)
        await sipp.done()


@pytest.mark.rfc(3261, "13.2.2.4")
async def test_each_200_brings_an_ack_and_a_lost_bye_is_sent_again(tmp_path: Path) -> None:
    async with (
        UserAgent(("127.0.0.1", 0)) as agent,
        Sipp("uas_lost_200", folder=tmp_path, repeats=True) as sipp,
    ):
        call = await dial(agent, sipp)
        watching = asyncio.create_task(last(call))
        await asyncio.sleep(1.0)  # SIPp repeats its 200 meanwhile and takes no BYE before
        call.hangup()
        await watching
        await sipp.done()


async def test_busy_is_a_result_with_its_status(tmp_path: Path) -> None:
    async with (
        UserAgent(("127.0.0.1", 0)) as agent,
        Sipp("uas_busy", folder=tmp_path) as sipp,
    ):
        assert await last(await dial(agent, sipp)) == [Ended(486, "Busy Here", True)]
        await sipp.done()


async def test_we_answer_a_challenge_to_our_invite(tmp_path: Path) -> None:
    async with (
        UserAgent(("127.0.0.1", 0)) as agent,
        Sipp("uas_auth", folder=tmp_path) as sipp,
    ):
        told = await last(await dial(agent, sipp, "secret"), hang_up=True)
        await sipp.done()
    assert Answered() in told


async def test_our_cancel_ends_a_call_that_rings(tmp_path: Path) -> None:
    async with (
        UserAgent(("127.0.0.1", 0)) as agent,
        Sipp("uas_cancel", folder=tmp_path) as sipp,
    ):
        call = await dial(agent, sipp)
        async for event in call.events():
            if isinstance(event, Ringing):
                call.hangup()
        await sipp.done()
    assert call.over.result().status == 487


async def test_a_bye_from_the_other_end_ends_our_call(tmp_path: Path) -> None:
    async with (
        UserAgent(("127.0.0.1", 0)) as agent,
        Sipp("uas_hangs_up", folder=tmp_path, hold=0.2) as sipp,
    ):
        ended = (await last(await dial(agent, sipp)))[-1]
        await sipp.done()
    assert isinstance(ended, Ended)
    assert ended.by_remote
