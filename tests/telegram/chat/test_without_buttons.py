"""Where a chat has no bot: the same card as text, with commands that do the same."""

from __future__ import annotations

import asyncio

import pytest
from telethon.tl import functions as fn

from siptg.app.actions import ACTIONS, HangUp, Key
from siptg.telegram.chat.shown import Cards
from tests.support.chats import keypad, plain, scene


@pytest.mark.product("BT-19")
async def test_without_inline_mode_the_card_is_text_with_commands_and_is_edited_in_place() -> None:
    async with scene(inline=False) as stage:
        card = await stage.cards.show(stage.person, keypad("Office"))
        seen = await stage.sees("Office")
        assert seen.buttons == ()
        assert seen.text == "Office\n\n/123456789*0#\n/end — ✖ End"
        assert stage.cards.typed(stage.person.id, "/1 2 3 #") == tuple(map(Key, "123#"))
        assert stage.cards.typed(stage.person.id, "/END") == (HangUp(),)
        await card.edit(plain("Office\n123#"))
        assert (await stage.sees("Office\n123#")).id == seen.id
        await card.retire("over")
        last = await stage.ann.sees(lambda s: s.text == "over")
        assert last.id == seen.id
        assert stage.cards.typed(stage.person.id, "/end") == ()


async def test_a_way_that_failed_is_not_tried_for_every_card_again() -> None:
    async with scene(inline=False) as stage:
        for n in range(5):
            await stage.cards.show(stage.person, keypad(f"card {n}"))
        assert stage.asked("GetInlineBotResultsRequest", "Phone") == 1


async def test_who_blocked_the_bot_gets_text_and_others_still_buttons() -> None:
    async with scene() as stage:
        stage.ann_user.blocked.add(stage.bot_user.id)
        await stage.cards.show(stage.person, keypad("Office"))
        assert (await stage.sees("Office")).buttons == ()
        ben_user = stage.lab.add_user("Ben", "+3", "ben_user")
        ben = await stage.account.find("ben_user")
        card = await stage.cards.show(ben, keypad("for Ben"))
        assert card.live
        stored = next(s for s in stage.lab.chats.messages.values() if s.to is ben_user)
        assert stored.via is stage.bot_user


async def test_a_result_that_grew_old_is_asked_for_once_more() -> None:
    async with scene() as stage:
        send = fn.messages.SendInlineBotResultRequest
        stage.lab.refuse(stage.us, send, 400, "INLINE_RESULT_EXPIRED")
        await stage.cards.show(stage.person, keypad("Office"))
        assert (await stage.sees("Office")).buttons


async def test_without_feedback_the_first_press_tells_what_to_edit() -> None:
    async with scene(feedback=False) as stage:
        card = await stage.cards.show(stage.person, keypad("Office"))
        seen = await stage.sees("Office")
        pressing = asyncio.create_task(stage.ann.press(stage.chat, seen, "1"))
        await (await stage.pressed()).answer("1")
        assert await pressing == "1"
        await card.edit(keypad("Office\n1"))
        assert (await stage.sees("Office\n1")).id == seen.id


async def test_without_feedback_and_presses_the_card_is_replaced_by_text() -> None:
    async with scene(feedback=False) as stage:
        card = await stage.cards.show(stage.person, keypad("one"))
        await stage.sees("one")
        await card.edit(keypad("two"))
        replaced = await stage.sees("two")
        assert replaced.buttons == () and "/end" in replaced.text
        assert len(stage.lab.chats.messages) == 2  # both sides' copies of one message
        await card.retire("three")
        assert (await stage.sees("three")).id == replaced.id


async def test_while_the_bot_is_away_cards_are_text_and_what_it_missed_is_done_later() -> None:
    async with scene() as stage:
        card = await stage.cards.show(stage.person, keypad("one"))
        seen = await stage.sees("one")
        await stage.bot._client.disconnect()
        editing = asyncio.create_task(card.edit(keypad("two")))
        ben_user = stage.lab.add_user("Ben", "+3", "ben_user")
        await stage.cards.show(await stage.account.find("ben_user"), keypad("for Ben"))
        stored = next(s for s in stage.lab.chats.messages.values() if s.to is ben_user)
        assert stored.via is None and "/end" in stored.copies[ben_user.id].message
        await editing
        await stage.bot._client.connect()
        assert (await stage.sees("two", 10)).id == seen.id


async def test_without_any_bot_everything_is_text() -> None:
    async with scene() as stage, Cards(stage.account, None, ACTIONS) as cards:
        card = await cards.show(stage.person, keypad("Office"))
        await card.edit(keypad("Office\n1"))
        assert "/end" in (await stage.sees("Office\n1")).text
        assert cards.typed(stage.person.id, "12*") == tuple(map(Key, "12*"))
        assert cards.typed(stage.person.id, "123") == ()  # a number to call


async def test_a_press_while_the_bots_connection_is_torn_is_answered_after_its_return() -> None:
    async with scene() as stage:
        await stage.cards.show(stage.person, keypad("one"))
        seen = await stage.sees("one")
        stage.lab.drop(stage.bot_user)
        pressing = asyncio.create_task(stage.ann.press(stage.chat, seen, "7"))
        press = await asyncio.wait_for(stage.pressed(), 15)
        await press.answer("7")
        assert await pressing == "7" and press.action == Key("7")
