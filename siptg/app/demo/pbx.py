"""A PBX in a process of its own: a registrar with digest, extension 100, and a caller.

`python -m siptg.app.demo.pbx` talks in JSON lines: `ready` with its address, then what happens to
its calls; it is told `call`, `hangup` and `stop`. It is built on `siptg.phone` alone, and so is the
library's first example: what a PBX is made of stands in `Pbx`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from siptg.phone import Call, CallFailed, Digit, Ended, Incoming, Phone
from siptg.rtp.sounds.goertzel import Ear
from siptg.sip.auth import Digest
from siptg.sip.ids import Ids
from siptg.sip.usages.registrar import Registrar

EXTENSION = "100"
TONE_HZ = 880
REALM = "demo.pbx"
CALLER_NAME, CALLER_NUMBER = "Example Ltd", "+4930123456"
REPORT_EVERY = 0.25
"""Seconds between two reports of what it hears."""


class Pbx:
    """Lets users register and call 100; calls users itself."""

    def __init__(
        self, users: dict[str, str], say: Any, listen: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        self._ids = Ids()
        self._registrar = Registrar()
        self._guard = Digest(REALM, users.get, self._ids)
        self._say = say
        self._calls: set[Call] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.phone = Phone(
            listen=listen, guard=self._guard, registrar=self._registrar, ids=self._ids
        )

    async def serve(self) -> None:
        async for call in self.phone.incoming():
            self._do(self._take(call))

    async def call(self, user: str) -> None:
        """Call a registered user, and report what comes of it."""
        found = self._registrar.locate(user, time.monotonic())
        if not found:
            self._say(ended="404 Not Found", by="pbx")
            return
        caller = f'"{CALLER_NAME}" <sip:{CALLER_NUMBER}@{self.phone.address[0]}>'
        outgoing = await self.phone.dial(str(found[0].contact), caller=caller)
        try:
            await outgoing.ringing()
            self._say(ringing=True)
            await self._talk(await outgoing.answered())
        except CallFailed as failed:
            self._say(ended=str(failed), by="user" if failed.ended.by_remote else "pbx")

    async def hangup(self) -> None:
        for call in list(self._calls):
            await call.hangup()

    async def _take(self, call: Incoming) -> None:
        number = call.number
        if number != EXTENSION:
            await call.decline(404)
            return
        await call.ring()
        await self._talk(await call.answer())

    async def _talk(self, call: Call) -> None:
        ear, digits = Ear(8000, 0.5), ""
        call.listen(ear.write)
        self._calls.add(call)
        self._say(answered=True)
        playing = asyncio.create_task(call.play(f"tone:{TONE_HZ}"))
        hearing = asyncio.create_task(self._hear(ear))
        try:
            async for event in call.events():
                if isinstance(event, Digit):
                    digits += event.symbol
                    self._say(digits=digits)
                if isinstance(event, Ended):
                    by = "user" if event.by_remote else "pbx"
                    self._say(ended=f"{event.status} {event.reason}", by=by)
        finally:
            self._calls.discard(call)
            for task in (playing, hearing):
                task.cancel()
            await asyncio.gather(playing, hearing, return_exceptions=True)

    async def _hear(self, ear: Ear) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY)
            if ear.full:
                self._say(hears=round(ear.hz(), 1), dbfs=round(ear.dbfs(), 1))

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def main() -> None:
    def say(**line: Any) -> None:
        print(json.dumps(line), flush=True)

    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    users = json.loads(await reader.readline())
    pbx = Pbx(users, say)
    async with pbx.phone:
        serving = asyncio.create_task(pbx.serve())
        say(ready=list(pbx.phone.address))
        calling: list[asyncio.Task[None]] = []
        while line := await reader.readline():
            order = json.loads(line)
            if order["do"] == "call":
                calling.append(asyncio.create_task(pbx.call(order["user"])))
            elif order["do"] == "hangup":
                await pbx.hangup()
            elif order["do"] == "stop":
                break
        serving.cancel()
        await asyncio.gather(serving, *calling, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
