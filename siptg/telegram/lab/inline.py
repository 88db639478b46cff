"""Bots' inline results sent by users, and the buttons under messages.

Simpler than Telegram: results are articles with text. Assumed, not known of Telegram: that a result
of a bot is refused with USER_IS_BLOCKED where the chat's other side has blocked the bot.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import attrs
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.accounts import LabAccount, random_id
from siptg.telegram.lab.bodies import MOST_DATA, checked, checked_markup
from siptg.telegram.lab.chats import Stored, change, deliver
from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import DC, Link, Refused

ANSWER_WITHIN = 10.0
"""Seconds a bot has; Telegram gives about as much."""
MOST_RESULTS, LONGEST_ID = 50, 64


@attrs.define(eq=False)
class Query:
    bot: LabAccount
    asker: LabAccount
    answered: asyncio.Future[list[Any]]
    results: dict[str, Any] = attrs.field(factory=dict)
    asked_at: float = attrs.field(factory=time.monotonic)


@attrs.define(eq=False)
class Inline:
    queries: dict[int, Query] = attrs.field(factory=dict)
    presses: dict[int, tuple[LabAccount, asyncio.Future[Any]]] = attrs.field(factory=dict)
    dc: int = DC
    """The data centre that messages sent from now on are said to lie in."""
    result_seconds: float = 60.0
    """How long a result may be sent after its query."""


def _inline_id(stored: Stored, number: int) -> tl.InputBotInlineMessageID:
    return tl.InputBotInlineMessageID(stored.dc, number, stored.inline_hash)


@handles(fn.messages.GetInlineBotResultsRequest)
async def ask_bot(link: Link, query: Any) -> tl.messages.BotResults:
    """Asks the bot and waits for its setInlineBotResults."""
    bot, me, inline = link.find(query.bot), link.me, link.lab.inline
    if not bot.is_bot:
        raise Refused(400, "BOT_INVALID")
    if not bot.inline:
        raise Refused(400, "BOT_INLINE_DISABLED")
    link.find(query.peer)
    number, loop = random_id(), asyncio.get_running_loop()
    asked = inline.queries[number] = Query(bot, me, loop.create_future())
    if len(inline.queries) > 1000:
        del inline.queries[next(iter(inline.queries))]
    update = tl.UpdateBotInlineQuery(
        number, me.id, query.query, query.offset, peer_type=tl.InlineQueryPeerTypePM()
    )
    bot.met.add(me.id)
    bot.notify(update, me)
    try:
        results = await asyncio.wait_for(asked.answered, ANSWER_WITHIN)
    except TimeoutError:
        raise Refused(400, "BOT_RESPONSE_TIMEOUT") from None
    asked.results = {result.id: result for result in results}
    shown = [
        tl.BotInlineResult(
            r.id,
            r.type,
            tl.BotInlineMessageText(
                r.send_message.message,
                entities=r.send_message.entities,
                reply_markup=r.send_message.reply_markup,
            ),
            title=r.title,
        )
        for r in results
    ]
    return tl.messages.BotResults(number, shown, 0, [bot.user(me)])


@handles(fn.messages.SetInlineBotResultsRequest)
def give_results(link: Link, query: Any) -> bool:
    asked = link.lab.inline.queries.get(query.query_id)
    if asked is None or asked.bot is not link.me or asked.answered.done():
        raise Refused(400, "QUERY_ID_INVALID")
    ids = [result.id for result in query.results]
    if len(ids) > MOST_RESULTS:
        raise Refused(400, "RESULTS_TOO_MUCH")
    if len(set(ids)) < len(ids):
        raise Refused(400, "RESULT_ID_DUPLICATE")
    for result in query.results:
        if not 0 < len(result.id.encode()) <= LONGEST_ID:
            raise Refused(400, "RESULT_ID_INVALID")
        body = result.send_message
        checked(link, body.message, body.entities)
        checked_markup(body.reply_markup)
    asked.answered.set_result(query.results)
    return True


@handles(fn.messages.SendInlineBotResultRequest)
def send_result(link: Link, query: Any) -> tl.Updates:
    asked = link.lab.inline.queries.get(query.query_id)
    if asked is None or asked.asker is not link.me or query.id not in asked.results:
        raise Refused(400, "RESULT_ID_INVALID")
    inline = link.lab.inline
    if time.monotonic() - asked.asked_at > inline.result_seconds:
        raise Refused(400, "INLINE_RESULT_EXPIRED")
    body, to = asked.results[query.id].send_message, link.find(query.peer)
    if asked.bot.id in to.blocked:
        raise Refused(403, "USER_IS_BLOCKED")
    sent = deliver(
        link,
        to,
        body.message,
        query.random_id,
        markup=body.reply_markup,
        via=asked.bot,
        entities=body.entities,
    )
    number = sent.updates[0].id
    stored = link.lab.chats.messages[number]
    stored.dc = inline.dc
    if not asked.bot.inline_feedback:
        return sent
    update = tl.UpdateBotInlineSend(
        link.me.id,
        asked.bot.username or "",
        query.id,
        # only what can be edited, by a button, has an inline id
        msg_id=_inline_id(stored, number) if body.reply_markup else None,
    )
    if asked.bot.inline_feedback:
        asked.bot.notify(update, link.me)
    return sent


@handles(fn.messages.EditInlineBotMessageRequest)
def edit_inline(link: Link, query: Any) -> bool:
    stored = link.lab.chats.messages.get(query.id.id)
    if stored is None or stored.via is not link.me or query.id.access_hash != stored.inline_hash:
        raise Refused(400, "MESSAGE_ID_INVALID")
    if query.id.dc_id != stored.dc or link.lab.dcs.of(link) != stored.dc:
        raise Refused(400, "MESSAGE_ID_INVALID")
    change(link, stored, query.message, query.reply_markup, query.entities)
    return True


@handles(fn.messages.GetBotCallbackAnswerRequest)
async def press(link: Link, query: Any) -> tl.messages.BotCallbackAnswer:
    """A button: told to the message's bot, or the bot it was sent through, whose answer is waited
    for. As with Telegram, the client may say any data: that it stands on a button is the bot's to
    prove.
    """
    stored, me, presses = (
        link.lab.chats.messages.get(query.msg_id),
        link.me,
        link.lab.inline.presses,
    )
    if stored is None or me.id not in stored.copies:
        raise Refused(400, "MESSAGE_ID_INVALID")
    bot = stored.via or stored.sender
    if not bot.is_bot or not 0 < len(query.data or b"") <= MOST_DATA:
        raise Refused(400, "DATA_INVALID")
    number = random_id()
    waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    presses[number] = bot, waiting
    if stored.via:
        at = stored.copies[stored.sender.id].id
        update: Any = tl.UpdateInlineBotCallbackQuery(
            number, me.id, _inline_id(stored, at), 1, query.data
        )
    else:
        update = tl.UpdateBotCallbackQuery(
            number, me.id, tl.PeerUser(me.id), stored.copies[bot.id].id, 1, query.data
        )
    bot.met.add(me.id)
    bot.notify(update, me)
    try:
        return await asyncio.wait_for(waiting, ANSWER_WITHIN)
    except TimeoutError:
        raise Refused(400, "BOT_RESPONSE_TIMEOUT") from None
    finally:
        presses.pop(number, None)


@handles(fn.messages.SetBotCallbackAnswerRequest)
def answer_press(link: Link, query: Any) -> bool:
    bot, waiting = link.lab.inline.presses.get(query.query_id, (None, None))
    if bot is not link.me or waiting is None or waiting.done():
        raise Refused(400, "QUERY_ID_INVALID")
    waiting.set_result(
        tl.messages.BotCallbackAnswer(
            query.cache_time, alert=query.alert, message=query.message, url=query.url
        )
    )
    return True
