"""aiortc's RTCPeerConnection as the reference engine of 10.0.0 and 11.0.0: offers and answers.

It behaves as that engine is said to: as the callee it answers that it listens, and then offers a
second section for its own sound. What carries the messages is ours; ntgcalls has proven that.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import json
from collections.abc import Callable, Sequence
from typing import Any, Self

import av
import numpy as np
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError
from aiortc.sdp import candidate_from_sdp

from siptg.telegram.signalling.channel import Channel
from siptg.telegram.signalling.cipher import SignallingCipher
from siptg.telegram.signalling.versions import VERSIONS
from tests.world.sounds import PEAK, loudest

RATE, FRAME = 48_000, 960


class Tone(AudioStreamTrack):
    """A sine in frames of 20 ms, in its own time."""

    def __init__(self, hz: float) -> None:
        super().__init__()
        self._step, self._at, self._begun = 2 * np.pi * hz / RATE, 0, 0.0

    async def recv(self) -> av.AudioFrame:
        now = asyncio.get_running_loop().time()
        self._begun = self._begun or now
        await asyncio.sleep(max(0.0, self._begun + self._at / RATE - now))
        sine = np.sin(self._step * np.arange(self._at, self._at + FRAME)) * PEAK
        frame = av.AudioFrame.from_ndarray(sine.astype(np.int16)[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._at, fractions.Fraction(1, RATE)
        self._at += FRAME
        return frame


class Reference:
    """What it told: `heard` (Hz, of each half second), `said` (every message), `states`."""

    def __init__(self, on_signal: Callable[[bytes], None]) -> None:
        self._on_signal = on_signal
        self.heard: list[float] = []
        self.got: list[dict[str, Any]] = []
        self.channel_said: list[dict[str, Any]] = []
        self.channels = 0
        self._connection = RTCPeerConnection()
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._channel: Channel | None = None
        self._outgoing = False
        self._hz = 0.0

    async def __aenter__(self) -> Self:
        self._connection.on("track", lambda track: self._do(self._listen(track)))
        self._connection.on("datachannel", self._use)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._channel is not None:
            self._channel.close()
        await self._connection.close()

    def start(self, key: bytes, *, outgoing: bool, hz: float, versions: Sequence[str]) -> None:
        self._outgoing, self._hz = outgoing, hz
        cipher = SignallingCipher(key, caller=outgoing)
        version = VERSIONS[versions[0]]
        self._channel = version.open(cipher, outgoing, self._on_signal, self._deliver)
        self._do(self._run())

    def signal(self, packet: bytes) -> None:
        if self._channel is not None:
            self._channel.receive(packet)

    async def hears(self, hz: float, seconds: float = 10.0) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (self.heard and abs(self.heard[-1] - hz) < 5):
                    await asyncio.sleep(0.05)
                return
        broken = [task.exception() for task in self._tasks if task.done() and not task.cancelled()]
        state = self._connection.connectionState
        raise TimeoutError(f"no {hz} Hz: heard {self.heard}, {state}, {broken}, got {self.got}")

    def _deliver(self, text: bytes) -> None:
        self.got.append(json.loads(text))
        self._messages.put_nowait(self.got[-1])

    def _do(self, work: Any) -> None:
        self._tasks.add(asyncio.ensure_future(work))

    def _use(self, channel: Any) -> None:
        self.channels += 1
        channel.on("message", lambda text: self.channel_said.append(json.loads(text)))

    async def _run(self) -> None:
        if self._outgoing:
            self._use(self._connection.createDataChannel("data"))
            self._connection.addTrack(Tone(self._hz))
            await self._describe()
        while True:
            said = await self._messages.get()
            match said["@type"]:
                case "offer" | "answer" as kind:
                    remote = RTCSessionDescription(said["sdp"], kind)
                    await self._connection.setRemoteDescription(remote)
                    if kind == "offer":
                        await self._describe()
                        if not self._outgoing and not self._connection.getSenders()[1:]:
                            self._connection.addTransceiver(Tone(self._hz))
                            await self._describe()
                case "candidate":
                    made = candidate_from_sdp(said["sdp"].removeprefix("candidate:"))
                    made.sdpMid, made.sdpMLineIndex = said["mid"], said["mline"]
                    await self._connection.addIceCandidate(made)

    async def _describe(self) -> None:
        await self._connection.setLocalDescription()
        made = self._connection.localDescription
        if self._channel is not None:
            self._channel.post(json.dumps({"@type": made.type, "sdp": made.sdp}).encode())

    async def _listen(self, track: Any) -> None:
        kept = np.zeros(0, np.int16)
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                kept = np.append(kept, frame.to_ndarray()[0, ::2])  # of two channels the first
                if len(kept) >= RATE // 2:
                    self.heard.append(loudest(kept, RATE))
                    kept = kept[:0]
