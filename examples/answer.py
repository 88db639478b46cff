"""A phone that answers: the README's example, with address and password from the command line."""

import asyncio
import sys

from siptg import Phone


async def main(address: str, password: str) -> None:
    async with Phone(address, password=password) as phone:
        async for call in phone.incoming():
            print("call from", call.caller)
            talk = await call.answer()
            await talk.play("tone:440/2000")
            await talk.press("1234#")
            await talk.play("silence:1000")
            await talk.hangup()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
