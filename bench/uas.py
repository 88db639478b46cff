"""A server that answers every call and takes registrations of alice, whose password is `secret`,
for SIPp: `python -m bench.uas PORT`. Ends on SIGTERM.
"""

from __future__ import annotations

import sys

import uvloop

from bench.signalling import Silence
from siptg.sip.agent import UserAgent
from siptg.sip.auth import Digest
from siptg.sip.ids import Ids
from siptg.sip.parser import Limits
from siptg.sip.usages.registrar import Registrar

MANY = Limits(transactions=1_000_000, dialogs=200_000)
"""Each call leaves two transactions for 32 s (timers L and J): at 4,000 calls a second 256,000."""


async def main(port: int, guarded: bool) -> None:
    ids = Ids()
    guard = Digest("bench", {"alice": "secret"}.get, ids, algorithms=("MD5",)) if guarded else None
    async with UserAgent(
        ("127.0.0.1", port), ids=ids, limits=MANY, guard=guard, registrar=Registrar()
    ) as agent:
        async for session in agent.sessions():
            session.set_media(Silence())
            session.ring()
            session.answer()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), "guarded" in sys.argv))
