"""Messages through one account: sent to the lab and read by another account of ours.

python -m bench.messages MESSAGES       prints {"messages_per_second": …}
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import attrs

from bench.foreign import loop_runner
from siptg.telegram.account.client import Account
from siptg.telegram.account.pace import Rates
from siptg.telegram.account.sign_in import sign_in
from siptg.telegram.lab import Lab
from siptg.telegram.settings import TelegramSettings

UNPACED = Rates(chat=1e6, chat_burst=1, overall=1e6, overall_burst=1, most_in_chat=10**6)
AT_ONCE = 50
"""Sends that wait for their answers; in one chat they go one after the other."""


async def measure(messages: int) -> float:
    """Messages a second from `send` to `messages()`, lab and both accounts in this process."""
    async with Lab() as lab:
        accounts = []
        for name, phone in (("writer", "+1555001"), ("reader", "+1555002")):
            lab.add_user(name, phone, username=name)
            settings = TelegramSettings(1, "-", server=lab.server)

            async def code(phone: str = phone) -> str:
                return lab.code_for(phone)

            session = await sign_in(settings, phone, code)
            accounts.append(Account(attrs.evolve(settings, session=session, rates=UNPACED)))
        async with accounts[0] as writer, accounts[1] as reader:
            person = await writer.find("reader")
            begun = time.perf_counter()
            read = asyncio.create_task(_read(reader, messages))
            for start in range(0, messages, AT_ONCE):
                batch = range(start, min(start + AT_ONCE, messages))
                await asyncio.gather(*(writer.send(person, str(n)) for n in batch))
            await read
            return messages / (time.perf_counter() - begun)


async def _read(account: Account, messages: int) -> None:
    left = messages
    async for _ in account.messages():
        left -= 1
        if not left:
            return


def main() -> None:
    result = loop_runner()(measure(int(sys.argv[1])))
    print(json.dumps({"messages_per_second": round(result)}))


if __name__ == "__main__":
    main()
