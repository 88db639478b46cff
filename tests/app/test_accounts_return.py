"""Accounts whose sessions are ended, and that come back while the service runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import attrs
import pytest
import pytest_asyncio
from telethon.sessions import StringSession
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.app.config import Config
from siptg.app.demo.stage import BOT_TOKEN, PHONE_NAME, PHONE_NUMBER, Stage, stage
from siptg.app.demo.user import Talking, next_call
from siptg.app.telegram_login import log_in, log_in_as
from siptg.sip.registration import RegistrationState
from siptg.telegram.account.sign_in import CodeSent
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.lab.dcs import data_centre
from siptg.telegram.lab.user import Seen
from tests.support.background import open_files

LOOK_EVERY = 0.05


@pytest_asyncio.fixture
async def on(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as made:
        made.service.keeper.look_every = LOOK_EVERY
        yield made


def phone_of(lab: Lab) -> LabAccount:
    return next(a for a in lab.accounts.values() if a.phone == PHONE_NUMBER.lstrip("+"))


def bot_of(lab: Lab) -> LabAccount:
    return next(a for a in lab.accounts.values() if a.is_bot)


async def state_is(on: Stage, name: str, state: str) -> None:
    async with asyncio.timeout(20):
        while {a.name: a.state for a in await on.service.store.accounts()}.get(name) != state:
            await asyncio.sleep(0.02)


async def log_in_again(on: Stage, number: str = PHONE_NUMBER) -> None:
    """`siptg login` beside the service that runs."""

    async def code() -> str:
        return on.lab.code_for(number)

    await log_in(on.service.config.telegram, on.service.store, number, code)


async def revoked(on: Stage) -> None:
    on.lab.revoke(phone_of(on.lab))
    await state_is(on, "phone account", "signed out")


async def in_use(on: Stage) -> None:
    """The session that was kept last has been taken."""
    await state_is(on, "phone account", "signed in")
    async with asyncio.timeout(5):
        while not on.service.account.connected:
            await asyncio.sleep(0.01)


async def idle(on: Stage) -> None:
    async with asyncio.timeout(8):
        while any(c.state.value != "idle" or c._tasks for c in on.service.conversations.values()):
            await asyncio.sleep(0.01)


def says(*words: str) -> Callable[[Seen], bool]:
    return lambda seen: all(word in seen.text for word in words)


async def dialled(on: Stage, name: str = PHONE_NAME) -> None:
    """She sends a number, is called back, and hangs up."""
    await on.ann.write(await on.ann.find(name), "100")
    async with await next_call(on.ann, on.clock, 8) as talking:
        await talking.call.hangup()
        await on.ann.sees(says("↗ 100"), 8)
    on.ann.seen.clear()
    await idle(on)


async def talking_to_the_pbx(on: Stage) -> Talking:
    mark = on.pbx.mark()
    await on.ann.write(await on.ann.find(PHONE_NAME), "100")
    talking = await next_call(on.ann, on.clock, 8)
    await talking.call.answer()
    await on.pbx.until(lambda line: "answered" in line, 8, mark)
    await asyncio.wait_for(talking.answered.wait(), 8)
    return talking


async def test_after_a_login_the_next_message_is_dialled_and_nothing_is_left_behind(
    on: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    line = next(iter(on.service.lines))
    await dialled(on)
    tasks, files = len(asyncio.all_tasks()), len(open_files())
    for _ in range(3):
        await revoked(on)
        await log_in_again(on)
        await in_use(on)
        await dialled(on)
    async with asyncio.timeout(10):  # what is on its way out takes its time
        while len(asyncio.all_tasks()) > tasks or len(open_files()) > files:
            await asyncio.sleep(0.05)
    assert caplog.text.count("the phone account: waiting for `siptg login`") == 3
    assert line.state is RegistrationState.READY
    assert sum((s.source, s.text) == ("siptg", "REGISTER") for s in on.sip) <= 2


async def test_what_she_writes_meanwhile_is_read_after_the_login(on: Stage) -> None:
    await dialled(on)
    await revoked(on)
    await on.ann.write(await on.ann.find(PHONE_NAME), "100")
    await log_in_again(on)
    async with await next_call(on.ann, on.clock, 8):
        pass


async def test_a_call_lives_through_the_end_and_the_return_of_its_account(on: Stage) -> None:
    talking, mark = await talking_to_the_pbx(on), on.pbx.mark()
    await revoked(on)
    await log_in_again(on)
    await in_use(on)
    card = await on.ann.sees(lambda seen: any(b[0] == "1" for b in seen.buttons))
    await on.ann.press(await on.ann.find(PHONE_NAME), card, "1")
    await on.pbx.until(lambda line: line.get("digits") == "1", 5, mark)
    assert not talking.ended.is_set()
    on.pbx.tell(do="hangup")
    await asyncio.wait_for(talking.ended.wait(), 5)
    await on.ann.sees(says("↗ 100"), 8)
    await talking.close()
    await dialled(on)


async def test_another_telegram_user_takes_the_place_and_old_calls_end(
    on: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    talking, mark = await talking_to_the_pbx(on), on.pbx.mark()
    await revoked(on)
    other = on.lab.add_user("Other", "+10000003", "other_phone")
    await log_in_again(on, other.phone)
    await on.pbx.until(lambda line: "ended" in line, 8, mark)
    await talking.close()
    await idle(on)
    await in_use(on)
    assert on.service.account.me.id == other.id
    assert "another Telegram user" in caplog.text
    # nobody has written to it yet: it knows her by her user name
    on.pbx.tell(do="call", user="ann")
    async with await next_call(on.ann, on.clock, 8):
        await on.ann.sees(says("+4930123456"))
    await idle(on)
    await dialled(on, "other_phone")


async def test_a_login_that_telegram_does_not_know_is_told_and_the_next_one_is_taken(
    on: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await revoked(on)
    # the first one is Telethon's own, which takes it for no sign-in yet
    on.lab.refuse(phone_of(on.lab), fn.users.GetUsersRequest, 401, "SESSION_EXPIRED", times=2)
    await log_in_again(on)
    await state_is(on, "phone account", "expired")
    await log_in_again(on)
    await in_use(on)
    await dialled(on)
    assert caplog.text.count("the phone account cannot be used") == 1


async def test_a_bots_session_is_no_phone_account(
    on: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await revoked(on)
    config, store = on.service.config.telegram, on.service.store
    await store.keep_session("phone account", await store.session("bot"))
    async with asyncio.timeout(5):
        while "is that of a bot" not in caplog.text:
            await asyncio.sleep(0.02)
    await log_in_again(on)
    await in_use(on)
    assert await store.session(config.account) != await store.session(config.bot)


async def test_a_bot_comes_back_by_its_token_and_its_cards_have_buttons(on: Stage) -> None:
    before = await on.service.store.session("bot")
    on.lab.revoke(bot_of(on.lab))
    async with asyncio.timeout(10):
        while await on.service.store.session("bot") == before or not on.service.bot.connected:
            await asyncio.sleep(0.02)
    async with await talking_to_the_pbx(on):
        await on.ann.sees(lambda seen: any(b[0] == "1" for b in seen.buttons))


async def test_a_bot_with_a_new_token_comes_back_by_a_login(
    on: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    bot = bot_of(on.lab)
    bot.bot_token = "777000:another"
    on.lab.revoke(bot)
    await state_is(on, "bot", "bot token refused")
    assert "the bot: waiting for `siptg login --bot`" in caplog.text
    async with await talking_to_the_pbx(on):
        await on.ann.sees(says("/1"))
    await idle(on)
    kept = {a.name: a.state for a in await on.service.store.accounts()}
    assert kept["bot"] == "bot token refused", "it was looked at again and again meanwhile"
    on.ann.seen.clear()
    config, store = on.service.config.telegram, on.service.store
    await log_in_as(config, store, config.bot, NoQuestions(), token=bot.bot_token)
    async with asyncio.timeout(10):
        while not on.service.bot.connected:
            await asyncio.sleep(0.02)
    async with await talking_to_the_pbx(on):
        await on.ann.sees(lambda seen: any(b[0] == "1" for b in seen.buttons))


async def test_a_bot_that_was_not_there_at_the_start_may_come_later(tmp_path: Path) -> None:
    def without(config: Config) -> Config:
        return attrs.evolve(config, telegram=attrs.evolve(config.telegram, bot_token=""))

    async with stage(tmp_path, change=without) as on:
        on.service.keeper.look_every = LOOK_EVERY
        assert not on.service.bot.connected
        config, store = on.service.config.telegram, on.service.store
        await log_in_as(config, store, config.bot, NoQuestions(), token=BOT_TOKEN)
        async with asyncio.timeout(10):
            while not on.service.bot.connected:
                await asyncio.sleep(0.02)
        async with await talking_to_the_pbx(on):
            await on.ann.sees(lambda seen: any(b[0] == "1" for b in seen.buttons))


async def test_accounts_that_telegram_moves_are_kept_where_they_are_now(on: Stage) -> None:
    service, dcs = on.service, on.lab.dcs
    async with data_centre(on.lab, 4):
        dcs.move(phone_of(on.lab), 4)
        await service.account.find("ann")
        dcs.move(bot_of(on.lab), 4)
        await service.bot.ask(fn.users.GetUsersRequest([tl.InputUserSelf()]))
        for name in ("phone account", "bot"):
            assert StringSession(await service.store.session(name)).dc_id == 4
        async with await talking_to_the_pbx(on):
            await on.ann.sees(lambda seen: any(b[0] == "1" for b in seen.buttons))
        await idle(on)
        # the session that it was moved with is the one that is gone
        await revoked(on)
        await log_in_again(on)
        await in_use(on)
        await dialled(on)


async def test_a_move_takes_nothing_from_a_login_that_waits_to_be_used(on: Stage) -> None:
    service = on.service
    await log_in_again(on)
    fresh = await service.store.session("phone account")
    async with data_centre(on.lab, 4):
        on.lab.dcs.move(phone_of(on.lab), 4)
        await service.account.find("ann")
        assert StringSession(service.account.session).dc_id == 4
        assert await service.store.session("phone account") == fresh


class NoQuestions:
    """A bot's sign-in asks nothing."""

    async def code(self, sent: CodeSent, trouble: str) -> str:
        raise AssertionError

    async def password(self, hint: str, trouble: str) -> str:
        raise AssertionError

    async def show(self, url: str, until: datetime) -> None:
        raise AssertionError


@pytest.mark.parametrize("kept", ["garbage", "\0\xff", "1" + "A" * 352, "1" * 10_000])
async def test_what_is_kept_and_is_no_session_is_said_and_the_service_goes_on(
    on: Stage, caplog: pytest.LogCaptureFixture, kept: str
) -> None:
    await revoked(on)
    await on.service.store.keep_session("phone account", kept)
    async with asyncio.timeout(5):
        while "what is kept as this session is none" not in caplog.text:
            await asyncio.sleep(0.01)
    await log_in_again(on)
    await in_use(on)
    await dialled(on)
    assert caplog.text.count("what is kept as this session is none") == 1
