"""Whom an account knows by a mention alone is "min": found by the message, not by a hash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
import pytest_asyncio
from telethon import errors
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account
from siptg.telegram.account.telethon import ask, new_client
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.people import Person, TelegramRefused
from tests.support.lab import settings, signed_in

WITHIN = 10.0


@attrs.define(eq=False)
class Three:
    """Carl writes to Ann, who writes to Bob; Bob and Carl have not met."""

    lab: Lab
    ann: Any
    bob: Any
    carl: Any

    def named(self, name: str) -> LabAccount:
        return next(a for a in self.lab.accounts.values() if a.first_name == name)

    async def forward(self, **how: Any) -> Any:
        """Carl's words, as they come to Bob: the update's message and users."""
        told: asyncio.Queue[Any] = asyncio.Queue()
        self.bob.add_event_handler(told.put)
        sent = await self.carl.send_message("ann", "said by Carl")
        message = self.lab.chats.messages[sent.id].copies[self.named("Ann").id]
        carl = await self.ann.get_input_entity("carl")
        request = fn.messages.ForwardMessagesRequest(
            carl, [message.id], await self.ann.get_input_entity("bob"), random_id=[7], **how
        )
        await self.ann(request)
        while not isinstance(update := await asyncio.wait_for(told.get(), WITHIN), NEW):
            pass
        self.bob.remove_event_handler(told.put)
        return update


NEW = tl.UpdateNewMessage


@pytest_asyncio.fixture
async def three() -> AsyncIterator[Three]:
    async with Lab() as lab:
        clients = []
        for n, name in enumerate(("Ann", "Bob", "Carl")):
            account = lab.add_user(name, f"+{n + 1}00", name.lower())
            client = new_client(settings(lab, await signed_in(lab, account)))
            await client.connect()
            await client.get_me()
            clients.append(client)
        yield Three(lab, *clients)
        for client in clients:
            await client.disconnect()


async def test_the_first_author_of_a_forwarded_message_is_min(three: Three) -> None:
    update = await three.forward()
    carl, users = three.named("Carl"), update._entities
    assert update.message.fwd_from.from_id == tl.PeerUser(carl.id)
    assert (users[carl.id].min, users[carl.id].first_name) == (True, "Carl")
    assert not users[three.named("Ann").id].min
    wrong = users[carl.id].access_hash
    with pytest.raises(errors.PeerIdInvalidError):
        await three.bob(fn.messages.SendMessageRequest(tl.InputPeerUser(carl.id, wrong), "x"))
    with pytest.raises(errors.UserIdInvalidError):
        await three.bob(fn.users.GetUsersRequest([tl.InputUser(carl.id, wrong)]))


async def test_a_min_user_is_found_by_the_message_and_by_no_other(three: Three) -> None:
    update = await three.forward()
    ann, carl = three.named("Ann"), three.named("Carl")
    chat = tl.InputPeerUser(ann.id, ann.hash_for(three.named("Bob")))
    other = await three.ann.send_message("bob", "says nothing of him")
    theirs = three.lab.chats.messages[other.id].copies[three.named("Bob").id]
    for message, refused in (
        (theirs.id, errors.UserIdInvalidError),
        (other.id, errors.MsgIdInvalidError),  # Ann's own number of it
        (99_999, errors.MsgIdInvalidError),
    ):
        with pytest.raises(refused):
            await three.bob(
                fn.users.GetUsersRequest([tl.InputUserFromMessage(chat, message, carl.id)])
            )
    peer = tl.InputPeerUserFromMessage(chat, update.message.id, carl.id)
    assert await three.bob(fn.messages.SendMessageRequest(peer, "hello"))
    user = tl.InputUserFromMessage(chat, update.message.id, carl.id)
    (full,) = await three.bob(fn.users.GetUsersRequest([user]))
    assert not full.min and full.access_hash == carl.hash_for(three.named("Bob"))


async def test_who_was_met_before_is_not_min(three: Three) -> None:
    await three.bob.get_input_entity("carl")
    update = await three.forward()
    assert not update._entities[three.named("Carl").id].min


async def test_whom_a_text_mentions_is_min(three: Three) -> None:
    carl = await three.ann.get_input_entity("carl")
    user = tl.InputUser(carl.user_id, carl.access_hash)
    peer = await three.ann.get_input_entity("bob")
    mention = tl.InputMessageEntityMentionName(0, 4, user)
    await three.ann(fn.messages.SendMessageRequest(peer, "Carl said", entities=[mention]))
    page = await three.bob(
        fn.messages.GetHistoryRequest(
            await three.bob.get_input_entity("ann"), 0, None, 0, 10, 0, 0, 0
        )
    )
    assert {u.first_name: bool(u.min) for u in page.users if not u.is_self} == {
        "Ann": False,
        "Carl": True,
    }


async def test_a_hidden_author_is_a_name_alone_and_may_be_left_out(three: Three) -> None:
    key, nobody = tl.InputPrivacyKeyForwards(), tl.InputPrivacyValueDisallowAll()
    await three.carl(fn.account.SetPrivacyRequest(key, [nobody]))
    update = await three.forward()
    header = update.message.fwd_from
    assert (header.from_id, header.from_name) == (None, "Carl")
    assert three.named("Carl").id not in update._entities


async def test_the_author_can_be_left_out(three: Three) -> None:
    update = await three.forward(drop_author=True)
    assert update.message.fwd_from is None and update.message.message == "said by Carl"


async def test_only_what_lies_in_the_chat_is_forwarded(three: Three) -> None:
    bob = await three.ann.get_input_entity("bob")
    sent = await three.ann.send_message("carl", "elsewhere")
    for ids, randoms, text in (
        ([sent.id], [1], "MESSAGE_ID_INVALID"),
        ([], [], "MESSAGE_IDS_EMPTY"),
        ([sent.id], [], "RANDOM_ID_INVALID"),
    ):
        with pytest.raises(TelegramRefused, match=f"^{text}$"):
            request = fn.messages.ForwardMessagesRequest(bob, ids, bob, random_id=randoms)
            await ask(three.ann, request)


async def test_a_bot_needs_no_hash_for_whom_it_has_met_and_for_nobody_else(three: Three) -> None:
    account = three.lab.add_bot("Bot", "the_bot", "777:token")
    bot, ann = new_client(settings(three.lab, await signed_in(three.lab, account))), "Ann"
    await bot.connect()
    request = fn.users.GetUsersRequest([tl.InputUser(three.named(ann).id, 0)])
    with pytest.raises(TelegramRefused, match="USER_ID_INVALID"):
        await ask(bot, request)
    await three.ann.send_message("the_bot", "/start")
    (known,) = await ask(bot, request)
    assert known.first_name == ann and not known.min
    await bot.disconnect()


async def test_our_account_reaches_a_min_user_by_the_message_that_named_them(three: Three) -> None:
    bob, carl = three.named("Bob"), three.named("Carl")
    await three.bob.disconnect()
    async with Account(settings(three.lab, await signed_in(three.lab, bob))) as account:
        three.bob = account.telethon
        await three.forward()
        carl.username = None  # nobody finds him by that
        messages = account.messages()
        assert (await asyncio.wait_for(anext(messages), WITHIN)).text == "said by Carl"
        assert account._session.person(carl.id) is None
        await account.send(Person(carl.id, carl.min_hash_for(bob), "Carl"), "hello")
        known = account._session.person(carl.id)
        assert known is not None and known.access_hash == carl.hash_for(bob)
        assert account.counters["resolved_again"] == 1
        assert account._session.seen_in(carl.id) is None  # there is no need of it any more
        with pytest.raises(TelegramRefused, match="PEER_ID_INVALID"):
            await account.send(Person(99_999, 0, "nobody"), "never seen")
