"""Kamailio 5.6 as registrar and record-routing proxy: one foreground process group on loopback.

    async with Kamailio(folder=tmp_path) as proxy:
        Phone(proxy.uri("alice", "tls"), password=proxy.password("alice"), tls=proxy.tls)

Users are alice and bob; REGISTER is challenged with 401, all else with 407.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Self

from siptg.sip.transport.tls import TlsSettings
from tests.support.agents import certificates
from tests.world.process import Program, free_ports, need

CONFIG = Path(__file__).parent / "configs" / "kamailio.cfg"
HOST = "127.0.0.1"


class Kamailio(Program):
    def __init__(self, *, folder: Path, port: int = 0) -> None:
        need("kamailio", "kamailio kamailio-tls-modules")
        self.port = port or free_ports(2)
        made = certificates(folder, HOST, "localhost")
        self.tls = TlsSettings(authorities=made.authorities)
        words = {"PORT": self.port, "TLS_PORT": self.port + 1}
        files = {"CERTIFICATE": made.certificate, "KEY": made.certificate}
        super().__init__(
            [
                *("kamailio", "-f", str(CONFIG), "-DD", "-E", "-m", "32", "-M", "8"),
                *("-P", str(folder / "pid"), "-Y", str(folder)),
                *(part for key, value in words.items() for part in ("-A", f"{key}={value}")),
                *(part for key, value in files.items() for part in ("-A", f'{key}="{value}"')),
            ],
            folder,
            "kamailio.log",
        )

    async def __aenter__(self) -> Self:
        await self.start(self._answers, 10)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()  # the parent ends its children

    def uri(self, user: str, transport: str) -> str:
        port = self.port + 1 if transport == "tls" else self.port
        return f"sip:{user}@{HOST}:{port};transport={transport}"

    @staticmethod
    def password(user: str) -> str:
        return f"secret-{user[0]}"

    async def _answers(self) -> bool:
        """OPTIONS gets its 200: only then are all its children up."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.bind((HOST, 0))
            me = f"{HOST}:{probe.getsockname()[1]}"
            asked = (
                f"OPTIONS sip:{HOST}:{self.port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {me};branch=z9hG4bK{loop.time()}\r\nMax-Forwards: 1\r\n"
                f"From: <sip:x@{me}>;tag=x\r\nTo: <sip:{HOST}:{self.port}>\r\n"
                f"Call-ID: {loop.time()}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )
            try:
                await loop.sock_sendto(probe, asked.encode(), (HOST, self.port))
                data = await asyncio.wait_for(loop.sock_recv(probe, 2048), 0.2)
            except (OSError, TimeoutError):
                return False
            return data.startswith(b"SIP/2.0 200")
