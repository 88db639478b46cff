"""A server that answers every call, for SIPp: `python -m bench.uas PORT`. Ends on SIGTERM."""

from __future__ import annotations

import sys

import uvloop

from bench.signalling import Silence
from siptg.sip.agent import UserAgent


async def main(port: int) -> None:
    async with UserAgent(("127.0.0.1", port)) as agent:
        async for session in agent.sessions():
            session.set_media(Silence())
            session.ring()
            session.answer()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
