"""Cards over the lab, by the real Telethon: shown, edited, pressed, retired."""

from __future__ import annotations

import asyncio
import time

import pytest
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.app.actions import ACTIONS, Key
from siptg.telegram.account.telethon import peer_of
from siptg.telegram.chat.cards import Card
from siptg.telegram.chat.shown import Cards
from siptg.telegram.chat.text import bold
from siptg.telegram.lab.dcs import data_centre
from siptg.telegram.lab.user import LabUser, Seen
from tests.support.chats import KEY, Scene, keypad, scene
from tests.support.lab import LOOPBACK


async def press_raw(who: LabUser, stage: Scene, message: Seen, data: bytes) -> str:
    request = fn.messages.GetBotCallbackAnswerRequest(peer_of(stage.chat), message.id, data=data)
    return (await who.account.ask(request)).message or ""


@pytest.mark.product("BT-19")
async def test_a_card_comes_with_buttons_is_pressed_and_edited_in_place() -> None:
    async with scene() as stage:
        card = await stage.cards.show(stage.person, keypad("Office"), about="call 7")
        seen = await stage.sees("Office")
        assert [label for label, _ in seen.buttons] == [*"123456789*0#", "✖ End"]
        assert all(len(data) <= 64 for _, data in seen.buttons)
        pressing = asyncio.create_task(stage.ann.press(stage.chat, seen, "5"))
        press = await stage.pressed()
        assert (press.person_id, press.action, press.about) == (
            stage.person.id,
            Key("5"),
            "call 7",
        )
        await press.answer("5")
        assert await pressing == "5"
        await card.edit(keypad("Office\n5"))
        edited = await stage.sees("Office\n5")
        assert (edited.id, edited.edited) == (seen.id, True)
        await card.retire(bold("over") + " now")
        last = await stage.sees("over now")
        assert (last.id, last.buttons) == (seen.id, ())


@pytest.mark.product("BT-19")
async def test_a_press_is_answered_within_a_second_whatever_the_product_does() -> None:
    async with scene() as stage:
        await stage.cards.show(stage.person, keypad("Office"))
        began = time.monotonic()
        assert await stage.ann.press(stage.chat, await stage.sees("Office"), "1") == ""
        assert time.monotonic() - began < 5  # and never the ten seconds of the server
        press = await stage.pressed()
        await press.answer("late")  # is nobody's any more, and no error


@pytest.mark.product("BT-22")
async def test_equal_cards_are_not_sent_again_and_overtaken_states_never_are() -> None:
    async with scene() as stage:
        card = await stage.cards.show(stage.person, keypad("0"))
        await stage.sees("0")
        await asyncio.gather(*(card.edit(keypad(f"keys {n}")) for n in range(50)))
        await stage.sees("keys 49")
        for _ in range(5):
            await card.edit(keypad("keys 49"))
        assert stage.asked("EditInlineBotMessageRequest") <= 3


@pytest.mark.product("BT-22")
async def test_what_telegram_slows_down_is_caught_up_with_the_newest_state() -> None:
    async with scene() as stage:
        card = await stage.cards.show(stage.person, keypad("one"))
        await stage.sees("one")
        edit = fn.messages.EditInlineBotMessageRequest
        stage.lab.refuse(stage.bot_user, edit, 420, "FLOOD_WAIT_1")
        await card.edit(keypad("two"))
        pressing = asyncio.create_task(stage.ann.press(stage.chat, await stage.sees("one"), "1"))
        await (await stage.pressed()).answer("1")  # presses act meanwhile
        assert await pressing == "1"
        await card.edit(keypad("three"))
        await stage.sees("three")
        assert not any(seen.text == "two" for seen in stage.ann.seen)


