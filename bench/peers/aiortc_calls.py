"""What a bridged call costs in aiortc's own pipeline.

    python aiortc_calls.py CALLS WINDOWS SECONDS      prints {"calls_per_core": […]}

What siptg does for one call, made of aiortc alone: two connections in the process under test (PCMU
towards one far end, Opus towards the other), tracks handed across. The far ends run in a second
process, so that their work is not counted; ICE on loopback, DTLS-SRTP on both legs (aiortc has no
plain RTP). CPU is user + system of the process under test.
"""

import asyncio
import fractions
import json
import math
import multiprocessing
import os
import sys
import time

import aioice.ice
import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpsender import RTCRtpSender

aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
WARM_UP = 2.0


class Tone(AudioStreamTrack):
    """20 ms frames of a sine, on the beat."""

    def __init__(self, hz, rate):
        super().__init__()
        self.rate, self.size, self.sent = rate, rate // 50, 0
        self.cycle = (np.sin(2 * math.pi * hz * np.arange(rate) / rate) * 8000).astype("<i2")

    async def recv(self):
        if self.sent == 0:
            self.begun = time.monotonic()
        await asyncio.sleep(max(0.0, self.begun + self.sent * 0.02 - time.monotonic()))
        at = self.sent * self.size % self.rate
        samples = self.cycle[at : at + self.size].reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = self.rate, self.sent * self.size
        frame.time_base = fractions.Fraction(1, self.rate)
        self.sent += 1
        return frame


class Across(MediaStreamTrack):
    """Hands on what another connection heard."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.source = asyncio.get_running_loop().create_future()
        self.frames = 0

    async def recv(self):
        frame = await (await self.source).recv()
        self.frames += 1
        return frame


def connection(codec, track):
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    able = RTCRtpSender.getCapabilities("audio").codecs
    transceiver = pc.addTransceiver(track, direction="sendrecv")
    transceiver.setCodecPreferences([c for c in able if c.mimeType.lower() == f"audio/{codec}"])
    return pc


async def swallow(track):
    try:
        while True:
            await track.recv()
    except MediaStreamError:
        pass


async def far_ends(pipe):
    """The other process: answers every offer, sends a tone and swallows what it hears."""
    kept = []
    while order := await asyncio.to_thread(pipe.recv):
        codec, sdp = order
        pc = connection(codec, Tone(440, 8000 if codec == "pcmu" else 48_000))
        pc.on("track", lambda track: kept.append(asyncio.create_task(swallow(track))))
        await pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        kept.append(pc)
        pipe.send(pc.localDescription.sdp)


async def leg(pipe, codec, track, on_track):
    pc = connection(codec, track)
    pc.on("track", on_track)
    up = asyncio.Event()
    pc.on("connectionstatechange", lambda: pc.connectionState == "connected" and up.set())
    await pc.setLocalDescription(await pc.createOffer())
    pipe.send((codec, pc.localDescription.sdp))
    answer = await asyncio.to_thread(pipe.recv)
    await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await asyncio.wait_for(up.wait(), 20)
    return pc


async def measure(pipe, calls, windows, seconds):
    across, legs = [], []
    for _ in range(calls):
        to_sip, to_telegram = Across(), Across()
        across += [to_sip, to_telegram]
        legs.append(await leg(pipe, "pcmu", to_sip, to_telegram.source.set_result))
        legs.append(await leg(pipe, "opus", to_telegram, to_sip.source.set_result))
    await asyncio.sleep(WARM_UP)
    found = []
    for _ in range(windows):
        frames = sum(a.frames for a in across)
        begun, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(seconds)
        took, cpu = time.monotonic() - begun, time.process_time() - cpu
        moved = (sum(a.frames for a in across) - frames) / len(across) / took
        if moved < 45:
            raise SystemExit(f"{moved:.0f} frames a second of 50: {calls} calls are too many")
        found.append(calls / (cpu / took))
    return found


def serve(pipe):
    asyncio.run(far_ends(pipe))


def main(calls, windows, seconds):
    ours, theirs = multiprocessing.Pipe()
    other = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    other.start()
    found = asyncio.run(measure(ours, int(calls), int(windows), float(seconds)))
    print(json.dumps({"calls_per_core": found}), flush=True)
    other.kill()
    os._exit(0)  # closing dozens of connections in order takes longer than measuring them


if __name__ == "__main__":
    main(*sys.argv[1:])
