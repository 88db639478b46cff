"""The product between two strangers: baresip on a SIP line, ntgcalls behind Telegram's own client.

Everything between them is siptg as `siptg run` starts it; the lab stands for Telegram's servers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from siptg.app.config import Config, LineConfig, ServerConfig, StoreConfig, TelegramConfig
from siptg.app.service import Service
from siptg.app.store import Seal, SqlStore
from siptg.app.telegram_login import log_in
from siptg.sip.registration import RegistrationState
from siptg.telegram.lab import Lab
from tests.world.baresip import Baresip
from tests.world.ntg_user import NtgCall, NtgUser
from tests.world.process import sip_uri
from tests.world.switchboard import Switchboard

pytestmark = [pytest.mark.world, pytest.mark.netns]

OURS, HERS = "+15550001", "+15550002"
WITHIN = 15.0


@attrs.frozen
class Scene:
    pbx: Switchboard
    bob: Baresip
    olga: NtgUser


@contextlib.asynccontextmanager
async def scene(
    folder: Path, codec: str, number: str = "bob", account: str = ""
) -> AsyncIterator[Scene]:
    """The service with one line, for Olga; Bob behind the PBX says 440 Hz, she 880."""
    async with (
        Lab() as lab,
        Baresip(number, folder=folder / "bob", hz=440, codec=codec, account=account) as bob,
        Switchboard(bob.address) as pbx,
    ):
        lab.add_user("Siptg", OURS, username="siptg_phone")
        lab.add_user("Olga", HERS, username="olga")
        there = lab.server
        server = ServerConfig(there.host, there.port, there.public_key, there.dc_id)
        config = Config(
            TelegramConfig(1, "hash", server=server),
            (LineConfig("Office", sip_uri("olga", pbx.address), "secret", "olga"),),
            StoreConfig(folder / "siptg.db", folder / "siptg.key"),
        )

        async def code() -> str:
            return lab.code_for(OURS)

        async with SqlStore(config.store.path, Seal.from_file(config.store.key_file)) as store:
            await log_in(config.telegram, store, OURS, code)
        async with Service(config) as service, NtgUser(lab, HERS, hz=880) as olga:
            async with asyncio.timeout(WITHIN):
                while any(line.state is not RegistrationState.READY for line in service.lines):
                    await asyncio.sleep(0.02)
            yield Scene(pbx, bob, olga)


async def they_talk(bob: Baresip, there: NtgCall) -> None:
    """Until Bob hears 880 Hz and Olga 440."""

    async def bob_hears() -> None:
        while abs(bob.hz() - 880) > 3:
            await asyncio.sleep(0.1)

    try:
        await asyncio.wait_for(asyncio.gather(bob_hears(), there.engine.hears(440)), WITHIN)
    except TimeoutError:
        pytest.fail(f"Bob hears {bob.hz():.0f} Hz, Olga {there.engine.heard}")


async def is_over(there: NtgCall) -> str:
    return await asyncio.wait_for(asyncio.shield(there.ended), WITHIN)


@pytest.mark.parametrize("codec", ["PCMA/8000/1", "opus/48000/1"])
async def test_she_writes_a_number_is_called_back_and_talks_to_bob(
    tmp_path: Path, codec: str
) -> None:
    async with scene(tmp_path, codec, "100", ";answermode=auto") as stage:
        await stage.olga.client.send_message("siptg_phone", "100")
        there = await stage.olga.called()
        await stage.bob.wait("CALL_ESTABLISHED", WITHIN)
        await they_talk(stage.bob, there)
        await there.hangup()
        await stage.bob.wait("CALL_CLOSED")


async def test_bob_hangs_up_and_her_call_ends(tmp_path: Path) -> None:
    async with scene(tmp_path, "PCMU/8000/1", "+4930123", ";answermode=auto") as stage:
        await stage.olga.client.send_message("siptg_phone", "+49 (30) 123")
        there = await stage.olga.called()
        await they_talk(stage.bob, there)
        await stage.bob.hangup()
        assert await is_over(there) == "Hangup"


@pytest.mark.parametrize("codec", ["PCMU/8000/1", "opus/48000/1"])
async def test_bob_calls_her_number_and_she_answers_in_telegram(tmp_path: Path, codec: str) -> None:
    async with scene(tmp_path, codec) as stage:
        await stage.bob.dial(sip_uri("olga", stage.pbx.address))
        there = await stage.olga.called()
        await stage.bob.wait("CALL_ESTABLISHED", WITHIN)
        await they_talk(stage.bob, there)
        await stage.bob.hangup()
        assert await is_over(there) == "Hangup"
