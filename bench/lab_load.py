"""The lab under load, in processor time of its own process: clients are in another.

python -m bench.lab_load USERS MESSAGES    prints {"sign_in_ms": …, "message_us": …, "user_kb": …}
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Any

from telethon.tl import functions as fn

from siptg.telegram.account.sign_in import sign_in
from siptg.telegram.account.telethon import new_client
from siptg.telegram.lab import Lab
from siptg.telegram.server import Server
from siptg.telegram.settings import TelegramSettings

SENDERS, AT_ONCE = 20, 20


async def clients(server: Server, users: int, messages: int) -> None:
    """The other process: signs in, says so, and sends when it is told."""
    made: list[Any] = []
    for n in range(users):
        phone = f"99966{n % 10}{n:04}"

        async def code(phone: str = phone) -> str:
            return phone[5] * 5

        settings = TelegramSettings(1, "-", server=server)
        session = await sign_in(settings, phone, code)
        client = new_client(TelegramSettings(1, "-", session=session, server=server))
        await client.connect()
        made.append(client)
    print("signed in", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    senders = made[: min(SENDERS, users)]
    peers = [await c.get_input_entity(f"user{(n + 1) % users:04}") for n, c in enumerate(senders)]

    async def send(client: Any, peer: Any, first: int) -> None:
        share = messages // len(senders)
        for at in range(0, share, AT_ONCE):
            requests = [
                fn.messages.SendMessageRequest(peer, "hello", random_id=first * share + at + i + 1)
                for i in range(min(AT_ONCE, share - at))
            ]
            await client(requests)

    await asyncio.gather(
        *(send(c, p, n) for n, (c, p) in enumerate(zip(senders, peers, strict=True)))
    )
    print("sent", flush=True)
    for client in made:
        await client.disconnect()


async def measure(users: int, messages: int) -> dict[str, float]:
    async with Lab() as lab:
        for n in range(users):
            lab.add_user(f"User {n}", f"+99966{n % 10}{n:04}", f"user{n:04}")
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.lab_load", "clients", str(users), str(messages)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None and process.stdout is not None
        server = lab.server
        door = [server.dc_id, server.host, server.port, server.public_key]
        begun = time.process_time()
        process.stdin.write(json.dumps(door).encode() + b"\n")
        await process.stdout.readline()
        signed_in = time.process_time()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size
        process.stdin.write(b"go\n")
        if await process.stdout.readline() != b"sent\n":
            raise RuntimeError("the clients broke off")
        done = time.process_time()
        process.stdin.close()
        await process.wait()
    return {
        "sign_in_ms": round((signed_in - begun) * 1000 / users, 1),
        "message_us": round((done - signed_in) * 1e6 / messages),
        "user_kb": round(grown / users, 1),
    }


def main() -> None:
    if sys.argv[1] == "clients":
        server = Server(*json.loads(sys.stdin.readline()))
        asyncio.run(clients(server, int(sys.argv[2]), int(sys.argv[3])))
    else:
        print(json.dumps(asyncio.run(measure(int(sys.argv[1]), int(sys.argv[2])))))


if __name__ == "__main__":
    main()