async def test_that_nothing_was_modified_is_no_error() -> None:
    async with scene() as stage:
        card = await stage.cards.show(stage.person, keypad("one"))
        await stage.sees("one")
        edit = fn.messages.EditInlineBotMessageRequest
        stage.lab.refuse(stage.bot_user, edit, 400, "MESSAGE_NOT_MODIFIED")
        await card.edit(keypad("two"))
        assert stage.cards.counters["edit_failed"] == 0
        await card.edit(keypad("three"))
        await stage.sees("three")


@pytest.mark.product("BT-21")
async def test_a_new_card_takes_the_buttons_of_the_old_one() -> None:
    async with scene() as stage:
        old = await stage.cards.show(stage.person, keypad("old"))
        before = await stage.sees("old")
        await stage.cards.show(stage.person, keypad("new"))
        gone = await stage.ann.sees(lambda seen: seen.text == "old" and seen.edited)
        assert gone.buttons == ()
        assert await stage.ann.press(stage.chat, before, "1") == "This call is over."
        await old.retire("the record")  # of a call that ends later
        assert (await stage.sees("the record")).id == before.id
        assert len(stage.cards.live) == 1


@pytest.mark.product("BT-20")
async def test_another_persons_buttons_do_nothing() -> None:
    async with scene() as stage:
        await stage.cards.show(stage.person, keypad("hers"))
        hers = await stage.sees("hers")
        eve_user = stage.lab.add_user("Eve", "+3", "eve_user")
        async with LabUser(stage.lab, eve_user, LOOPBACK) as eve:
            eves = await stage.account.find("eve_user")
            await stage.cards.show(eves, keypad("eves"))
            own = await eve.sees(lambda seen: seen.text == "eves")
            # as if Ann's card had been forwarded, or its bytes copied
            answer = await press_raw(eve, stage, own, dict(hers.buttons)["1"])
        assert answer == "This button is for another person."
        assert stage.cards.counters["foreign_press"] == 1


@pytest.mark.product("BT-20")
async def test_old_data_under_a_new_card_does_nothing() -> None:
    async with scene() as stage:
        card = await stage.cards.show(stage.person, keypad("first"))
        first = await stage.sees("first")
        await card.retire("done")
        await stage.cards.show(stage.person, keypad("second"))
        second = await stage.sees("second")
        answer = await press_raw(stage.ann, stage, second, dict(first.buttons)["1"])
        assert answer == "This call is over."
        assert stage.cards.counters["late_press"] == 1


@pytest.mark.product("BT-20")
async def test_after_a_restart_old_buttons_say_that_the_call_is_over_and_leave_their_card() -> None:
    async with scene() as stage:
        await stage.cards.show(stage.person, keypad("before the restart"))
        seen = await stage.sees("before")
        await stage.cards.__aexit__()
        async with Cards(stage.account, stage.bot, ACTIONS, key=KEY):
            assert await stage.ann.press(stage.chat, seen, "1") == "This call is over."
            left = await stage.ann.sees(lambda s: s.id == seen.id and s.edited)
            assert (left.text, left.buttons) == ("before the restart", ())


async def test_a_card_that_she_deleted_is_shown_anew_but_not_its_last_word() -> None:
    async with scene() as stage:
        card = await stage.cards.show(stage.person, keypad("one"))
        seen = await stage.sees("one")
        await stage.ann.account.ask(fn.messages.DeleteMessagesRequest([seen.id], revoke=True))
        await card.edit(keypad("two"))
        again = await stage.sees("two")
        assert again.id != seen.id and again.buttons
        await stage.ann.account.ask(fn.messages.DeleteMessagesRequest([again.id], revoke=True))
        await card.retire("gone")
        await asyncio.sleep(0.2)
        assert not any(s.text == "gone" for s in stage.ann.seen)


async def test_a_card_that_lies_in_another_data_centre_is_edited_there() -> None:
    async with scene() as stage, data_centre(stage.lab, 4):
        stage.lab.inline.dc = 4
        card = await stage.cards.show(stage.person, keypad("one"))
        await stage.sees("one")
        await card.edit(keypad("two"))
        await stage.sees("two")
        await card.retire("three")
        assert (await stage.sees("three")).buttons == ()
        assert stage.cards.counters["edit_failed"] == 0


