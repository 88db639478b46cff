"""The running service when one of its accounts comes to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from siptg.app.demo.stage import PHONE_NUMBER, stage
from siptg.app.telegram_login import AccountKeeper
from siptg.telegram.people import TelegramCause, TelegramRefused


async def test_a_revoked_phone_account_is_kept_as_such_and_the_service_stays(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as on:
        store, account = on.service.store, on.service.account
        assert [a.state for a in await store.accounts()] == ["signed in", "signed in"]
        phone = next(a for a in on.lab.accounts.values() if a.phone == PHONE_NUMBER.lstrip("+"))
        on.lab.revoke(phone)
        async with asyncio.timeout(20):
            while (known := (await store.accounts())[1]).state != "signed out":
                await asyncio.sleep(0.05)
        assert (known.name, known.word) == ("phone account", "SESSION_REVOKED")
        with pytest.raises(TelegramRefused) as refused:
            await account.find("ann")
        assert refused.value.cause is TelegramCause.GONE
        serving = asyncio.create_task(on.service.run())
        for _ in range(100):  # whatever would end it has its turn
            await asyncio.sleep(0)
        assert not serving.done()
        serving.cancel()


async def test_a_bots_ended_session_is_made_anew_by_its_token(tmp_path: Path) -> None:
    import contextlib

    async with stage(tmp_path) as on:
        bot = next(a for a in on.lab.accounts.values() if a.is_bot)
        on.lab.revoke(bot)
        keeper = AccountKeeper(on.service.config.telegram, on.service.store)
        async with contextlib.AsyncExitStack() as stack:
            again = await keeper.enter_bot(stack)
            assert again is not None and again.me.id == bot.id
        bot.bot_token = "777000:another"
        on.lab.revoke(bot)
        async with contextlib.AsyncExitStack() as stack:
            assert await keeper.enter_bot(stack) is None
        async with asyncio.timeout(10):
            while (await on.service.store.accounts())[0].state != "bot token refused":
                await asyncio.sleep(0.05)
