"""The running product in a person's chat: keys, commands and languages (the demo's stage)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from telethon.tl import functions as fn

from siptg.app.demo.stage import BOT_NAME, PHONE_NAME, stage
from siptg.app.service import Service
from tests.app.test_service import calling, house, saying, settled

pytestmark = pytest.mark.world


@pytest.mark.product("SP-15")
async def test_keys_typed_in_a_call_reach_the_pbx_in_order_beside_those_pressed(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as on:
        await settled(on)
        mark, chat = on.pbx.mark(), await on.ann.find(PHONE_NAME)
        talking = await calling(on, "100")
        card = await on.ann.sees(lambda seen: any(b[0] == "5" for b in seen.buttons), 8)
        assert await on.ann.press(chat, card, "5") == "5"
        await on.ann.write(chat, "12#")
        await on.ann.write(chat, "/3 4")
        await on.pbx.until(lambda line: line.get("digits") == "512#34", 8, mark)
        await on.ann.sees(saying("512#34"))
        await on.ann.write(chat, "/end")
        assert (await on.pbx.until(lambda line: "ended" in line, 8, mark))["by"] == "user"
        record = await on.ann.sees(saying("↗ 100"))
        assert "512#34" not in record.text and record.buttons == ()
        await talking.close()


@pytest.mark.product("SP-15")
async def test_a_call_without_inline_mode_is_worked_by_commands(tmp_path: Path) -> None:
    async with house(tmp_path) as on:
        await settled(on)
        bot = next(a for a in on.lab.accounts.values() if a.username == BOT_NAME)
        bot.inline = False
        mark, chat = on.pbx.mark(), await on.ann.find(PHONE_NAME)
        talking = await calling(on, "100")
        await on.ann.sees(saying("/123456789*0#", "/end"), 8)
        await on.ann.write(chat, "/12#")
        await on.pbx.until(lambda line: line.get("digits") == "12#", 8, mark)
        await on.ann.write(chat, "/end")
        await on.pbx.until(lambda line: "ended" in line, 8, mark)
        assert (await on.ann.sees(saying("↗ 100"))).buttons == ()
        await talking.close()


@pytest.mark.product("BT-7")
async def test_the_product_speaks_her_language_and_keeps_what_she_chose(tmp_path: Path) -> None:
    async with house(tmp_path) as on:
        chat = await on.ann.find(PHONE_NAME)
        await on.ann.write(chat, "/language")
        await on.ann.sees(saying("English", "/language_ru"))
        await on.ann.write(chat, "/language ru")
        await on.ann.sees(saying("по-русски"))
        await on.ann.write(chat, "?!")
        await on.ann.sees(saying("Могу набрать"))
        (known,) = await on.service.store.people()
        assert known.language == "ru"


@pytest.mark.product("BT-7")
async def test_the_language_of_her_app_is_learnt_from_her_first_press(tmp_path: Path) -> None:
    async with house(tmp_path) as on:
        on.user.language = "ru"
        await settled(on)
        chat = await on.ann.find(PHONE_NAME)
        talking = await calling(on, "100")
        card = await on.ann.sees(lambda seen: any(b[0] == "5" for b in seen.buttons), 8)
        await on.ann.press(chat, card, "5")
        await on.ann.press(chat, await on.ann.sees(saying("100\n5")), "✖ End")
        await asyncio.wait_for(talking.ended.wait(), 8)
        await on.ann.write(chat, "?!")
        await on.ann.sees(saying("Могу набрать"))
        await talking.close()


@pytest.mark.product("BT-20")
async def test_buttons_of_a_run_before_say_that_the_call_is_over(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await settled(on)
        chat = await on.ann.find(PHONE_NAME)
        talking = await calling(on, "100")
        card = await on.ann.sees(lambda seen: any(b[0] == "5" for b in seen.buttons), 8)
        # as after a crash: nobody takes the buttons away
        bot = next(a for a in on.lab.accounts.values() if a.username == BOT_NAME)
        edit = fn.messages.EditInlineBotMessageRequest
        on.lab.refuse(bot, edit, 400, "MESSAGE_ID_INVALID", times=9)
        config = on.service.config
        await on.service.__aexit__(None, None, None)
        on.lab.faults.refusals.clear()
        async with Service(config):
            assert await on.ann.press(chat, card, "5") == "This call is over."
            left = await on.ann.sees(lambda seen: seen.id == card.id and not seen.buttons)
            assert left.edited
        await talking.close()


async def test_of_notes_that_say_the_same_one_waits(tmp_path: Path) -> None:
    """She calls and hangs up in a loop: her chat is not filled for a minute to come."""
    async with house(tmp_path) as on:
        await settled(on)
        await on.ann.find(PHONE_NAME)
        queue, desk = on.service.account.queue, on.service._conversation(on.ann.account.me).desk
        await asyncio.gather(*(desk.say("You called") for _ in range(40)), desk.say("and more"))
        assert queue.counters["coalesced"] > 30 and queue.depth == 0
        assert sum(seen.text == "You called" for seen in on.ann.seen) < 10
        await on.ann.sees(saying("and more"))
