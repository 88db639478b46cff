"""The other user's side of a Telegram voice call, played by ntgcalls and driven by JSON lines.

In   {"do": "start", "key": base64 of 256 bytes, "outgoing": bool, "hz": 440, "versions": […],
      "servers": [{"id", "ip", "ipv6", "port", "username", "password", "turn", "stun", "tcp",
                   "tag": hex}],
      "p2p": bool}
     {"do": "signal", "data": base64}   {"do": "hz", "hz": 500}   {"do": "mute"}   {"do": "unmute"}
     {"do": "stop"}
Out  {"ready": true}
     {"signal": base64}
     {"state": "CONNECTING" | "CONNECTED" | "FAILED" | "TIMEOUT" | "CLOSED", "at": 0.067}
     {"heard": 880.0}                    the loudest frequency of each second, 0.0 for silence
     {"remote": "MICROPHONE ACTIVE"}     our MediaState
     {"error": text}

"key" is what both users agreed on, "outgoing" says whether *this* side called. The engine ignores
loopback: run it, and the side under test, in a namespace. Malformed signalling aborts it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import sys
import time
from typing import Any

import numpy as np
from ntgcalls import (
    AudioDescription,
    FrameData,
    MediaDescription,
    MediaSource,
    NTgCalls,
    RTCServer,
    StreamDevice,
    StreamMode,
    VideoRotation,
)

from tests.world.sounds import PEAK, loudest

CALL = 1
"""ntgcalls names calls by the other user's id; one call a process is enough here."""
RATE = 48_000
FRAME = RATE // 100
"""send_external_frame takes 10 ms."""


def _server(said: dict[str, Any]) -> Any:
    """STUN and TURN, or, with a tag, a reflector."""
    tag = said.get("tag")
    return RTCServer(
        said["id"],
        said["ip"],
        said.get("ipv6", ""),
        said["port"],
        said.get("username"),
        said.get("password"),
        said.get("turn", False),
        said.get("stun", False),
        said.get("tcp", False),
        bytes.fromhex(tag) if tag else None,
    )


class Peer:
    """One call; reports by `say`, which the engine's threads may use."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop, self.engine = loop, NTgCalls()
        self.started, self.hz, self.heard = time.monotonic(), 440.0, bytearray()
        self.tone: asyncio.Task[None] | None = None
        self.engine.on_signaling_data(self._signal)
        self.engine.on_connection_change(self._state)
        self.engine.on_frames(self._frames)
        self.engine.on_remote_source_change(self._remote)

    def say(self, **line: object) -> None:
        self.loop.call_soon_threadsafe(print, json.dumps(line))

    def _signal(self, _: int, data: bytes) -> None:
        self.say(signal=base64.b64encode(bytes(data)).decode())

    def _state(self, _: int, info: Any) -> None:
        self.say(state=info.state.name, at=round(time.monotonic() - self.started, 3))

    def _remote(self, _: int, source: Any) -> None:
        self.say(remote=f"{source.device.name} {source.state.name}")

    def _frames(self, _: int, mode: Any, device: Any, frames: list[Any]) -> None:
        # what comes in is called the (other side's) microphone, in playback mode
        if mode == StreamMode.PLAYBACK and device == StreamDevice.MICROPHONE:
            self.loop.call_soon_threadsafe(self._hear, b"".join(bytes(f.data) for f in frames))

    def _hear(self, data: bytes) -> None:
        self.heard += data
        while len(self.heard) >= RATE * 2:
            second = np.frombuffer(bytes(self.heard[: RATE * 2]), "<i2")
            del self.heard[: RATE * 2]
            self.say(heard=round(loudest(second, RATE), 1))

    async def start(
        self,
        key: str,
        outgoing: bool,
        hz: float,
        versions: list[str],
        servers: list[dict[str, Any]],
        p2p: bool,
    ) -> None:
        audio = AudioDescription(MediaSource.EXTERNAL, RATE, 1, "", False)
        engine, self.hz = self.engine, hz
        await engine.create_p2p_call(CALL)
        says = MediaDescription(audio, None, None, None)
        hears = MediaDescription(audio, audio, None, None)
        await engine.set_stream_sources(CALL, StreamMode.CAPTURE, says)
        await engine.set_stream_sources(CALL, StreamMode.PLAYBACK, hears)
        await engine.skip_exchange(CALL, base64.b64decode(key), outgoing)
        self.started = time.monotonic()
        self.tone = asyncio.create_task(self._speak())
        await engine.connect_p2p(CALL, [_server(s) for s in servers], versions, p2p, None)

    async def _speak(self) -> None:
        """A sine, ten milliseconds at a time, until cancelled."""
        phase, next_at = 0.0, self.loop.time()
        while True:
            step = 2 * math.pi * self.hz / RATE
            sine = np.sin(phase + step * np.arange(FRAME)) * PEAK
            phase = (phase + step * FRAME) % (2 * math.pi)
            stamp = FrameData(int(time.time() * 1000), VideoRotation.VIDEO_ROTATION_0, 0, 0)
            said = sine.astype("<i2").tobytes()
            await self.engine.send_external_frame(CALL, StreamDevice.MICROPHONE, said, stamp)
            next_at += 0.01
            await asyncio.sleep(max(0.0, next_at - self.loop.time()))

    async def obey(self, line: dict[str, Any]) -> bool:
        """False when it is time to go."""
        match line.pop("do"):
            case "start":
                await self.start(**line)
            case "signal":
                await self.engine.send_signaling_data(CALL, base64.b64decode(line["data"]))
            case "hz":
                self.hz = line["hz"]
            case "mute":
                await self.engine.mute(CALL)
            case "unmute":
                await self.engine.unmute(CALL)
            case "stop":
                return False
        return True

    async def close(self) -> None:
        if self.tone:
            self.tone.cancel()
        try:
            await self.engine.stop(CALL)
        except Exception:  # the engine has its own classes; a call that is over is over
            return


async def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    peer = Peer(loop)
    peer.say(ready=True)
    while line := await reader.readline():
        try:
            if not await peer.obey(json.loads(line)):
                break
        except Exception as error:  # told to the test, which decides
            peer.say(error=f"{type(error).__name__}: {error}")
    await peer.close()


if __name__ == "__main__":
    asyncio.run(main())
