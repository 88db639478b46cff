"""coturn, the TURN server that the world runs, for one test: `async with Coturn(folder) as server`.

It listens over UDP and TCP, and over TLS where it was given a certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from siptg.telegram.media.servers import RelayServer
from tests.world.process import Program, need

USER, PASSWORD = "siptg", "secret"


class Coturn:
    """`denied` are addresses that no permission is given for (403); `relays` those that it relays
    at, else `host`; `more` are options of turnserver.
    """

    def __init__(
        self,
        folder: Path,
        host: str = "10.77.0.1",
        port: int = 3478,
        *,
        denied: Sequence[str] = (),
        certificate: tuple[Path, Path] | None = None,
        relays: Sequence[str] = (),
        more: Sequence[str] = (),
    ) -> None:
        need("turnserver", "coturn")
        self.host, self.port = host, port
        self._secure = certificate is not None
        tls = (
            [f"--cert={certificate[0]}", f"--pkey={certificate[1]}", "--no-dtls"]
            if certificate
            else ["--no-tls", "--no-dtls"]
        )
        command = [
            *("turnserver", "-n", "--listening-ip", host),
            *(f"--relay-ip={one}" for one in relays or (host,)),
            *("-p", str(port), "--tls-listening-port", str(port + 1)),
            *("--lt-cred-mech", "-u", f"{USER}:{PASSWORD}", "-r", "test", "--no-cli", "-v"),
            *("--allow-loopback-peers", "--log-file", "stdout", "--simple-log"),
            *("--pidfile", str(folder / "pid"), "--userdb", str(folder / "db")),
            *(f"--denied-peer-ip={one}" for one in denied),
            *tls,
            *more,
        ]
        self._program = Program(command, folder, "coturn.log")

    async def __aenter__(self) -> Self:
        await self._program.start(self._listens, 10.0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._program.end()

    def server(self, transport: str = "udp", *, stun: bool = False, **more: object) -> RelayServer:
        port = self.port + 1 if transport == "tls" else self.port
        names = (USER, PASSWORD, transport)
        return RelayServer(self.host, port, True, stun, *names, **more)  # type: ignore[arg-type]

    @property
    def log(self) -> str:
        return self._program.last_words(1 << 20)

    @property
    def allocations(self) -> int:
        """That were made since it began."""
        return self.log.count("ALLOCATE processed, success")

    @property
    def refreshed(self) -> int:
        return self.log.count("REFRESH processed, success") - self.freed

    @property
    def freed(self) -> int:
        """That their clients gave back."""
        return self.log.count("lifetime=0")

    async def _listens(self) -> bool:
        port = self.port + 1 if self._secure else self.port
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(self.host, port)
            writer.close()
            return True
        return False
