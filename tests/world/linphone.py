"""linphonec 5.1 as a third voice, in a namespace: told by lines on its standard input.

    async with Linphone(folder=tmp_path, host="10.77.0.1") as bob:
        await bob.tell("call sip:alice@10.77.1.1:5060")

It says a WAV file and records into another.
"""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Self

import numpy as np

from tests.world.process import free_ports, need
from tests.world.sounds import loudest, sine, write_wave

RATE = 8000
SETTINGS = """\
[sip]
sip_port={port}
sip_tcp_port={port}
guess_hostname=0
use_ipv6=0
contact=sip:bob@{host}:{port}
[rtp]
audio_rtp_port={rtp}
"""


class Linphone:
    def __init__(self, *, folder: Path, host: str, hz: float = 880) -> None:
        need("linphonec", "linphone-cli")
        self.folder, self.port = folder, free_ports()
        self.uri = f"sip:bob@{host}:{self.port}"
        for name in (".local/share/linphone", ".config/linphone"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        text = SETTINGS.format(port=self.port, host=host, rtp=free_ports(2, even=True))
        (folder / "rc").write_text(text)
        self.said, self.heard = folder / "said.wav", folder / "heard.wav"
        write_wave(self.said, sine(hz, RATE, 60.0), RATE)
        self.log = folder / "linphone.log"

    async def __aenter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("linphonec", "-c", str(self.folder / "rc")),
                env={**os.environ, "HOME": str(self.folder)},
                stdin=PIPE,
                stdout=log,
                stderr=log,
            )
        await self.says("linphonec>", 10)
        for words in ("soundcard use files", f"play {self.said}", f"record {self.heard}"):
            await self.tell(words)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.tell("quit")
        try:
            await asyncio.wait_for(self._process.wait(), 3)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        if self._process.returncode is None:
            self._process.stdin.write(line.encode() + b"\n")
            await asyncio.sleep(0.2)

    async def says(self, words: str, seconds: float = 8.0) -> None:
        """Wait until that stands in what it has said."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while words not in self.log.read_text(errors="replace"):
            if loop.time() > deadline:
                raise TimeoutError(f"no {words!r}: {self.log.read_text(errors='replace')[-1500:]}")
            await asyncio.sleep(0.05)

    def hz(self) -> float:
        """Loudest frequency of the last second it heard."""
        if not self.heard.exists():
            return 0.0
        data = self.heard.read_bytes()
        if len(data) < 44:
            return 0.0
        rate = int.from_bytes(data[24:28], "little") or RATE
        return loudest(np.frombuffer(data[44 : len(data) & ~1], "<i2")[-rate:], rate)