async def test_formats_are_entities_and_peoples_words_cannot_forge_them() -> None:
    async with scene() as stage:
        text = bold("😀 Ann") + " <b>*x*</b> [l](http://e)"
        await stage.cards.show(stage.person, Card(text, keypad("").rows))
        seen = await stage.sees("Ann")
        kept = stage.lab.chats.messages[seen.id].copies[stage.ann_user.id].entities
        assert seen.text == str(text)
        assert [(type(e), e.offset, e.length) for e in kept] == [(tl.MessageEntityBold, 0, 6)]


@pytest.mark.timeout(60)
async def test_two_hundred_cards_at_once() -> None:
    async with scene() as stage:
        people = []
        for n in range(200):
            user = stage.lab.add_user(f"U{n}", f"+9{n:03}", f"user_{n:03}")
            people.append((user, await stage.account.find(user.username or "")))
        shown = await asyncio.gather(
            *(stage.cards.show(p, keypad(f"card {p.id}")) for _, p in people)
        )
        await asyncio.gather(*(card.edit(keypad(f"again {card.person.id}")) for card in shown))
        assert stage.cards.counters["card_failed"] == 0
        texts = {s.to.id: s.copies[s.to.id].message for s in stage.lab.chats.messages.values()}
        assert texts == {person.id: f"again {person.id}" for _, person in people}


@pytest.mark.product("BT-10")
async def test_a_link_to_the_bot_brings_its_payload() -> None:
    async with scene() as stage:
        bot = await stage.ann.find("cards_bot")
        await stage.ann.write(bot, "hello")
        await stage.ann.write(bot, "/start abc-1")
        came = await anext(stage.cards.starts())
        assert (came.person.id, came.payload) == (stage.person.id, "abc-1")


async def test_a_card_that_could_not_be_sent_at_all_comes_later() -> None:
    async with scene(inline=False) as stage:
        stage.lab.refuse(stage.us, fn.messages.SendMessageRequest, 420, "FLOOD_WAIT_1")
        card = await stage.cards.show(stage.person, keypad("one"))
        await card.edit(keypad("two"))
        await stage.sees("two")
        assert not any("one" in seen.text for seen in stage.ann.seen)
        stage.ann_user.blocked.add(stage.us.id)
        other = await stage.cards.show(stage.person, keypad("three"))
        await other.retire("four")  # is refused for good, and no error


@pytest.mark.product("BT-20")
async def test_data_that_no_button_of_ours_ever_had_is_answered_and_does_nothing() -> None:
    async with scene() as stage:
        await stage.cards.show(stage.person, keypad("hers"))
        seen = await stage.sees("hers")
        good = dict(seen.buttons)["1"]
        forged = [b"x", bytes(64), good[:-1], good + b"2", b"\xff" * 30, good[:15] + b"k\x1f2"]
        answers = await asyncio.gather(
            *(press_raw(stage.ann, stage, seen, data) for data in forged)
        )
        assert set(answers) == {"This button is for another person."}
        assert stage.cards.counters["foreign_press"] == len(forged)
        # and a good one still acts
        pressing = asyncio.create_task(stage.ann.press(stage.chat, seen, "1"))
        await (await stage.pressed()).answer("1")
        assert await pressing == "1"


async def test_the_bot_is_looked_up_once_for_all_cards() -> None:
    async with scene() as stage:

        def asked() -> int:
            mine = [e for e in stage.lab.log if e.account == stage.us.first_name]
            return [e.request for e in mine].count("ResolveUsernameRequest")

        before = asked()
        for n in range(3):
            await stage.cards.show(stage.person, keypad(f"card {n}"))
        await stage.sees("card 2")
        assert asked() - before == 1
