"""The product as `siptg run` starts it: accounts, lines, conversations, and the wires between."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import attrs

from siptg.app import backlog, cards, languages
from siptg.app.account_keeper import AccountKeeper
from siptg.app.actions import ACTIONS
from siptg.app.causes import Cause
from siptg.app.config import Config
from siptg.app.conversation import Conversation
from siptg.app.house_desk import HouseDesk, terms_of
from siptg.app.lines import Line, Lines
from siptg.app.metrics import Metrics
from siptg.app.metrics_server import MetricsServer
from siptg.app.numbers import NotDialable, read_wish
from siptg.app.router import Router
from siptg.app.sip_leg import SipLeg
from siptg.app.store import KnownPerson, SqlStore, StoreError, open_seal
from siptg.app.telegram_leg import TelegramLeg
from siptg.app.texts import TEXTS, Words
from siptg.phone import Incoming
from siptg.rtp.clock import MediaClock
from siptg.sip.registration import RegistrationState
from siptg.telegram.account.client import Account, ChatMessage
from siptg.telegram.chat.bot import Bot
from siptg.telegram.chat.ear import Press
from siptg.telegram.chat.shown import Answers, Cards
from siptg.telegram.people import Person, TelegramRefused

log = logging.getLogger(__name__)

OLD_AFTER = timedelta(seconds=60)
"""A message older than this is not dialled any more (SP-1.1)."""
HINT_EVERY = timedelta(days=1)
"""How often a stranger is told that there is nothing here for them (SP-1.3)."""
CLOSE_WITHIN = 2.0
"""Seconds that conversations have to end in order when the service stops."""
MOST_STRANGERS = 10_000
BUTTONS_KEY = "buttons"
"""Name in the store of the key that signs buttons."""


class Service:
    """`async with Service(config) as service: await service.run()`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.conversations: dict[int, Conversation] = {}
        self._desks: dict[int, HouseDesk] = {}
        self._strangers: dict[int, datetime] = {}
        self._stack = contextlib.AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._parts: list[asyncio.Task[None]] = []
        """Those that never end."""
        self.store: SqlStore
        self.clock: MediaClock
        self.keeper: AccountKeeper
        self.account: Account
        self.bot: Bot
        self.metrics: MetricsServer | None = None
        self.cards: Cards
        self.lines: Lines
        self.router: Router

    async def __aenter__(self) -> Self:
        """Everything on, in the order of need; what fails undoes what stands."""
        async with contextlib.AsyncExitStack() as stack:
            if (listen := self.config.metrics.listen) is not None:
                self.metrics = await stack.enter_async_context(MetricsServer(listen))
            seal = open_seal(self.config.store.key_file, self.config.store.path)
            self.store = await stack.enter_async_context(SqlStore(self.config.store.path, seal))
            self.clock = await stack.enter_async_context(MediaClock())
            self.keeper = AccountKeeper(self.config.telegram, self.store)
            self.account = await self.keeper.enter_account(stack, self.clock)
            self.bot = await self.keeper.enter_bot(stack)
            key = await self._buttons_key()
            self.cards = await stack.enter_async_context(
                Cards(self.account, self.bot, ACTIONS, key=key, answers=self._answers)
            )
            self.lines = Lines(
                self.config.lines, self.clock, changed=self._line_changed, called=self._party_calls
            )
            self.router = Router(self.lines)
            await self._meet_people()
            await stack.enter_async_context(self.lines)
            accounts = self._by_name()
            if self.metrics is not None:
                metrics = Metrics(accounts, self.cards, self.conversations, self.lines, self.clock)
                self.metrics.page = metrics.page
            stack.push_async_callback(self._hang_up_all)
            self._stack = stack.pop_all()
        works = (
            self._take_messages(),
            self._take_calls(),
            self._take_missed(),
            self._take_presses(),
            self.keeper.watch(self._meet_again),
            backlog.watch({name: one.queue for name, one in accounts.items()}),
        )
        self._parts = [self._do(work) for work in works]
        log.info("= running with %d lines", len(self.config.lines))
        return self

    async def __aexit__(self, *why: object) -> None:
        """Calls end with BYE and discardCall, registrations are taken back, accounts leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()
        log.info("x stopped")

    async def run(self) -> None:
        """Until somebody cancels it, or a part that the house cannot do without breaks: its error
        is raised.
        """
        ended, _ = await asyncio.wait(self._parts, return_when=asyncio.FIRST_COMPLETED)
        for part in ended:
            part.result()

    def _by_name(self) -> dict[str, Account | Bot]:
        """The accounts as the configuration calls them."""
        names = self.config.telegram
        return {names.account: self.account, names.bot: self.bot}

    async def _meet_people(self) -> None:
        """Know whom lines are for: from the store, else by their user name on Telegram."""
        for known in await self.store.people():
            self.router.know(
                Person(known.id, known.access_hash, known.name, known.username, known.language)
            )
        for line in self.lines:
            if self.router.person_of(line) is None and not line.config.person.isdigit():
                await self._find(line, line.config.person.lstrip("@"))

    async def _meet_again(self) -> None:
        """Another Telegram user is the phone account: how the one before knew people is worth
        nothing to it. Who has no user name is met when they write.
        """
        for line in self.lines:
            person = self.router.person_of(line)
            name = person.username if person is not None else line.config.person.lstrip("@")
            if name and not name.isdigit():
                await self._find(line, name)

    async def _find(self, line: Line, name: str) -> None:
        try:
            await self._know(await self.account.find(name))
        except TelegramRefused as refused:
            log.error("line %s: %s is not found: %s", line.name, line.config.person, refused)

    async def _know(self, person: Person) -> None:
        before = self.router.find(person.id)
        if not person.language and before is not None:
            person = attrs.evolve(person, language=before.language)
        self.router.know(person)
        if person.id in self._desks:
            self._desks[person.id].person = person
        known = KnownPerson(*attrs.astuple(person, recurse=False))
        try:
            await self.store.meet(known)
        except StoreError as error:
            log.error("%s", error)

    def _conversation(self, person: Person) -> Conversation:
        if person.id not in self.conversations:
            self._desks[person.id] = self._desk(person)
            self.conversations[person.id] = Conversation(self._desks[person.id], person.id)
        return self.conversations[person.id]

    def _desk(self, person: Person) -> HouseDesk:
        known = self.router.find(person.id) or person
        return HouseDesk(known, self.clock, self.account, self.cards, self._line, self.store)

    def _words(self, person_id: int) -> Words:
        known = self.router.find(person_id)
        return TEXTS.of(known.language if known is not None else "")

    def _answers(self, person_id: int) -> Answers:
        words = self._words(person_id)
        return Answers(str(words("card.too_late")), str(words("card.not_yours")))

    async def _buttons_key(self) -> bytes:
        """Signs the buttons of cards; kept, so that those of an earlier run are known as ours."""
        kept = await self.store.session(BUTTONS_KEY)
        if not kept:
            kept = secrets.token_hex(32)
            await self.store.keep_session(BUTTONS_KEY, kept)
        return bytes.fromhex(kept)

    def _line(self, name: str) -> Line | None:
        return next((line for line in self.lines if line.name == name), None)

    # what comes from Telegram

    async def _take_messages(self) -> None:
        async for message in self.account.messages():
            await self._read(message)

    async def _read(self, message: ChatMessage) -> None:
        person = message.person
        if not self.router.serves(person):
            self._hint(person)
            return
        await self._know(person)
        desk, old = self._conversation(person).desk, datetime.now(UTC) - message.date > OLD_AFTER
        language = languages.chosen(message.text)
        if language is not None:
            await self._speak(person, language)
            return
        actions = () if old else self.cards.typed(person.id, message.text)
        for action in actions:
            self._conversation(person).press(action)
        if actions:
            return
        try:
            wish = read_wish(message.text)
        except NotDialable as problem:
            self._do(desk.say(problem.told(desk.words)))
            return
        if old:
            self._do(desk.say(desk.words("error.old_message", number=wish.typed)))
            return
        line = self.router.line_for(person)
        if line is None:
            self._do(desk.say(desk.words("error.no_line", number=wish.typed)))
            return
        self._conversation(person).number(wish, terms_of(line.config))

    async def _take_calls(self) -> None:
        async for call in self.account.calls():
            leg = TelegramLeg(call)
            if self.router.serves(call.person):
                self._conversation(call.person).she_calls(leg)
            else:
                self._do(leg.hangup(Cause.DECLINED))
                self._hint(call.person)

    async def _take_missed(self) -> None:
        """She called while we were away: she is told, once a call."""
        async for call in self.account.missed():
            if self.router.serves(call.person):
                desk = self._conversation(call.person).desk
                when = f"{call.date.astimezone(UTC):%d.%m. %H:%M}"
                self._do(desk.say(desk.words("note.missed_by_us", time=when)))

    async def _take_presses(self) -> None:
        async for press in self.cards.presses():
            self._do(self._press(press))

    async def _press(self, press: Press) -> None:
        conversation = self.conversations.get(press.person_id)
        await press.answer(
            self._answers(press.person_id).too_late
            if conversation is None
            else conversation.press(press.action)
        )
        known = self.router.find(press.person_id)
        if press.language and known is not None and not known.language:
            await self._know(attrs.evolve(known, language=press.language))

    async def _speak(self, person: Person, language: str) -> None:
        """From now on in the language that she chose; without one, say which there are."""
        if language:
            await self._know(attrs.evolve(person, language=language))
        desk = self._conversation(person).desk
        self._do(desk.say(desk.words("note.language", commands=languages.commands())))

    def _hint(self, person: Person) -> None:
        now = datetime.now(UTC)
        if person.id in self._strangers and now - self._strangers[person.id] < HINT_EVERY:
            return
        if len(self._strangers) < MOST_STRANGERS:
            self._strangers[person.id] = now
            desk = self._desk(person)
            self._do(desk.say(desk.words("note.stranger")))

    # what comes from lines

    def _party_calls(self, line: Line, call: Incoming) -> None:
        leg, person = SipLeg(call), self.router.person_of(line)
        if person is None:
            log.warning(
                "< a call on line %s, but %s is not known yet", line.name, line.config.person
            )
            self._do(leg.hangup(Cause.NOT_REACHED))
            return
        self._conversation(person).party_calls(leg, leg.party, terms_of(line.config))

    def _line_changed(self, line: Line) -> None:
        """Tell her once when the PBX refuses the line, and once when it is well again."""
        person = self.router.person_of(line)
        if person is None:
            return
        desk = self._conversation(person).desk
        if line.state is RegistrationState.REFUSED:
            reason = cards.told(desk.words, Cause.WRONG_LOGIN, line.why)
            self._do(desk.say(desk.words("error.line_state", line=line.name, reason=reason)))

    async def _hang_up_all(self) -> None:
        closing = [c.close(Cause.RESTART) for c in self.conversations.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await asyncio.gather(*closing, return_exceptions=True)

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a task broke", exc_info=error)
