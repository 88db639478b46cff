"""The other side of the soak: a lab and its users, in a process of their own.

Says in JSON lines where it is and how its calls went; told `{"calls": 100}`, it makes that many.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

from siptg.app.demo.user import Talking, next_call
from siptg.rtp.clock import MediaClock
from siptg.telegram.account.sign_in import sign_in, sign_in_bot
from siptg.telegram.lab import Lab
from siptg.telegram.lab.user import LabUser
from siptg.telegram.people import Person
from siptg.telegram.settings import TelegramSettings

LOOPBACK = ("127.0.0.1",)
PHONE, PHONE_NAME, BOT_NAME, BOT_TOKEN = "+1000", "siptg_phone", "siptg_bot", "777:soak"
STEP_WITHIN, TALK, WANTED_HZ = 20.0, 1.0, 880.0


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


class User:
    """One who sends 100, is called back, talks for a second, hangs up."""

    def __init__(self, person: LabUser, phone: Person, clock: MediaClock) -> None:
        self._person, self._phone, self._clock = person, phone, clock

    async def call(self) -> float:
        """What was heard in the end, Hz."""
        before = len(self._person.seen)
        await self._person.write(self._phone, "100")
        async with await next_call(self._person, self._clock, STEP_WITHIN) as talking:
            await talking.call.answer()
            await asyncio.wait_for(talking.answered.wait(), STEP_WITHIN)
            heard = await self._until_heard(talking)
            await talking.call.hangup()
            await asyncio.wait_for(talking.ended.wait(), STEP_WITHIN)
        # the card became the record: the product is done with the call
        await self._person.sees(lambda seen: seen.text.startswith("↗"), STEP_WITHIN)
        del self._person.seen[:before]
        self._person.seen = [s for s in self._person.seen if not s.text.startswith("↗")]
        return heard

    async def _until_heard(self, talking: Talking) -> float:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STEP_WITHIN):
                while abs(talking.ear.hz() - WANTED_HZ) > 4:
                    await asyncio.sleep(0.1)
        await asyncio.sleep(TALK)
        return talking.ear.hz()


async def main(users: int) -> None:
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with Lab() as lab, MediaClock() as clock, contextlib.AsyncExitStack() as stack:
        lab.add_user("Phone account", PHONE, PHONE_NAME)
        lab.add_bot("Cards", BOT_NAME, BOT_TOKEN)
        settings = TelegramSettings(1, "soak", server=lab.server, ice_addresses=LOOPBACK)

        async def code() -> str:
            return lab.code_for(PHONE)

        account, bot = await sign_in(settings, PHONE, code), await sign_in_bot(settings, BOT_TOKEN)
        people = []
        for n in range(users):
            record = lab.add_user(f"User {n}", f"+2{n:04}", f"user{n}")
            person = await stack.enter_async_context(LabUser(lab, record, LOOPBACK))
            people.append(User(person, await person.find(PHONE_NAME), clock))
        server = lab.server
        say(
            host=server.host,
            port=server.port,
            public_key=server.public_key,
            account=account,
            bot=bot,
        )
        while line := await reader.readline():
            wanted, good = json.loads(line)["calls"], 0

            async def work(user: User, calls: int) -> int:
                heard = [await user.call() for _ in range(calls)]
                return sum(abs(hz - WANTED_HZ) < 4 for hz in heard)

            good = sum(await asyncio.gather(*(work(user, wanted // users) for user in people)))
            say(good=good, of=wanted // users * users)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
