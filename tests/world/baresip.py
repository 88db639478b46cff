"""baresip 1.0.0 as a foreign phone: one process on loopback, driven over its control socket.

    async with Baresip("bob", folder=tmp_path / "bob", hz=880) as bob:
        await bob.dial("sip:alice@127.0.0.1:5060")
        await bob.wait("CALL_ESTABLISHED")
        bob.hz()                     # what bob heard in the last second

It says a sine from a WAV file (module aufile); module sndfile records what it hears.
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import json
import re
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tests.world.process import Program, free_ports, need
from tests.world.sounds import loudest, sine, write_wave

HOST = "127.0.0.1"
CODECS = ("g711", "g722", "g726", "gsm", "l16", "opus")
MODULES = (*CODECS, "aufile", "sndfile", "srtp", "dtls_srtp")
CONFIG = """\
poll_method             epoll
net_interface           {host}
sip_listen              {host}:{sip}
sip_trans_def           udp
call_local_timeout      120
call_max_calls          4
audio_player            aufile,{folder}/nowhere.wav
audio_source            aufile,{folder}/said.wav
audio_alert             aufile,{folder}/alert.wav
ausrc_srate             {rate}
auplay_srate            {rate}
ausrc_channels          0
auplay_channels         0
rtp_ports               {rtp}-{rtp_last}
rtp_timeout             60
rtcp_mux                {mux}
jitter_buffer_delay     1-5
snd_path                {folder}
ctrl_tcp_listen         {host}:{control}
opus_bitrate            24000
opus_stereo             no
opus_sprop_stereo       no
opus_inbandfec          yes
module_path             {modules_at}
module_tmp              uuid.so
module_tmp              account.so
module_app              menu.so
module_app              ctrl_tcp.so
"""


class Baresip(Program):
    """A phone at `address`, or registered as `user` at `domain`.

    `account` follows the address in its accounts file (";auth_pass=…;answermode=auto"). A `codec`
    that it does not know by just that name ("opus/48000/1" without stereo) gives it all of them.
    """

    def __init__(
        self,
        user: str,
        *,
        folder: Path,
        hz: float = 880,
        codec: str = "PCMU/8000/1",
        domain: tuple[str, int] | None = None,
        account: str = "",
        encryption: str = "",
        ptime: int = 0,
        mux: bool = True,
    ) -> None:
        need("baresip", "baresip-core")
        folder.mkdir(parents=True, exist_ok=True)
        rate = int(codec.split("/")[1])  # that of its files as well: aufile does not resample
        sip, rtp = free_ports(2), free_ports(16, even=True)  # sip + 1 is taken for TLS
        self.address, self.control = (HOST, sip), (HOST, free_ports())
        self.uri = f"sip:{user}@{HOST}:{sip}"
        self.events: list[dict[str, Any]] = []
        write_wave(folder / "said.wav", sine(hz, rate, 60.0), rate)
        write_wave(folder / "alert.wav", sine(1, rate, 0.1), rate)
        found = glob.glob("/usr/lib/baresip/modules") + glob.glob("/usr/lib/*/baresip/modules")
        config = CONFIG.format(
            host=HOST,
            sip=sip,
            control=self.control[1],
            folder=folder,
            rate=rate,
            mux="yes" if mux else "no",
            rtp=rtp,
            rtp_last=rtp + 14,
            modules_at=found[0] if found else "",
        )
        (folder / "config").write_text(config + "".join(f"module {m}.so\n" for m in MODULES))
        where = f"{domain[0]}:{domain[1]}" if domain else HOST
        settled = f";audio_codecs={codec}" + (f";ptime={ptime}" if ptime else "")
        settled += "" if "regint" in account else ";regint=0"
        settled += f";mediaenc={encryption}" if encryption else ""
        (folder / "accounts").write_text(f"<sip:{user}@{where};transport=udp>{settled}{account}\n")
        (folder / "contacts").write_text("")
        super().__init__(["baresip", "-s", "-f", str(folder)], folder, "log")

    async def __aenter__(self) -> Self:
        await self.start(self._answers)
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        self._writer.close()
        await self.end()  # it says BYE and REGISTER with Expires 0 first

    async def _answers(self) -> bool:
        try:
            self._reader, self._writer = await asyncio.open_connection(*self.control)
        except OSError:
            return False
        return True

    async def _listen(self) -> None:
        """Netstrings of JSON, events and answers alike."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = await self._reader.readuntil(b":")
                text = await self._reader.readexactly(int(size[:-1]) + 1)
                self.events.append(json.loads(text[:-1]))

    async def _first(self, seconds: float, **wanted: object) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while loop.time() < deadline:
            for n, said in enumerate(self.events):
                if all(said.get(key) == value for key, value in wanted.items()):
                    return self.events.pop(n)
            await asyncio.sleep(0.01)
        seen = [said.get("type", said.get("token")) for said in self.events]
        raise TimeoutError(f"no {wanted}; saw {seen}\n{self.last_words()}")

    async def command(self, name: str, params: str = "") -> str:
        """A command of baresip's menu; its answer's text."""
        text = json.dumps({"command": name, "params": params, "token": name}).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        return str((await self._first(3, response=True, token=name)).get("data", ""))

    async def dial(self, uri: str) -> None:
        await self.command("dial", uri)

    async def accept(self) -> None:
        await self.command("accept")

    async def hangup(self) -> None:
        await self.command("hangup")

    async def hold(self, on: bool) -> None:
        await self.command("hold" if on else "resume")

    async def press(self, digits: str) -> None:
        """RFC 4733; a digit lasts until the next command, so each is let go again."""
        for digit in digits:
            await self.command("sndcode", digit)
            await asyncio.sleep(0.15)

    async def wait(self, kind: str, seconds: float = 5.0) -> dict[str, Any]:
        """The next CALL_INCOMING, CALL_RINGING, CALL_ESTABLISHED, CALL_CLOSED, REGISTER_OK …"""
        return await self._first(seconds, event=True, type=kind)

    async def registered(self, seconds: float = 5.0) -> None:
        """Wait until its registration holds; the first REGISTER_OK comes before we can listen."""
        async with asyncio.timeout(seconds):
            while "OK" not in await self.command("reginfo"):
                await asyncio.sleep(0.05)

    def digits(self) -> str:
        """The RFC 4733 digits it was sent so far: there is no event for them, only its log."""
        return "".join(re.findall(r"received event: '(.)' \(end=1\)", self.last_words(1 << 20)))

    def hz(self) -> float:
        """Loudest frequency of the last second it heard, before any re-INVITE: after one its
        recorder stays shut, though audio flows."""
        samples, rate = self.heard(1.0)
        return loudest(samples, rate)

    def heard(self, seconds: float) -> tuple[NDArray[np.int16], int]:
        """The last of what it heard, at its rate; as for `hz`."""
        dumps = sorted(self.folder.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime)
        data = dumps[-1].read_bytes() if dumps else b""
        if len(data) < 44:
            return np.zeros(0, np.int16), 8000
        rate = int.from_bytes(data[24:28], "little")
        # still being written, so its header does not count yet
        samples = np.frombuffer(data[44 : len(data) & ~1], "<i2")
        return samples[-round(rate * seconds) :], rate
