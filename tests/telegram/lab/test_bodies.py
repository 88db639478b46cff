"""What the lab checks of messages, edits, inline results and buttons, as Telegram does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.telethon import ask, peer_of
from siptg.telegram.lab.bodies import checked_markup
from siptg.telegram.lab.link import Refused
from siptg.telegram.people import TelegramRefused
from tests.support.chats import Scene, keypad, scene


async def refused(stage: Scene, request: Any, text: str, *, by_bot: bool = False) -> None:
    with pytest.raises(TelegramRefused, match=f"^{text}$"):
        await (stage.bot if by_bot else stage.account).ask(request)


def saying(stage: Scene, text: str, *entities: Any) -> Any:
    return fn.messages.SendMessageRequest(
        peer_of(stage.person), text, entities=list(entities) or None, random_id=len(text)
    )


async def test_messages_are_checked() -> None:
    async with scene() as stage:
        await refused(stage, saying(stage, " \n"), "MESSAGE_EMPTY")
        await refused(stage, saying(stage, "x" * 4097), "MESSAGE_TOO_LONG")
        await refused(stage, saying(stage, "😀" * 2049), "MESSAGE_TOO_LONG")
        for at, size in ((0, 5), (-1, 1), (0, 0), (0, 1), (1, 1)):
            await refused(
                stage,
                saying(stage, "😀ab", tl.MessageEntityBold(at, size)),
                "ENTITY_BOUNDS_INVALID",
            )
        await stage.account.ask(saying(stage, "  ab  ", tl.MessageEntityBold(2, 2)))
        seen = await stage.ann.sees(lambda s: s.text == "ab")
        (entity,) = stage.lab.chats.messages[seen.id].copies[stage.ann_user.id].entities
        assert (entity.offset, entity.length) == (0, 2)


async def test_only_the_author_edits_and_only_what_changes() -> None:
    async with scene() as stage:
        sent = await stage.account.send(stage.person, "one")

        def edit(number: int, text: str) -> Any:
            return fn.messages.EditMessageRequest(peer_of(stage.person), number, message=text)

        await refused(stage, edit(sent.id, "one"), "MESSAGE_NOT_MODIFIED")
        await refused(stage, edit(99_999, "one"), "MESSAGE_ID_INVALID")
        hers = await stage.ann.write(stage.chat, "hers")
        copy = stage.lab.chats.messages[hers.id].copies[stage.us.id].id
        await refused(stage, edit(copy, "mine"), "MESSAGE_AUTHOR_REQUIRED")
        await stage.cards.show(stage.person, keypad("card"))
        card = next(s for s in stage.lab.chats.messages.values() if s.via)
        # what came through a bot is the bot's to edit, not ours
        await refused(stage, edit(card.copies[stage.us.id].id, "mine"), "MESSAGE_AUTHOR_REQUIRED")


async def test_inline_messages_are_edited_by_their_bot_with_the_right_hash_and_dc() -> None:
    async with scene() as stage:
        await stage.cards.show(stage.person, keypad("card"))
        card = next(s for s in stage.lab.chats.messages.values() if s.via)
        number = card.copies[stage.us.id].id

        def edit(**change: int) -> Any:
            at = {"dc_id": 2, "id": number, "access_hash": card.inline_hash} | change
            return fn.messages.EditInlineBotMessageRequest(
                tl.InputBotInlineMessageID(**at), message="new"
            )

        await refused(stage, edit(access_hash=1), "MESSAGE_ID_INVALID", by_bot=True)
        with pytest.raises(TelegramRefused, match="MESSAGE_ID_INVALID"):
            await ask(stage.bot._client, edit(dc_id=4))  # at home, where it does not lie
        await refused(stage, edit(id=77_777), "MESSAGE_ID_INVALID", by_bot=True)
        await refused(stage, edit(), "MESSAGE_ID_INVALID")  # by somebody else than the bot
        assert await stage.bot.ask(edit())
        await refused(stage, edit(), "MESSAGE_NOT_MODIFIED", by_bot=True)


async def test_results_of_old_queries_and_unknown_queries_are_refused() -> None:
    async with scene() as stage:
        found = await stage.account.find("cards_bot")
        bot = tl.InputUser(found.id, found.access_hash)
        live = asyncio.create_task(stage.cards.show(stage.person, keypad("card")))
        await live
        token = next(iter(stage.cards.live)).hex()
        query = fn.messages.GetInlineBotResultsRequest(
            bot, peer_of(stage.person), f"card {token}", ""
        )
        results = await stage.account.ask(query)

        def send(id: str) -> Any:
            return fn.messages.SendInlineBotResultRequest(
                peer_of(stage.person), results.query_id, id, random_id=5
            )

        await refused(stage, send("other"), "RESULT_ID_INVALID")
        stage.lab.inline.result_seconds = -1.0
        await refused(stage, send(results.results[0].id), "INLINE_RESULT_EXPIRED")
        await refused(
            stage, fn.messages.SetInlineBotResultsRequest(1, [], 0), "QUERY_ID_INVALID", by_bot=True
        )
        await refused(
            stage, fn.messages.SetBotCallbackAnswerRequest(1, 0), "QUERY_ID_INVALID", by_bot=True
        )
        stage.bot_user.inline = False
        await refused(stage, query, "BOT_INLINE_DISABLED")


async def test_only_the_phone_account_is_given_cards_and_only_its_own() -> None:
    async with scene() as stage:
        await stage.cards.show(stage.person, keypad("card"))
        token = next(iter(stage.cards.live)).hex()
        for who, text in (
            (stage.ann.account, f"card {token}"),
            (stage.account, "card zz"),
            (stage.account, "card " + "0" * 12),
        ):
            found = await who.find("cards_bot")
            results = await who.ask(
                fn.messages.GetInlineBotResultsRequest(
                    tl.InputUser(found.id, found.access_hash), tl.InputPeerSelf(), text, ""
                )
            )
            assert results.results == []


def markup(*buttons: tuple[str, bytes]) -> Any:
    from telethon import Button, TelegramClient

    return TelegramClient.build_reply_markup([[Button.inline(t, b"x")] for t, _ in buttons])


def test_buttons_are_checked() -> None:
    made = markup(("a", b"x"))
    button = made.rows[0].buttons[0]
    holder = getattr(button, "type", button)
    assert checked_markup(made) is made and checked_markup(None) is None
    for data in (b"", b"x" * 65):
        holder.data = data
        with pytest.raises(Refused, match="BUTTON_DATA_INVALID"):
            checked_markup(made)
    holder.data, button.text = b"x" * 64, ""
    with pytest.raises(Refused, match="BUTTON_TEXT_INVALID"):
        checked_markup(made)
    with pytest.raises(Refused, match="REPLY_MARKUP_TOO_LONG"):
        checked_markup(markup(*[("a", b"x")] * 101))
