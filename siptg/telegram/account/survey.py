"""What Telegram says of an account of ours: privacy, devices, clock, and whether its bot works."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
from telethon import Button, TelegramClient, events, helpers
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.sign_in import connected
from siptg.telegram.account.telethon import ask, person_of, sent_id
from siptg.telegram.people import Person, TelegramRefused
from siptg.telegram.settings import TelegramSettings

FED_BACK_WITHIN = 5.0
"""Seconds that a bot has to hear that its result was sent."""


class Who(enum.Enum):
    """To whom a privacy setting gives way."""

    EVERYBODY = "everybody"
    CONTACTS = "contacts"
    SOME = "some people"
    NOBODY = "nobody"


@attrs.frozen
class Privacy:
    calls: Who
    """Who may call the account."""
    peer_to_peer: Who
    """With whom its calls go without Telegram's relays, which shows them its IP address."""
    number: Who
    """Who sees its phone number."""


@attrs.frozen
class Device:
    """A session of the account, ours or another."""

    number: int
    """0 is ours."""
    name: str
    current: bool
    takes_calls: bool


@attrs.frozen
class BotFacts:
    person: Person
    inline: bool
    """Its inline mode is on."""
    restricted: bool


@attrs.frozen
class Trial:
    """A card sent through the bot to ourselves."""

    refused: str = ""
    """Telegram's word where it would not."""
    fed_back: bool = False
    """The bot heard that it was sent: only then can it edit it."""


class Visit:
    """`async with visit(settings) as visit`: a few questions for a signed-in account."""

    def __init__(self, client: TelegramClient, user: tl.User) -> None:
        self.person, self.is_bot = person_of(user), bool(user.bot)
        self._client, self._user = client, user

    async def privacy(self) -> Privacy:
        keys = (
            tl.InputPrivacyKeyPhoneCall(),
            tl.InputPrivacyKeyPhoneP2P(),
            tl.InputPrivacyKeyPhoneNumber(),
        )
        asked = [await self._ask(fn.account.GetPrivacyRequest(key)) for key in keys]
        calls, peer_to_peer, number = (who(found.rules) for found in asked)
        return Privacy(calls, peer_to_peer, number)

    async def devices(self) -> tuple[Device, ...]:
        found = await self._ask(fn.account.GetAuthorizationsRequest())
        return tuple(
            Device(
                one.hash,
                f"{one.device_model}, {one.app_name}",
                bool(one.current),
                not one.call_requests_disabled,
            )
            for one in found.authorizations
        )

    async def let_ring(self, device: Device, on: bool) -> None:
        """Whether a device of the account rings."""
        await self._ask(
            fn.account.ChangeAuthorizationSettingsRequest(
                device.number, call_requests_disabled=not on
            )
        )

    async def has_password(self) -> bool:
        return bool((await self._ask(fn.account.GetPasswordRequest())).has_password)

    async def clock_ahead(self) -> float:
        """Seconds that Telegram's clock is ahead of this machine's, to about one second."""
        began = time.time()
        config = await self._ask(fn.help.GetConfigRequest())
        return float(config.date.timestamp() - (began + time.time()) / 2)

    def bot_facts(self) -> BotFacts:
        user = self._user
        return BotFacts(
            self.person, user.bot_inline_placeholder is not None, bool(user.restriction_reason)
        )

    async def finds(self, username: str) -> bool:
        """Whether this account can reach somebody by user name."""
        try:
            found = await self._ask(fn.contacts.ResolveUsernameRequest(username))
        except TelegramRefused:
            return False
        return bool(found.users)

    async def try_inline(self, bot: Visit) -> Trial:
        """Send ourselves a card through the bot, see what it hears of it, take it away again."""
        token, heard = secrets.token_hex(6), asyncio.Event()

        async def give(update: Any) -> None:
            if update.query == f"doctor {token}":
                # feedback comes with a message's number only where there is a button to edit
                markup = TelegramClient.build_reply_markup([[Button.inline("✓", b"doctor")]])
                message = tl.InputBotInlineMessageText(
                    "A trial by siptg doctor", reply_markup=markup
                )
                result = tl.InputBotInlineResult(token, "article", message, title="Trial")
                with contextlib.suppress(TelegramRefused):
                    await bot._ask(
                        fn.messages.SetInlineBotResultsRequest(
                            update.query_id, [result], 0, private=True
                        )
                    )

        async def hear(update: Any) -> None:
            if update.id == token:
                heard.set()

        bot._client.add_event_handler(give, events.Raw(tl.UpdateBotInlineQuery))
        bot._client.add_event_handler(hear, events.Raw(tl.UpdateBotInlineSend))
        me = tl.InputPeerSelf()
        try:
            found = await self._ask(fn.contacts.ResolveUsernameRequest(bot.person.username or ""))
            peer = tl.InputUser(found.users[0].id, found.users[0].access_hash)
            given = await self._ask(
                fn.messages.GetInlineBotResultsRequest(peer, me, f"doctor {token}", "")
            )
            if not given.results:
                return Trial("NO_RESULTS")
            sent = await self._ask(
                fn.messages.SendInlineBotResultRequest(
                    me,
                    given.query_id,
                    given.results[0].id,
                    random_id=helpers.generate_random_long(),
                )
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), FED_BACK_WITHIN)
            await self._ask(fn.messages.DeleteMessagesRequest([sent_id(sent)]))
        except TelegramRefused as refused:
            return Trial(refused.text)
        return Trial(fed_back=heard.is_set())

    async def _ask(self, request: Any) -> Any:
        return await ask(self._client, request)


@asynccontextmanager
async def visit(settings: TelegramSettings) -> AsyncIterator[Visit]:
    """A visit with a session; SignInFailed says in words why not."""
    async with connected(settings) as client:
        (me,) = await ask(client, fn.users.GetUsersRequest([tl.InputUserSelf()]))
        await client.is_user_authorized()
        yield Visit(client, me)


def who(rules: list[Any]) -> Who:
    """Telegram's list of rules in a word; the first that fits somebody counts for him."""
    for rule in rules:
        match rule:
            case tl.PrivacyValueAllowAll():
                return Who.EVERYBODY
            case tl.PrivacyValueAllowContacts() | tl.PrivacyValueAllowCloseFriends():
                return Who.CONTACTS
            case tl.PrivacyValueAllowUsers() | tl.PrivacyValueAllowChatParticipants():
                return Who.SOME
    return Who.NOBODY
