"""A thousand accounts held over one socket: how even their refreshes are, and their memory.

    python -m bench.accounts COUNT     prints {"mb": …, "peak": …, "mean": …}

The registrar runs in a process of its own and grants 60 s. Refreshes are counted for a minute and
a half after all have registered; `peak` and `mean` are requests in a second.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from siptg.sip.account import SipAccount
from siptg.sip.agent import UserAgent
from siptg.sip.auth import Digest
from siptg.sip.flow import Address
from siptg.sip.ids import Ids
from siptg.sip.uri import Uri
from siptg.sip.usages.registrar import Registrar

GRANTED, WATCHED = 60, 90.0
PASSWORD = "secret"


async def registrar(pipe: Connection) -> None:
    ids = Ids()
    guard = Digest("bench", lambda user: PASSWORD, ids)
    seconds: Counter[int] = Counter()

    def count(sign: str, now: float, peer: Address, data: bytes) -> None:
        if sign == ">" and data.startswith(b"SIP/2.0 200"):
            seconds[int(now)] += 1

    async with UserAgent(
        ("127.0.0.1", 0), ids=ids, guard=guard, registrar=Registrar(longest=GRANTED)
    ) as agent:
        agent.trace = count
        pipe.send(agent.address)
        await asyncio.to_thread(pipe.recv)
        pipe.send(dict(seconds))


def serve(pipe: Connection) -> None:
    uvloop.run(registrar(pipe))


def own_memory() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(x.split()[1]) for x in status.splitlines() if "VmRSS" in x) / 1024


async def hold(address: Address, count: int) -> float:
    """Memory in MB after all have been refreshed at least once; returns when they have been."""
    async with UserAgent(("127.0.0.1", 0)) as agent:
        registrations = [
            agent.register(
                SipAccount(Uri("sip", f"u{n}", address[0], address[1]), PASSWORD, expires=GRANTED)
            )
            for n in range(count)
        ]
        for registration in registrations:
            await registration.ready()
        await asyncio.sleep(WATCHED)
        return own_memory()


def main() -> None:
    count = int(sys.argv[1])
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    process.daemon = True
    process.start()
    megabytes = uvloop.run(hold(ours.recv(), count))
    now = time.monotonic()
    ours.send(None)
    seconds: dict[int, int] = ours.recv()
    # from the first refresh on: the registering itself is paced, 200 a second, and over by then
    watched = [seconds.get(s, 0) for s in range(int(now - WATCHED) + 20, int(now) - 3)]
    print(json.dumps({"mb": megabytes, "peak": max(watched), "mean": sum(watched) / len(watched)}))
    process.kill()


if __name__ == "__main__":
    main()
