"""Many calls through lab and product: what is left of them afterwards?

    python -m bench.soak [CALLS] [AT_ONCE]

The product runs in this process; the lab with its users, and the PBX, in two others. Prints one
JSON line: calls made and good; tasks, open files and kilobytes of the product after each fifth of
the calls; and of which of its objects there are more in the end than after the first fifth.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path
from typing import Any

import attrs

from siptg.app import log
from siptg.app.config import Config, LineConfig, ServerConfig, StoreConfig, TelegramConfig
from siptg.app.demo.pbx_process import PbxProcess
from siptg.app.service import Service
from siptg.app.store import Seal, SqlStore
from siptg.app.telegram_login import BOT, PHONE
from siptg.sip.registration import RegistrationState

CALLS, AT_ONCE, SHARES, SETTLE = 500, 20, 5, 33.0
"""Seconds after which SIP's transactions (32 s) are over."""
PASSWORD = "soak secret"


@attrs.frozen
class Left:
    """What a process holds."""

    tasks: int
    files: int
    kilobytes: int
    objects: Counter[str]

    @classmethod
    def now(cls) -> Left:
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)  # what is free is not held
        status = Path("/proc/self/status").read_text()
        kilobytes = next(int(x.split()[1]) for x in status.splitlines() if "RssAnon" in x)
        files = len(os.listdir("/proc/self/fd"))
        kinds = Counter(
            type(o).__qualname__
            for o in gc.get_objects()
            if str(type(o).__module__).startswith("siptg")
        )
        return cls(len(asyncio.all_tasks()), files, kilobytes, kinds)


def config(folder: Path, told: dict[str, Any], pbx: tuple[str, int], users: int) -> Config:
    server = ServerConfig(told["host"], told["port"], told["public_key"])
    return Config(
        TelegramConfig(1, "soak", "777:soak", ice_addresses=("127.0.0.1",), server=server),
        tuple(
            LineConfig(
                name=f"Line {n}",
                address=f"sip:user{n}@{pbx[0]}:{pbx[1]}",
                password=PASSWORD,
                person=f"user{n}",
            )
            for n in range(users)
        ),
        StoreConfig(folder / "siptg.db", folder / "siptg.key"),
    )


async def soak(calls: int, users: int) -> dict[str, Any]:
    command = (sys.executable, "-m", "bench.soak_users", str(users))
    child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert child.stdin is not None and child.stdout is not None
    told = json.loads(await child.stdout.readline())
    secrets = {f"user{n}": PASSWORD for n in range(users)}
    with tempfile.TemporaryDirectory() as name:
        async with PbxProcess(secrets) as pbx:
            made = config(Path(name), told, pbx.address, users)
            async with SqlStore(made.store.path, Seal.from_file(made.store.key_file)) as store:
                await store.keep_session(PHONE, told["account"])
                await store.keep_session(BOT, told["bot"])
            async with Service(made) as service:
                while any(x.state is not RegistrationState.READY for x in service.lines):
                    await asyncio.sleep(0.1)
                at, good, of = [], 0, 0
                for _ in range(SHARES):
                    child.stdin.write(json.dumps({"calls": calls // SHARES}).encode() + b"\n")
                    done = json.loads(await child.stdout.readline())
                    good, of = good + done["good"], of + done["of"]
                    pbx.said.clear()
                    await asyncio.sleep(SETTLE)
                    at.append(Left.now())
    child.stdin.close()
    await child.wait()
    first, last = at[0].objects, at[-1].objects
    return {
        "calls": of,
        "good": good,
        "tasks": [left.tasks for left in at],
        "files": [left.files for left in at],
        "kilobytes": [left.kilobytes for left in at],
        "grown": {kind: more for kind, more in (last - first).items() if more > 5},
    }


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    users = int(sys.argv[2]) if len(sys.argv) > 2 else AT_ONCE
    log.set_up("error")
    print(json.dumps(asyncio.run(soak(calls, users))))


if __name__ == "__main__":
    main()
