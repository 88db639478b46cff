"""The running service when one of its accounts comes to its end."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from siptg.app.account_keeper import AccountKeeper
from siptg.app.config import ServerConfig, TelegramConfig
from siptg.app.demo.stage import PHONE_NUMBER, stage
from siptg.app.store import SqlStore, open_seal
from siptg.telegram.lab import Lab
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


async def test_a_bots_ended_session_is_made_anew_by_its_token_at_the_start(tmp_path: Path) -> None:
    seal = open_seal(tmp_path / "key", tmp_path / "store")
    async with Lab() as lab, SqlStore(tmp_path / "store", seal) as store:
        bot, server = lab.add_bot("Cards", "cards_bot", "777:token"), lab.server
        config = TelegramConfig(
            api_id=1,
            api_hash="x",
            bot_token=bot.bot_token,
            server=ServerConfig(server.host, server.port, server.public_key, server.dc_id),
        )

        async def connects() -> bool:
            async with contextlib.AsyncExitStack() as stack:
                return (await AccountKeeper(config, store).enter_bot(stack)).connected

        assert await connects()
        lab.revoke(bot)
        assert await connects()
        lab.revoke(bot)
        bot.bot_token = "777:another"
        assert not await connects()
        assert [a.state for a in await store.accounts()] == ["bot token refused"]
