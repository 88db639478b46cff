"""As little of a PBX as there can be: REGISTER is always well, everything else is passed on.

A line of siptg registers here; what it sends goes to the phone behind, what that phone sends goes
to the line. Nothing is changed on the way, so both ends meet each other's own words.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Self

COPIED = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq|Contact|Expires):.*\r\n", re.M | re.I)


class Switchboard(asyncio.DatagramProtocol):
    """`async with Switchboard(bob.address) as pbx`; the line registers at `pbx.address`."""

    def __init__(self, phone: tuple[str, int]) -> None:
        self.phone, self.address = phone, ("", 0)
        self.line: tuple[str, int] | None = None
        self.registered = asyncio.Event()

    async def __aenter__(self) -> Self:
        made = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self._transport: asyncio.DatagramTransport = made[0]
        self.address = self._transport.get_extra_info("sockname")[:2]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data.startswith(b"REGISTER "):
            self.line = addr[:2]
            self.registered.set()
            self._transport.sendto(self._well(data), addr)
        elif addr[:2] == self.phone and self.line is not None:
            self._transport.sendto(data, self.line)
        else:
            self._transport.sendto(data, self.phone)

    @staticmethod
    def _well(register: bytes) -> bytes:
        said = [
            line.group() for line in COPIED.finditer(register.partition(b"\r\n\r\n")[0] + b"\r\n")
        ]
        tagged = [
            line.rstrip() + b";tag=pbx\r\n" if line[:3].lower() == b"to:" else line for line in said
        ]
        return b"SIP/2.0 200 OK\r\n" + b"".join(tagged) + b"Content-Length: 0\r\n\r\n"
