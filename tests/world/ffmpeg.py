"""ffmpeg as a decoder and an encoder of RTP that are not ours, told by a session description.

async with Listener(describe(port, 0, "PCMU/8000"), folder=tmp_path) as ffmpeg:
    ...
    hz, dbfs = await ffmpeg.heard()
"""

from __future__ import annotations

import re
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tests.world.process import Program, need, udp_is_bound
from tests.world.sounds import loudest, strength

HOST = "127.0.0.1"
ENCODERS = {
    "PCMU": "pcm_mulaw",
    "PCMA": "pcm_alaw",
    "G722": "g722",
    "opus": "libopus",
    "L16": "pcm_s16be",
    "G726-32": "g726le",
    "AAL2-G726-32": "g726",
}
"""By the name in a=rtpmap; RFC 3551 §4.5.4 packs G.726 from the right, ATM's AAL2 from the left."""


def describe(
    port: int,
    number: int,
    rtpmap: str,
    *,
    direction: str = "recvonly",
    ptime: int = 20,
    protocol: str = "RTP/AVP",
    more: Iterable[str] = (),
) -> str:
    """Audio of one format, at a port of loopback."""
    lines = [
        *("v=0", f"o=- 1 1 IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0"),
        f"m=audio {port} {protocol} {number}",
        *(f"a=rtpmap:{number} {rtpmap}", f"a=ptime:{ptime}", f"a={direction}", *more),
    ]
    return "\r\n".join([*lines, ""])


class Listener(Program):
    """Decodes what comes to the port in a description, for so many seconds of it."""

    def __init__(self, sdp: str, *, folder: Path, seconds: float = 0.5) -> None:
        need("ffmpeg", "ffmpeg")
        (folder / "call.sdp").write_text(sdp)
        found = re.search(r"^m=audio (\d+)", sdp, re.M)
        self.port = int(found[1]) if found else 0
        self.out = folder / "heard.wav"
        super().__init__(
            [
                *("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "verbose"),
                *("-protocol_whitelist", "file,udp,rtp,srtp,crypto", "-i", "call.sdp"),
                *("-t", str(seconds), "-y", str(self.out)),
            ],
            folder,
            "ffmpeg.log",
        )

    async def __aenter__(self) -> Self:
        async def listens() -> bool:
            return udp_is_bound(self.port)

        await self.start(listens)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def heard(self, seconds: float = 8.0) -> tuple[float, float]:
        """Wait until it has its seconds. The loudest frequency of the last 0.4 s, and how many dBFS
        a sine has that is as strong.
        """
        if await self.code(seconds):
            raise AssertionError(self.last_words())
        samples, rate = read_wave(self.out)
        last = samples[-rate * 2 // 5 :, 0]
        return loudest(last, rate), strength(last)

    @property
    def complaints(self) -> list[str]:
        """What it says of packets that it missed, could not decrypt or could not decode."""
        said = self.last_words(1 << 20).splitlines()
        return [line for line in said if re.search("missed|RTP: |HMAC|[Ii]nvalid|[Ee]rror", line)]


class Speaker(Program):
    """Says a sine to a port, from `source`, until it is ended. Its level is −18 dBFS."""

    def __init__(
        self,
        number: int,
        rtpmap: str,
        to: tuple[str, int],
        source: int,
        *,
        folder: Path,
        hz: int = 880,
        rate: int = 8000,
        packet: int = 1400,
        key: str = "",
    ) -> None:
        """`packet` bytes at most; `key` of SRTP as in a=crypto. Formats from 96 on are dynamic."""
        need("ffmpeg", "ffmpeg")
        secured = ("-srtp_out_suite", "AES_CM_128_HMAC_SHA1_80", "-srtp_out_params", key)
        way = f"localrtpport={source}&localrtcpport={source + 1}&rtcpport={to[1] + 1}"
        super().__init__(
            [
                *("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "info", "-re"),
                *(
                    "-f",
                    "lavfi",
                    "-i",
                    f"sine={hz}:sample_rate={rate}:samples_per_frame={rate // 50}",
                ),
                *("-c:a", ENCODERS[rtpmap.split("/")[0]], "-f", "rtp"),
                *(("-payload_type", str(number)) if number >= 96 else ()),
                *(secured if key else ()),
                f"{'srtp' if key else 'rtp'}://{to[0]}:{to[1]}?{way}&pkt_size={packet}",
            ],
            folder,
            "ffmpeg-says.log",
        )

    async def __aenter__(self) -> Self:
        async def there() -> bool:
            return True

        await self.start(there)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()


def read_wave(path: Path) -> tuple[NDArray[np.int16], int]:
    """Samples as rows of channels, and the rate."""
    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return data.reshape(-1, file.getnchannels()), file.getframerate()
